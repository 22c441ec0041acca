"""The slow way: an engine with a node for every single operation, constants included.

It is the independent check of what microgpt.py does in fewer nodes (dot) and in another order
(backward), and what its speed is measured against.
"""
import math
from unittest import mock

import microgpt


class PlainValue:
    """As microgpt.Value for its user. Each operation makes a node, and so does each number."""

    __slots__ = ("data", "grad", "children", "local_grads")

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local_grads = local_grads

    def __add__(self, other):
        other = as_value(other)
        return PlainValue(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = as_value(other)
        return PlainValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return PlainValue(self.data ** n, (self,), (n * self.data ** (n - 1),))

    def log(self):
        return PlainValue(math.log(self.data), (self,), (1 / self.data,))

    def exp(self):
        return PlainValue(math.exp(self.data), (self,), (math.exp(self.data),))

    def relu(self):
        return PlainValue(max(0.0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rtruediv__(self, other): return self ** -1 * other

    def backward(self):
        """Add d(self)/d(node) to the grad of every node; depth first, without recursion."""
        for node in self.graph():
            node.grad += 1.0 if node is self else 0.0
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * node.grad

    def graph(self):
        """Return all nodes, each before its children."""
        finished = []
        seen = {self}
        path = [(self, iter(self.children))]
        while path:
            node, children = path[-1]
            child = next(children, None)
            if child is None:
                finished.append(node)
                path.pop()
            elif child not in seen:
                seen.add(child)
                path.append((child, iter(child.children)))
        return finished[::-1]


def as_value(number):
    return number if isinstance(number, PlainValue) else PlainValue(number)


def plain_dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def engine():
    """Return a context in which models are made and run on plain Values."""
    return mock.patch.multiple(microgpt, Value=PlainValue, dot=plain_dot)
