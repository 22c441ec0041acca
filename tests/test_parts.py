"""The parts of the file by themselves: autograd, and the functions that the model is made of."""
import doctest
import math

import pytest

import microgpt
from microgpt import Value

POINT = dict(a=2.0, b=0.5, c=-1.0)


def evaluate(expression, **moved):
    """Return the Value of an expression of a, b and c, and these."""
    leaves = {name: Value(number) for name, number in {**POINT, **moved}.items()}
    return eval(expression, vars(microgpt), leaves), leaves


@pytest.mark.parametrize("expression, result", [
    ("a + b", 2.5), ("a - b", 1.5), ("a * b", 1), ("a / b", 4), ("-a", -2), ("a ** 3", 8),
    ("a + 1", 3), ("a - 1", 1), ("a * 3", 6), ("a / 4", 0.5), ("b ** -0.5", math.sqrt(2)),
    ("1 + a", 3), ("1 - a", -1), ("3 * a", 6), ("1 / a", 0.5), ("sum([a, b, a])", 4.5),
    ("a.exp()", math.exp(2)), ("a.log()", math.log(2)), ("a.relu()", 2), ("c.relu()", 0),
    ("(a * a + b) * (a / b + c) - b", 13), ("dot([a, b, c], [c, b, c])", -0.75),
    ("softmax([a, b, b])[1]", 1 / (math.exp(1.5) + 2)), ("rmsnorm([a, b, c])[1]", 0.3779632),
    ("softmax([5000 * a, b])[0]", 1), ("softmax([-5000 * a, b])[0]", 0),
    ("rmsnorm([a - 2])[0]", 0), ("attend([a, b], [[b, c], [c, a]], [[c, a], [a, b]])[1]", 1.614225),
])
def test_an_operation_has_the_gradients_that_differences_show(expression, result):
    value, leaves = evaluate(expression)
    value.backward()
    assert value.data == pytest.approx(result)
    for name, number in POINT.items():
        higher, lower = [evaluate(expression, **{name: number + h})[0].data for h in (1e-5, -1e-5)]
        assert leaves[name].grad == pytest.approx((higher - lower) / 2e-5, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("wrong", [
    "a ** a", "2 ** a", "a ** '1'", "a + '1'", "'1' + a", "a * '1'", "[1] * a", "a - None"])
def test_what_is_no_number_raises_type_error(wrong):
    with pytest.raises(TypeError):
        evaluate(wrong)


def test_leaves_add_up_the_gradients_of_several_calls_and_inner_nodes_do_not():
    w = Value(2.0)
    h = w * Value(3.0)  # a node of two graphs
    (h * 2).backward()
    (h * 3).backward()
    assert w.grad == 15.0


@pytest.mark.parametrize("expression, n_children", [("dot([a, b], [b, c])", 4), ("c.relu()", 0)])
def test_a_dot_product_is_one_node_and_the_zero_of_relu_a_leaf(expression, n_children):
    assert len(evaluate(expression)[0].children) == n_children


def test_a_graph_may_be_deep():
    total = x = Value(1.0)
    for _ in range(200_000):
        total = total + 1
    total.backward()
    assert (total.data, x.grad) == (200_001.0, 1.0)


def test_the_examples_in_the_docstrings():
    failed, attempted = doctest.testmod(microgpt)
    assert failed == 0 and attempted > 5
