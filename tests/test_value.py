"""Autograd: every operation against central finite differences, and what backward promises."""
import gc
import math

import pytest

from microgpt import Value, linear, logsumexp, rmsnorm, softmax


def relu(x):
    return x.relu() if isinstance(x, Value) else max(0.0, x)


def exp(x):
    return x.exp() if isinstance(x, Value) else math.exp(x)


def log(x):
    return x.log() if isinstance(x, Value) else math.log(x)


OPERATIONS = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a ** b": lambda a, b: a ** b,
    "a + 3": lambda a, b: a + 3,
    "a - 3": lambda a, b: a - 3,
    "a * 3": lambda a, b: a * 3,
    "a / 3": lambda a, b: a / 3,
    "a ** 3": lambda a, b: a ** 3,
    "a ** -0.5": lambda a, b: a ** -0.5,
    "3 + a": lambda a, b: 3 + a,
    "3 - a": lambda a, b: 3 - a,
    "3 * a": lambda a, b: 3 * a,
    "3 / a": lambda a, b: 3 / a,
    "3 ** a": lambda a, b: 3 ** a,
    "-a": lambda a, b: -a,
    "exp(a)": lambda a, b: exp(a),
    "log(a)": lambda a, b: log(a),
    "relu(a)": lambda a, b: relu(a),
    "relu(-a)": lambda a, b: relu(-a),
    "sum([a, b, a])": lambda a, b: sum([a, b, a]),
    "a reused": lambda a, b: (a * a + b) * (a + exp(b * a)) / (a * a + 1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_and_its_gradient(name):
    operation, (a, b), h = OPERATIONS[name], (1.7, 0.6), 1e-5
    x, y = Value(a), Value(b)
    result = operation(x, y)
    result.backward()
    assert result.data == pytest.approx(operation(a, b), rel=1e-12)
    assert x.grad == pytest.approx((operation(a + h, b) - operation(a - h, b)) / (2 * h), rel=1e-8, abs=1e-9)
    assert y.grad == pytest.approx((operation(a, b + h) - operation(a, b - h)) / (2 * h), rel=1e-8, abs=1e-9)


def values(numbers):
    return [Value(number) for number in numbers]


@pytest.mark.parametrize("function", [
    lambda x: sum(linear(x, [x[2:] + x[:2], values([0.3, -0.2, 0.9, 0.4])])),
    lambda x: logsumexp(x),
    lambda x: softmax(x)[1],
    lambda x: rmsnorm(x)[2],
])
def test_gradients_of_the_vector_operations(function):
    numbers, h = [0.5, -1.2, 2.0, 0.1], 1e-5
    x = values(numbers)
    function(x).backward()
    for i in range(len(numbers)):
        low, high = [function(values(numbers[:i] + [numbers[i] + step] + numbers[i + 1:])).data for step in (-h, h)]
        assert x[i].grad == pytest.approx((high - low) / (2 * h), rel=1e-8, abs=1e-9)


def test_a_constant_is_no_node():
    a = Value(2.0)
    for result in (a + 1, 1 + a, a * 0.5, 0.5 * a, a ** 2, a - 1, a / 4):
        assert result.children == (a,)


def test_a_dot_product_is_one_node():
    x, row = values([1.0, 2.0, 3.0]), values([4.0, 5.0, 6.0])
    [dot] = linear(x, [row])
    assert dot.data == 32.0
    assert set(dot.children) == {*x, *row}
    dot.backward()
    assert [child.grad for child in x + row] == [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]


def test_backward_again_adds_the_same_to_the_leaves():
    a = Value(3.0)
    squared = a * a
    result = squared * 2
    result.backward()
    assert (a.grad, squared.grad, result.grad) == (12.0, 2.0, 1.0)
    result.backward()
    assert (a.grad, squared.grad, result.grad) == (24.0, 2.0, 1.0)


def test_backward_from_any_node():
    a = Value(3.0)
    shared = a * a
    first, second = shared * 2, shared + a
    first.backward()
    second.backward()
    assert a.grad == 12.0 + 7.0
    assert shared.grad == 1.0
    a.grad = 0.0
    shared.backward()
    assert a.grad == 6.0
    a.backward()
    assert a.grad == 1.0


def test_a_node_waits_for_all_that_was_computed_from_it():
    a = Value(2.0)
    b = a * 3
    c = b * b
    (c * b + b + c).backward()  # b³ + b + b² with b = 6: 3b² + 1 + 2b
    assert b.grad == 121.0
    assert a.grad == 363.0


def test_a_deep_graph_goes_backward_and_is_freed():
    a = Value(1.0)
    total = a
    for _ in range(200_000):
        total = total + 1.0
    total.backward()
    assert (total.data, a.grad) == (200_001.0, 1.0)


def test_backward_leaves_nothing_behind():
    def alive():
        gc.collect()
        return sum(isinstance(thing, Value) for thing in gc.get_objects())

    before = alive()
    a = Value(2.0)
    (a * a + a.exp()).backward()
    del a
    assert alive() == before


def test_repr_shows_data_and_grad():
    a = Value(2.5)
    (a * 3).backward()
    assert repr(a) == "Value(data=2.5, grad=3.0)"


def test_softmax_of_any_numbers():
    assert [p.data for p in softmax(values([1e9, 0.0, -1e9]))] == [1.0, 0.0, 0.0]
    assert sum(p.data for p in softmax(values([-1000.0, -1001.0, -999.0]))) == pytest.approx(1.0)
    assert [p.data for p in softmax(values([5.0] * 4))] == pytest.approx([0.25] * 4)


def test_rmsnorm_has_a_root_mean_square_of_one():
    y = [y_i.data for y_i in rmsnorm(values([3.0, -4.0, 12.0]))]
    assert sum(y_i * y_i for y_i in y) / 3 == pytest.approx(1.0, abs=1e-6)
    assert y[0] / y[1] == pytest.approx(-0.75)
    assert [y_i.data for y_i in rmsnorm(values([0.0, 0.0]))] == [0.0, 0.0]
