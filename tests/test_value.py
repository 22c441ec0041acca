"""Autograd: every operation against central differences, and what backward promises."""
import doctest
import math

import pytest

import microgpt
from microgpt import Value, attend, dot, rmsnorm, softmax

H = 1e-5  # how far a number is moved to see how the result follows
OPERATIONS = [(text, text) for text in [
    "a + b", "a - b", "a * b", "a / b", "-a", "a + 3", "3 + a", "a - 3", "3 - a", "a * 3", "3 * a",
    "a / 3", "3 / a", "a ** 3", "a ** -0.5", "(a * a + b) * (a / b + a) - b"]]
OPERATIONS += [("a.exp()", "math.exp(a)"), ("a.log()", "math.log(a)"),
               ("a.relu()", "a"), ("(-a).relu()", "0")]


def values(numbers):
    return [Value(number) for number in numbers]


@pytest.mark.parametrize("of_values, of_floats", OPERATIONS)
def test_an_operation_and_its_gradients(of_values, of_floats):
    def result(a, b):
        return eval(of_floats, {"a": a, "b": b, "math": math})

    a, b = values([1.7, 0.6])
    value = eval(of_values, {"a": a, "b": b})
    value.backward()
    assert value.data == pytest.approx(result(1.7, 0.6), rel=1e-12)
    by_a = (result(1.7 + H, 0.6) - result(1.7 - H, 0.6)) / (2 * H)
    by_b = (result(1.7, 0.6 + H) - result(1.7, 0.6 - H)) / (2 * H)
    assert [a.grad, b.grad] == pytest.approx([by_a, by_b], rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("wrong", [
    "x ** x", "2 ** x", "x ** '1'", "x + '1'", "'1' + x", "x * [1]", "[1] * x", "x - None"])
def test_what_is_no_number_raises_type_error(wrong):
    with pytest.raises(TypeError):
        eval(wrong, {"x": Value(2.0)})


@pytest.mark.parametrize("function", [
    lambda x: dot(x, x),
    lambda x: dot(x[:3], x[1:]),
    lambda x: -softmax(x)[1].log(),
    lambda x: rmsnorm(x)[2],
    lambda x: attend(x[:2], [x[1:3], x[2:]], [x[2:], x[:2]])[1],
])
def test_gradients_of_the_vector_functions(function):
    numbers = [0.5, -1.2, 2.0, 0.1]
    x = values(numbers)
    function(x).backward()
    for i in range(len(numbers)):
        higher = function(values(numbers[:i] + [numbers[i] + H] + numbers[i + 1:])).data
        lower = function(values(numbers[:i] + [numbers[i] - H] + numbers[i + 1:])).data
        assert x[i].grad == pytest.approx((higher - lower) / (2 * H), rel=1e-7, abs=1e-9)


def test_a_constant_is_no_node_and_a_dot_product_is_one():
    a = Value(2.0)
    for result in (a + 1, 1 + a, a * 0.5, 0.5 * a, a ** 2, a - 1, a / 4):
        assert result.children == (a,)
    assert a.relu().children == (a,)
    assert (-a).relu().children == ()
    x, w = values([1.0, 2.0, 3.0]), values([4.0, 5.0, 6.0])
    assert dot(x, w).data == 32.0
    assert dot(x, w).children == (*x, *w)


def test_numbers_far_apart_and_zeros_stay_finite():
    assert [p.data for p in softmax(values([5000.0, 0.0, -5000.0]))] == [1.0, 0.0, 0.0]
    assert [y.data for y in rmsnorm(values([0.0, 0.0]))] == [0.0, 0.0]


def test_gradients_of_several_graphs_add_up_in_a_leaf():
    a = Value(3.0)
    (a * a).backward()
    (2 * a + 1).backward()
    assert a.grad == 6.0 + 2.0
    a.backward()
    assert a.grad == 1.0


def test_a_deep_graph_goes_backward():
    a = total = Value(1.0)
    for _ in range(200_000):
        total = total + 1.0
    total.backward()
    assert (total.data, a.grad) == (200_001.0, 1.0)


def test_the_worked_examples():
    assert doctest.testmod(microgpt) == (0, 25)  # none fails
