"""Autograd, and what is built on it."""
import doctest
import math

import pytest

import microgpt
from microgpt import Adam, Value, dot, rmsnorm, softmax

POINT = dict(a=2.0, b=0.5, c=-1.0)


def values(*numbers): return [Value(number) for number in numbers]


@pytest.mark.parametrize("operation, result", [
    ("a + b", 2.5), ("a - b", 1.5), ("a * b", 1), ("a / b", 4), ("-a", -2), ("a ** 3", 8),
    ("a + 1", 3), ("a - 1", 1), ("a * 3", 6), ("a / 4", 0.5), ("b ** -0.5", math.sqrt(2)),
    ("1 + a", 3), ("1 - a", -1), ("3 * a", 6), ("1 / a", 0.5), ("sum([a, b, a])", 4.5),
    ("a.exp()", math.exp(2)), ("a.log()", math.log(2)), ("a.relu()", 2), ("c.relu()", 0),
    ("(a * a + b) * (a / b + c) - b", 13), ("dot([a, b, c], [c, b, c])", -0.75),
    ("softmax([a, b, b])[1]", 1 / (math.exp(1.5) + 2)), ("rmsnorm([a, b, c])[1]", 0.3779632),
    ("attend([a, b], [[b, c], [c, a]], [[c, a], [a, b]])[1]", 1.6142250),
])
def test_an_operation_and_its_gradients(operation, result):
    def compute(**moved):
        leaves = {name: Value(number) for name, number in {**POINT, **moved}.items()}
        return eval(operation, vars(microgpt), leaves), leaves

    value, leaves = compute()
    value.backward()
    assert value.data == pytest.approx(result)
    for name, number in POINT.items():
        higher, lower = [compute(**{name: number + h})[0].data for h in (1e-5, -1e-5)]
        assert leaves[name].grad == pytest.approx((higher - lower) / 2e-5, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("wrong", [
    "x ** x", "2 ** x", "x ** '1'", "x + '1'", "'1' + x", "x * '1'", "[1] * x", "x - None"])
def test_what_is_no_number_raises_type_error(wrong):
    with pytest.raises(TypeError):
        eval(wrong, {"x": Value(2.0)})


def test_gradients_of_several_calls_add_up_in_the_leaves_only():
    x = Value(2.0)
    y = x * x * x
    y.backward()
    y.backward()
    assert x.grad == 24.0  # twice 3 * x * x
    w, x = values(2.0, 3.0)
    h = w * x  # a node of two graphs
    (h * 2).backward()
    (h * 3).backward()
    assert w.grad == 15.0


def test_a_dot_product_is_one_node_and_a_graph_may_be_deep():
    a, b = values(1.0, 2.0), values(3.0, 4.0)
    total = dot(a, b)
    assert total.children == (*a, *b)
    for _ in range(200_000):
        total = total + 1
    total.backward()
    assert (total.data, a[0].grad, a[1].grad) == (200_011.0, 3.0, 4.0)
    assert Value(-1.0).relu().children == ()


def test_worked_examples():
    logits = values(math.log(3), 0.0)
    (-softmax(logits)[1].log()).backward()
    assert [logit.grad for logit in logits] == pytest.approx([0.75, -0.75])
    assert [p.data for p in softmax(values(5000.0, 0.0, -5000.0))] == [1.0, 0.0, 0.0]
    assert [round(y.data, 5) for y in rmsnorm(values(1.0, 7.0))] == [0.2, 1.4]
    assert [y.data for y in rmsnorm(values(0.0, 0.0))] == [0.0, 0.0]
    params = values(1.0, 1.0, 1.0)
    params[0].grad, params[1].grad = 250.0, 0.25
    Adam(params).step(0.01)
    assert [param.data for param in params] == pytest.approx([0.99, 0.99, 1.0])
    assert [param.grad for param in params] == [0.0, 0.0, 0.0]
    failed, attempted = doctest.testmod(microgpt)
    assert failed == 0 and attempted > 5
