"""Autograd: every operation against central differences, and what backward promises."""
import doctest
import gc
import math

import pytest

import microgpt
from microgpt import Value, cross_entropy, dot, linear, rmsnorm, softmax

H = 1e-5  # how far a number is moved to see how the result follows
OPERATIONS = [(text, text) for text in [
    "a + b", "a - b", "a * b", "a / b", "-a", "a + 3", "3 + a", "a - 3", "3 - a", "a * 3", "3 * a",
    "a / 3", "3 / a", "a ** 3", "a ** -0.5", "(a * a + b) * (a / b + a) - b"]]
OPERATIONS += [("a.exp()", "math.exp(a)"), ("a.log()", "math.log(a)"),
               ("a.relu()", "a"), ("(-a).relu()", "0")]


@pytest.mark.parametrize("of_values, of_floats", OPERATIONS)
def test_an_operation_and_its_gradients(of_values, of_floats):
    def result(a, b):
        return eval(of_floats, {"a": a, "b": b, "math": math})

    a, b = Value(1.7), Value(0.6)
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
        eval(wrong, {"x": Value(2)})


def values(numbers):
    return [Value(number) for number in numbers]


@pytest.mark.parametrize("function", [
    lambda x: dot(x[:2], x[2:]),
    lambda x: dot(x, x),
    lambda x: dot(x[:3], x[1:]),
    lambda x: linear(x[:2], [x[2:], values([0.3, -0.2])])[0],
    lambda x: softmax(x)[1],
    lambda x: rmsnorm(x)[2],
    lambda x: cross_entropy(x, 1),
])
def test_gradients_of_the_vector_operations(function):
    numbers = [0.5, -1.2, 2.0, 0.1]
    x = values(numbers)
    function(x).backward()
    for i in range(len(numbers)):
        higher = function(values(numbers[:i] + [numbers[i] + H] + numbers[i + 1:])).data
        lower = function(values(numbers[:i] + [numbers[i] - H] + numbers[i + 1:])).data
        assert x[i].grad == pytest.approx((higher - lower) / (2 * H), rel=1e-8, abs=1e-9)


def test_a_constant_is_no_node_and_a_dot_product_is_one():
    a = Value(2.0)
    for result in (a + 1, 1 + a, a * 0.5, 0.5 * a, a ** 2, a - 1, a / 4):
        assert result.children == (a,)
    x, w = values([1.0, 2.0, 3.0]), values([4.0, 5.0, 6.0])
    assert (dot(x, w).data, dot(x, w).children) == (32.0, x + w)


def test_numbers_far_apart_and_zeros_stay_finite():
    logits = values([5000.0, 0.0, -5000.0])
    loss = cross_entropy(logits, 2)
    loss.backward()
    assert loss.data == 10000.0
    assert [logit.grad for logit in logits] == [1.0, 0.0, -1.0]
    assert [p.data for p in softmax(logits)] == [1.0, 0.0, 0.0]
    assert [y.data for y in rmsnorm(values([0.0, 0.0]))] == [0.0, 0.0]


def test_backward_again_and_from_any_node():
    a = Value(3.0)
    squared = a * a
    result = squared * 2
    for times in (1, 2):
        result.backward()
        assert (a.grad, squared.grad, result.grad) == (12.0 * times, 2.0, 1.0)
    (squared + a).backward()
    assert (a.grad, squared.grad, result.grad) == (24.0 + 7.0, 1.0, 1.0)
    squared.backward()
    assert (a.grad, squared.grad) == (31.0 + 6.0, 1.0)
    a.backward()
    assert repr(a) == "Value(data=3.0, grad=1.0)"


def test_a_deep_graph_goes_backward_and_is_freed():
    def values_alive():
        gc.collect()
        return sum(isinstance(thing, Value) for thing in gc.get_objects())

    before = values_alive()
    a = Value(1.0)
    total = a
    for _ in range(200_000):
        total = total + 1.0
    total.backward()
    assert (total.data, a.grad) == (200_001.0, 1.0)
    del a, total
    assert values_alive() == before


def test_the_worked_examples():
    results = doctest.testmod(microgpt)
    assert (results.failed, results.attempted >= 20) == (0, True)
