"""microgpt: a whole GPT in one file of plain Python. It learns from names and makes up new ones.

    python microgpt.py           train, then print 20 names that it writes: kamon, ann, karai, ...
    python microgpt.py --help    the settings, a text file of your own among them, are flags

What is built here is a function. It is given the text so far, say "emm", and gives a probability to
each character that could come next: "a" likely, "q" hardly. Inside are 4,192 adjustable numbers,
its parameters. They start at random, so its first predictions are blind guesses. Training shows it
names, and after each one nudges the parameters a little, so that the characters that really came
next get more likely. Writing is then simple: draw a character by the probabilities, append it, ask
again. Such a function is a language model, and this kind is called GPT: generative (it writes),
pre-trained (on plain text, before any special use), transformer (its design, in part 4).

Read from top to bottom: a part's code needs only those before it. Data passes through five parts,

    1 Dataset -> 2 Tokenizer -> 4 Model -> 6 Training -> 7 Inference

and two are tools for training: 3 Autograd finds out which way each parameter moves the loss, 5 Adam
nudges it the other way. `main`, after part 7, calls the parts in order.

This is an independent implementation of the algorithm of Andrej Karpathy's microgpt (2026).
"""

# All from the standard library; parts 1 to 7 need only itertools, math and operator.
import argparse
import gc
import itertools
import math
import operator
import os
import pathlib
import random
import statistics
import sys
import time

# ---- 1 Dataset ----------------------------------------------------------------------------------
# A document is one text, read from its first character to its last without a look at any other.
# Here it is a name, but no part depends on that: `--data shakespeare.txt --block-size 64` learns
# from lines of Shakespeare (of each, the first 64 characters). Other characters, the same code.
#
# What is learnt from documents: how likely each character is to come next, given all those before
# it in the same document. It is not the names themselves: of the 32,033 in the file, the default
# run is shown 1,000, each only once, and has 4,192 parameters (part 7 has the test). What stays are
# habits that names share: after "j" comes a vowel, "a" is a good end.


def load_docs(path):
    """Return the documents of a text file: its lines, stripped, without the blank ones.

    Raises OSError where the file cannot be read, ValueError where it is not UTF-8 or has no text.
    """
    with open(path, encoding="utf-8-sig") as file:  # -sig: a byte-order mark is no part of the text
        lines = [line.strip() for line in file]
    docs = [line for line in lines if line]
    if not docs:
        raise ValueError(f"there is no text in {str(path)!r}")
    return docs


# ---- 2 Tokenizer --------------------------------------------------------------------------------
# A model computes, so text must become numbers. Each character of the data gets one, its id: a is
# 0, b is 1, ... An id is a label, not an amount: z is not more than a. It only says which row of a
# table (part 4) is meant, so any order would do; sorted, it is the same in every run.
#
# A token is what is read or predicted at one place: the id of a character, or one more id, named
# BOS (beginning of sequence). BOS has two jobs. Before a document, it gives the model something to
# read, from which to predict the first character. After it, BOS is to be predicted: "here it ends".


class Tokenizer:
    """Documents to tokens and back.

    >>> tokenizer = Tokenizer(["abcdefghijklmnopqrstuvwxyz"])
    >>> tokenizer.bos, tokenizer.vocab_size
    (26, 27)
    >>> tokenizer.encode("emma")  # a BOS, four characters, a BOS: six tokens
    [26, 4, 12, 12, 0, 26]
    >>> tokenizer.decode([26, 4, 12, 12, 0, 26])
    'emma'
    """

    def __init__(self, docs):
        self.chars = sorted(set("".join(docs)))  # a character's id is its place in this list
        self.bos = len(self.chars)
        self.vocab_size = len(self.chars) + 1  # how many different tokens there are

    def encode(self, doc):
        """Return the tokens of a text. Raises ValueError for a character that no document has."""
        ids = [self.chars.index(char) for char in doc]
        return [self.bos] + ids + [self.bos]

    def decode(self, tokens):
        """Return the text of tokens."""
        return "".join(self.chars[token] for token in tokens if token != self.bos)


# ---- 3 Autograd ---------------------------------------------------------------------------------
# How wrong the model's predictions are is measured as one number, the loss (part 6). To lower it,
# training asks of each parameter: if it were a little larger, how fast would the loss rise? That
# rate, the derivative of the loss by the parameter, is called the parameter's gradient.
#
# Autograd (automatic gradients) finds them all in one go. Each number in the computation is a
# Value, and remembers the Values that it was computed from, its children. Together they make a
# graph: every Value is a node, and one without children, such as a parameter, is a leaf. An
# operation has to know two things only: its result, and its local gradients, how fast the result
# rises with each child. The chain rule does the rest: along each path through the graph from the
# loss back to a parameter, multiply the local gradients; then add up the paths.

serial_numbers = itertools.count()  # to tell newer Values from older ones


class Value:
    """A number that remembers how it was computed.

    data: the number.
    grad: how fast a result rises with this number, once backward() was called on the result.
    children: the Values that it was computed from; plain numbers are constant, so not counted.
    local_grads: for each child, how fast this number rises with it.

    >>> x = Value(3.0)
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)

    Why 6? x is used twice. As the first factor of x * x it moves the product 3 times as fast as it
    moves itself, because the second factor is 3. As the second factor it does the same: 3 + 3 = 6.
    (Adding 1 has the local gradient 1: each path is 3 * 1.) A trial agrees: at 3.01, y is 10.0601.
    """

    # Named in advance, attributes take less time and memory than in a dict.
    __slots__ = ("data", "grad", "children", "local_grads", "serial")

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local_grads = local_grads
        self.serial = next(serial_numbers)  # higher than that of any Value made before

    def __repr__(self): return f"Value(data={self.data}, grad={self.grad})"

    # Each operation returns its result, with its children and the local gradient of each.

    def __add__(self, other):  # a sum rises as fast as either term
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        if isinstance(other, (int, float)):
            return Value(self.data + other, (self,), (1.0,))
        return NotImplemented  # and Python raises TypeError

    def __mul__(self, other):  # the derivative by one factor is the other factor
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        if isinstance(other, (int, float)):
            return Value(self.data * other, (self,), (other,))
        return NotImplemented

    def __pow__(self, other):  # the derivative of x ** n by x is n * x ** (n - 1)
        if isinstance(other, (int, float)):
            return Value(self.data ** other, (self,), (other * self.data ** (other - 1),))
        return NotImplemented

    def exp(self):  # the derivative of exp(x) is exp(x)
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self):  # the derivative of log(x), the natural logarithm, is 1 / x
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):  # max(x, 0): below 0 it is flat, a constant, so it has no children
        if self.data > 0:
            return Value(self.data, (self,), (1.0,))
        return Value(0.0)

    # The rest is made of those. The methods with an r are for a plain number on the left.

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other  # other + self
    def __rsub__(self, other): return -self + other  # other - self
    def __rmul__(self, other): return self * other  # other * self
    def __rtruediv__(self, other): return self ** -1 * other  # other / self

    def backward(self):
        """Find the derivative of self by each Value that it was computed from; put it in its grad.

        In a leaf, such as a parameter, it is added to the old grad, so that the gradients of
        several documents add up (part 6); Adam (part 5) sets it back to 0. In self it is 1, and any
        other node starts anew.
        """
        nodes = [self]  # to hold self and every other non-leaf it was computed from, each once
        seen = {self}
        for node in nodes:  # also those that are appended on the way
            node.grad = 0.0
            for child in node.children:
                if child.children and child not in seen:  # a leaf stays out, and keeps its grad
                    seen.add(child)
                    nodes.append(child)
        # A node can pass on its grad only after everything computed from it has added its part.
        # What is computed from a node is newer than the node, so go from the newest to the oldest.
        # (Old to new, children first, is called a topological order; gradients flow against it.)
        nodes.sort(key=operator.attrgetter("serial"), reverse=True)
        self.grad = 1.0  # self rises as fast as itself
        for node in nodes:
            grad = node.grad
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * grad  # +=: this adds up the paths


def dot(a, b):
    """a: [n], b: [n], lists of n Values -> their dot product, a[0] * b[0] + a[1] * b[1] + ...

    >>> a = [Value(1.0), Value(2.0)]
    >>> b = [Value(3.0), Value(4.0)]
    >>> product = dot(a, b)
    >>> product.backward()
    >>> product.data, [a_i.grad for a_i in a]  # the derivative by a[i] is b[i]
    (11.0, [3.0, 4.0])

    Nearly everything that the model computes is a dot product. Each is one node here, not one for
    each of n products and n - 1 sums: the same gradients from far fewer nodes, in far less time.
    """
    total = 0.0
    for a_i, b_i in zip(a, b):  # not sum(): how it rounds floats depends on the Python version
        total += a_i.data * b_i.data
    local_grads = [child.data for child in b + a]  # + joins the lists: a[i] gets b[i], b[i] a[i]
    return Value(total, a + b, local_grads)


# ---- 4 Model ------------------------------------------------------------------------------------
# The model, a transformer, reads one token at a time, each at its position in the document: 0, 1,
# 2, ... What it knows at a position is x, a vector (a list of numbers). x begins as "this token, at
# this position". Then, layer by layer, two things are added to it: attention fetches from the
# positions so far, and an MLP (multi-layer perceptron) computes at this position alone. In the end
# x becomes logits, a number for every token: the higher, the likelier to come next.
#
# Five numbers set its size (defaults in brackets; `--n-embd 32 --n-layer 2` makes it larger):
#
#     vocab_size  how many different tokens the data has [27 for the names]
#     block_size  how many positions there can be; the rest of a document is left out [16]
#     n_embd      how many numbers x has [16]
#     n_layer     how many layers there are, each an attention and an MLP [1]
#     n_head      how many things an attention looks for at once [4]
#
# The parameters are in matrices (lists of rows):
#
#     wte                        token embeddings: a row of n_embd numbers for each token
#     wpe                        position embeddings: such a row for each position
#     attn_wq, attn_wk, attn_wv  make a query, a key and a value from x, for attention
#     attn_wo                    turns what attention has fetched into what is added to x
#     mlp_fc1, mlp_fc2           find patterns in x; turn those found into what is added to x
#     lm_head                    turns x into logits
#
# Four functions come first. [n] means a vector of n Values, [n_out, n_in] a matrix of n_out rows
# with n_in Values each.


def linear(x, w):
    """x: [n_in], w: [n_out, n_in] -> [n_out], the dot product of x with each row of w.

    Each number that comes out is a mix of all that go in; its row says how much of each.
    """
    return [dot(x, row) for row in w]


def add(a, b):
    """a: [n], b: [n] -> [n], their sum, number by number."""
    return [a_i + b_i for a_i, b_i in zip(a, b)]


def softmax(logits):
    """logits: [n], any numbers -> [n], probabilities: from 0 to 1, together 1.

    >>> [round(p.data, 6) for p in softmax([Value(math.log(3)), Value(0.0)])]  # exps are as 3 to 1
    [0.75, 0.25]

    exp makes every number positive and keeps the order: a logit that is higher by 1 gets e = 2.7
    times the probability. Dividing by the total makes the sum 1. Subtracting the largest logit
    first keeps exp from overflowing, as exp(1000) would. It does not change the probabilities: all
    exps, and so their total, change by the same factor.
    """
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    scale = sum(exps) ** -1  # 1 / total
    return [e * scale for e in exps]


def rmsnorm(x):
    """x: [n] -> [n], divided by its root mean square, sqrt(mean(x²)) (Zhang & Sennrich 2019).

    >>> [round(y.data, 3) for y in rmsnorm([Value(1.0), Value(7.0)])]  # sqrt((1 + 49) / 2) = 5
    [0.2, 1.4]

    The numbers keep their proportions, but get a standard size. Without that they could grow or
    shrink from layer to layer (doubled by each of 20, a million times), and so could the gradients
    on the way back, until nothing is learnt.
    """
    mean_square = dot(x, x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5  # 1e-5: so that it does not divide by 0 if all are 0
    return [x_i * scale for x_i in x]


class GPT:
    """The model, after GPT-2 (Radford et al. 2019).

    state_dict: the matrices by name, those of a layer as "layer0.attn_wq".
    params: all parameters of all matrices, in one list.
    """

    def __init__(self, rng, vocab_size, n_layer, n_embd, n_head, block_size):
        self.n_layer = n_layer
        self.n_head = n_head
        self.block_size = block_size
        shapes = {  # rows, columns
            "wte": (vocab_size, n_embd),
            "wpe": (block_size, n_embd),
            "lm_head": (vocab_size, n_embd),
        }
        for layer in range(n_layer):
            shapes[f"layer{layer}.attn_wq"] = (n_embd, n_embd)
            shapes[f"layer{layer}.attn_wk"] = (n_embd, n_embd)
            shapes[f"layer{layer}.attn_wv"] = (n_embd, n_embd)
            shapes[f"layer{layer}.attn_wo"] = (n_embd, n_embd)
            shapes[f"layer{layer}.mlp_fc1"] = (4 * n_embd, n_embd)
            shapes[f"layer{layer}.mlp_fc2"] = (n_embd, 4 * n_embd)
        # Parameters start as random numbers: if all were equal, the rows of mlp_fc1, for example,
        # would get equal gradients and stay copies of each other. They start near 0 (0.08 is their
        # standard deviation), and so do the logits: no token leads.
        self.state_dict = {}
        for name, (n_out, n_in) in shapes.items():
            self.state_dict[name] = [[Value(rng.gauss(0, 0.08)) for _ in range(n_in)]
                                     for _ in range(n_out)]
        self.params = [param for w in self.state_dict.values() for row in w for param in row]

    def new_cache(self):
        """Return a cache for a new document: for each layer a list of keys, a list of values."""
        return [([], []) for _ in range(self.n_layer)]

    def forward(self, token, position, cache):
        """Read the token at a position; return the logits, [vocab_size], of the token after it.

        cache: what attention keeps of the positions before; this position is added to it.
        """
        # An embedding is a row of numbers that stands for a thing. Training finds them, and things
        # that behave alike (the vowels) get similar nudges, so similar rows. One embedding says
        # which token this is. Another says at which position, or order would be lost: attention
        # (below) takes a mean over positions, and a mean is the same in any order.
        x = add(self.state_dict["wte"][token], self.state_dict["wpe"][position])
        x = rmsnorm(x)  # scaled up: embeddings start near 0; what layers add would outweigh them
        for layer in range(self.n_layer):
            # Attention and MLP read x in standard size, and what they find is added to x instead of
            # replacing it (a residual connection): what x knew stays, and gradients have a straight
            # way back, as a sum passes them on unchanged.
            x = add(x, self.attention(layer, rmsnorm(x), cache))
            x = add(x, self.mlp(layer, rmsnorm(x)))
        return linear(x, self.state_dict["lm_head"])

    def attention(self, layer, x, cache):
        """x: [n_embd] -> [n_embd], what this position fetches from all so far.

        Each position makes three vectors from its x: a query, what it looks for; a key, what it can
        be found by; a value (a vector, not the class), what it has to give. The query is compared
        with the keys of all positions so far; the better a key matches, the more is taken of the
        value beside it (Vaswani et al. 2017).
        """
        keys, values = cache[layer]
        query = linear(x, self.state_dict[f"layer{layer}.attn_wq"])
        keys.append(linear(x, self.state_dict[f"layer{layer}.attn_wk"]))
        values.append(linear(x, self.state_dict[f"layer{layer}.attn_wv"]))
        # The cache now has this position and those before it. Nothing later is in it yet, so no
        # position can peek at the tokens that it should predict. And since a key or a value does
        # not change within a document, the cache spares making it again for each new token.
        mixed = []
        head_size = len(x) // self.n_head
        for start in range(0, len(x), head_size):
            # One comparison gives one set of weights: it can look for one thing ("which vowel was
            # last?"). To look for several at once, there are n_head comparisons, called heads, each
            # with its own slice of the three vectors.
            own = slice(start, start + head_size)
            # A key's score is its dot product with the query, large if their numbers agree in sign.
            # As signs partly cancel, a sum of head_size products is typically sqrt(head_size) times
            # as large as one product. Dividing by that keeps scores moderate. With large ones,
            # softmax would give one key nearly all weight; a small change of a score would then
            # change next to nothing, and queries and keys would get hardly any gradient.
            scores = [dot(query[own], key[own]) / head_size ** 0.5 for key in keys]
            weights = softmax(scores)  # [positions so far], together 1
            for i in range(start, start + head_size):
                # The weighted mean of this head's slice of the values, one number at a time.
                mixed.append(dot(weights, [value[i] for value in values]))
        return linear(mixed, self.state_dict[f"layer{layer}.attn_wo"])  # mixes what the heads found

    def mlp(self, layer, x):
        """x: [n_embd] -> [n_embd], what this position concludes from what it knows.

        Attention only fetches and mixes; here each position works by itself on what it has. Each of
        the numbers in between, called hidden, tests x for a pattern (a row of mlp_fc1), and relu
        makes it 0 where the pattern is absent. Without relu, two linear steps could do no more than
        one: a mix of mixes is a mix. mlp_fc2 says what each pattern found adds to x. As in GPT-2,
        there are 4 patterns for each number in x.
        """
        hidden = linear(x, self.state_dict[f"layer{layer}.mlp_fc1"])  # [4 * n_embd]
        hidden = [h.relu() for h in hidden]
        return linear(hidden, self.state_dict[f"layer{layer}.mlp_fc2"])


# ---- 5 Adam -------------------------------------------------------------------------------------
# The gradient says which way the loss rises, so a parameter should go the other way. The simplest
# rule is `param.data -= learning_rate * param.grad`, with a learning_rate of 0.01, say. It has two
# weaknesses. Gradients are noisy: the next document may want the opposite. And their sizes differ
# from parameter to parameter, so that one learning_rate is too much for some and too little for
# others. Adam keeps two running means for each parameter, in which older gradients count less and
# less: m, of its gradient, in which noise cancels out; v, of its gradient squared, so sqrt(v) is
# the usual size. It takes learning_rate * m / sqrt(v) from the parameter. If the gradients agree in
# direction, that is about learning_rate, whatever their size; if not, it is usually less.


class Adam:
    """The optimizer, which moves the parameters (Kingma & Ba 2015).

    >>> param = Value(1.0)
    >>> param.grad = 250.0
    >>> Adam([param]).step(learning_rate=0.01)
    >>> round(param.data, 6)  # down by 0.01; a gradient of 0.25 would do the same
    0.99
    """

    def __init__(self, params):
        self.params = params
        self.m = [0.0] * len(params)
        self.v = [0.0] * len(params)
        self.t = 0  # how many steps it has taken

    def step(self, learning_rate, beta1=0.85, beta2=0.99, eps=1e-8):
        """Move each parameter against its mean grad, usually by learning_rate at most; zero grad.

        beta1, beta2: what fraction of m and of v stays when a new gradient comes in.
        eps: keeps it from dividing by 0 where all gradients so far were 0.
        """
        self.t += 1
        m = self.m
        v = self.v
        # Bias correction: m and v start at 0, so at first they are too small: after one step, m is
        # only 1 - beta1 = 0.15 of the gradient; after t steps, the starting 0 still counts for
        # beta1 ** t of the mean, the gradients for 1 - beta1 ** t. Divided by that, m is right; v
        # likewise. Uncorrected, the first step would be 0.15 / sqrt(0.01) = 1.5 times too long.
        m_correction = 1 - beta1 ** self.t
        v_correction = 1 - beta2 ** self.t
        for i, param in enumerate(self.params):
            grad = param.grad
            m[i] = beta1 * m[i] + (1 - beta1) * grad
            v[i] = beta2 * v[i] + (1 - beta2) * grad * grad
            m_hat = m[i] / m_correction
            v_hat = v[i] / v_correction
            param.data -= learning_rate * m_hat / (math.sqrt(v_hat) + eps)
            param.grad = 0.0


# ---- 6 Training ---------------------------------------------------------------------------------
# The loss is a measure of surprise: -log(p), where p is the probability that the model gave to the
# token that really came next. That is 0 for p = 1, and grows as p falls. Its unit is the nat, as
# the logarithm is the natural one. A blind guess among 27 tokens has p = 1/27, a loss of 3.30:
# training starts about there. At 2.3, the model is as unsure as in a choice among e ** 2.3 = 10
# tokens. A loss of 0 would be certainty, and there is none: nobody can know whether "ann" goes on.


def cross_entropy(logits, target):
    """logits: [n], target: a token -> the surprise, -log(softmax(logits)[target]), as one node.

    >>> logits = [Value(math.log(3)), Value(0.0)]  # probabilities 0.75 and 0.25
    >>> loss = cross_entropy(logits, target=1)
    >>> loss.backward()
    >>> round(loss.data, 4), round(-softmax(logits)[1].log().data, 4)  # log(4), both ways
    (1.3863, 1.3863)
    >>> [round(logit.grad, 4) for logit in logits]
    [0.75, -0.75]

    Its gradient by a logit is what was predicted minus what was true: 0.75 - 0 and 0.25 - 1. So
    training, which goes against it, pushes the true token's logit up, and every other logit down in
    proportion to its probability.
    """
    largest = max(logit.data for logit in logits)
    exps = [math.exp(logit.data - largest) for logit in logits]
    total = 0.0
    for e in exps:  # not sum(), see dot
        total += e
    # log(total) - log(exps[target]), written so that an exp rounded to 0 does not end in log(0).
    loss = math.log(total) - (logits[target].data - largest)
    # The derivative of log(total) by a logit is e / total; the target's logit is also subtracted.
    local_grads = [e / total for e in exps]
    local_grads[target] -= 1
    return Value(loss, logits, local_grads)


def document_loss(model, tokens):
    """Return the loss of a document, in nats: the mean over its positions, at most block_size."""
    cache = model.new_cache()
    surprises = []
    for position in range(min(model.block_size, len(tokens) - 1)):
        logits = model.forward(tokens[position], position, cache)
        target = tokens[position + 1]
        surprises.append(cross_entropy(logits, target))
    return sum(surprises) / len(surprises)


def train(model, tokenizer, docs, steps, batch_size, learning_rate):
    """Train the model, and yield the loss of each step, in nats: the mean over its documents.

    A step takes the next batch_size documents, its batch (after the last document, the first
    again). One document may be more surprising than another, so the loss of a step is noisy (look
    at the mean of many), and so are its gradients. A larger batch is less noisy, but takes longer.

    Raises FloatingPointError where a loss is not finite; that step changes no parameter.
    """
    optimizer = Adam(model.params)
    for step in range(steps):
        batch_loss = 0.0
        for i in range(batch_size):
            doc = docs[(step * batch_size + i) % len(docs)]
            tokens = tokenizer.encode(doc)
            # 1: predict every next token. 2: measure the surprise. Every document makes a new
            # graph: its tokens are others, and after a step the parameters have other values. The
            # old graph is freed when loss is set to the next document's: nothing refers to it then.
            loss = document_loss(model, tokens) / batch_size  # divided, so that the sum is the mean
            loss.backward()  # 3: find the gradients; those of a batch add up
            batch_loss += loss.data
        if not math.isfinite(batch_loss):
            raise FloatingPointError(f"the loss of step {step + 1} is {batch_loss}")
        # 4: nudge the parameters. The learning rate falls to 0 over the run: long steps to come
        # near to good values, then short ones to settle there, less disturbed by noise.
        optimizer.step(learning_rate * (1 - step / steps))
        yield batch_loss


# ---- 7 Inference --------------------------------------------------------------------------------
# The model writes by reading what it has written: predict, draw a token, read that, predict again,
# up to a BOS or to the last position. It draws, since to take the likeliest token each time would
# write the same name each time. Nothing is learnt meanwhile: there is no backward and no step.
#
# The temperature makes the draw careful or bold: the logits are divided by it. Only differences of
# logits count: one token is exp(difference) times as likely as another. (Adding a number to all
# changes nothing.) Dividing the logits divides their differences, and so takes each such ratio to
# the power 1 / temperature. A ratio of 3 at temperature 1, as learnt, is 3 ** (1 / 0.5) = 9 at 0.5
# and 59,049 at 0.1: the most usual is drawn, and names are dull. At 2 it is only 1.7: rare letters
# get in, and names are garbled.
#
# Were the names learnt by heart? Of the 20 that the default run prints, 9 are not in the data. The
# other 11 are, but not among the 1,000 documents that it was trained on, and memory could repeat
# only those. Real names that it was never shown are no accident (with --steps 0, no sample is a
# real name): it has learnt how names are made.
#
# ChatGPT is this at heart: tokens, attention and MLPs, trained to predict the next token; it writes
# by drawing one after another. A chat is a document that begins with your question, as a name here
# can begin with `--prompt mar`, and the answer is what is drawn next. ChatGPT has more than this
# file: billions of parameters, tokens that are pieces of words, much of the web as documents, then
# training on conversations, to make helpful answers likely. Both write what is likely, true or not.


def generate(model, tokenizer, temperature, rng, prompt=""):
    """Return a new document: the prompt and what the model adds, block_size characters at most.

    rng: the random.Random to draw from. temperature: from 1e-300 to 1e300. prompt: fewer than
    block_size characters; ValueError for a character that no document has.
    Raises FloatingPointError where the logits are not finite.
    """
    tokens = tokenizer.encode(prompt)[:-1]  # BOS and the prompt, without the BOS that would end it
    cache = model.new_cache()
    for position in range(model.block_size):
        logits = model.forward(tokens[position], position, cache)
        if position + 1 < len(tokens):
            continue  # it is still reading the prompt: nothing to draw
        probs = [p.data for p in softmax([logit / temperature for logit in logits])]
        if not all(math.isfinite(p) for p in probs):
            raise FloatingPointError("the logits are not finite numbers")
        token = rng.choices(range(tokenizer.vocab_size), weights=probs)[0]
        if token == tokenizer.bos:
            break
        tokens.append(token)
    return tokenizer.decode(tokens)


# ---- main ---------------------------------------------------------------------------------------
# The parts in order. What follows main is flags, progress and errors.


def main(argv=None):
    """Load, shuffle, tokenize, build, train, sample."""
    args = parse_args(argv)
    try:
        docs = load_docs(args.data)
    except (OSError, ValueError) as error:
        refuse(f"argument --data: {error}; it takes UTF-8 text of one document a line")
    rng = random.Random(args.seed)  # all chance comes from here: the same seed, the same names
    rng.shuffle(docs)  # names.txt has girls before boys, and frequent names before rare ones
    tokenizer = Tokenizer(docs)
    check_prompt(args.prompt, tokenizer, args.block_size)
    model = GPT(rng, tokenizer.vocab_size, args.n_layer, args.n_embd, args.n_head, args.block_size)
    print(f"num docs: {len(docs)}")
    print(f"vocab size: {tokenizer.vocab_size}")
    print(f"num params: {len(model.params)}")
    longer = sum(len(doc) > args.block_size for doc in docs)
    if longer:
        note(f"documents cut to --block-size {args.block_size}: {longer}")

    losses = []
    started = time.monotonic()
    try:
        for loss in train(model, tokenizer, docs, args.steps, args.batch_size, args.learning_rate):
            losses.append(loss)
            mean = statistics.mean(losses[-100:])
            low_enough = len(losses) >= 100 and mean < args.target_loss
            last = low_enough or len(losses) == args.steps
            show_progress(losses, mean, args.steps, started, last)
            if last:
                break
    except KeyboardInterrupt:
        note(f"\nstopped after step {len(losses)}: samples of what it has learnt so far")
    if losses:
        print(curve(losses))

    trained_on = docs[:len(losses) * args.batch_size]  # what the finished steps have read
    for temperature in args.temperature:
        print(f"--- made up at temperature {temperature:g} ---")
        samples = []
        for i in range(args.samples):
            sample = generate(model, tokenizer, temperature, rng, args.prompt)
            samples.append(sample)
            print(f"sample {i + 1:2}: {sample}")
        print(count_new(samples, docs, trained_on))


def parse_args(argv):
    """Return the settings, or end with one line and exit code 2 where one of them is wrong."""
    # Without the usage, which argparse would print before an error, an error is one line.
    parser = argparse.ArgumentParser(
        prog="microgpt.py", usage=argparse.SUPPRESS,
        description="Train a GPT on a list of names, or on any text, and print what it makes up.",
        epilog="example: python microgpt.py --data my.txt --temperature 0.3 0.7")
    parser.add_argument("--data", default=pathlib.Path(__file__).with_name("names.txt"),
                        help="UTF-8 text, a document a line (default: names.txt beside the script)")
    parser.add_argument("--n-layer", type=int, default=1,
                        help="layers, each an attention and an MLP (default: %(default)s)")
    parser.add_argument("--n-embd", type=int, default=16,
                        help="numbers in a vector, a multiple of --n-head (default: %(default)s)")
    parser.add_argument("--n-head", type=int, default=4,
                        help="attention heads in a layer (default: %(default)s)")
    parser.add_argument("--block-size", type=int, default=16,
                        help="positions; longer documents are cut to it (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1000,
                        help="training steps; 0 leaves the model untrained (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=1,
                        help="documents that a step learns from (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=0.01,
                        help="how far the first steps move a parameter (default: %(default)s)")
    parser.add_argument("--target-loss", type=float, default=0,
                        help="stop when the mean of 100 losses is below it (default: %(default)s)")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5],
                        help="low is careful, high is bold; one or more (default: 0.5)")
    parser.add_argument("--samples", type=int, default=20,
                        help="documents to make up at each temperature (default: %(default)s)")
    parser.add_argument("--prompt", default="",
                        help="text that every sample begins with (default: nothing)")
    parser.add_argument("--seed", type=int, default=42,
                        help="the same seed gives the same samples (default: %(default)s)")
    args = parser.parse_args(argv)
    at_least = {"n_layer": 1, "n_embd": 1, "n_head": 1, "block_size": 1, "steps": 0,
                "batch_size": 1, "target_loss": 0, "samples": 1}
    for name, least in at_least.items():
        number = getattr(args, name)
        if not number >= least:  # "not", so that nan is refused too
            refuse(f"argument --{name.replace('_', '-')}: {number} must be {least} or more")
    above_0 = [("learning-rate", args.learning_rate)]
    above_0 += [("temperature", temperature) for temperature in args.temperature]
    for name, number in above_0:
        if not 1e-300 <= number <= 1e300:
            refuse(f"argument --{name}: {number} must be more than 0, from 1e-300 to 1e300")
    if args.n_embd % args.n_head:
        refuse(f"--n-head {args.n_head} must divide --n-embd {args.n_embd}")
    return args


def refuse(message):
    """End with one line and exit code 2, as argparse does for a wrong flag."""
    note(f"microgpt.py: error: {message}")
    sys.exit(2)


def check_prompt(prompt, tokenizer, block_size):
    """Refuse a prompt that has unknown characters, or leaves no position to write at."""
    for char in prompt:
        if char not in tokenizer.chars:
            known = repr("".join(tokenizer.chars))
            if len(tokenizer.chars) > 100:
                known = f"{len(tokenizer.chars)} others"
            refuse(f"argument --prompt: no document has the character {char!r}; they have {known}")
    if len(prompt) >= block_size:
        refuse(f"argument --prompt: its length, {len(prompt)}, must be less than --block-size, "
               f"{block_size}")


def note(text, end="\n"):
    """Print on standard error, or nowhere once that fails: it is not worth ending a run."""
    try:
        print(text, end=end, file=sys.stderr)
    except OSError:
        sys.stderr = open(os.devnull, "w")


def show_progress(losses, mean, steps, started, last):
    """Print a line on standard error: at each tenth of the run, on a terminal at each step."""
    step = len(losses)
    on_terminal = sys.stderr.isatty()
    if last or on_terminal or step * 10 % steps < 10:  # < 10: the first step in the next tenth
        seconds_left = (time.monotonic() - started) / step * (steps - step)
        note(f"step {step:{len(str(steps))}} / {steps} | loss {losses[-1]:.4f} | mean {mean:.4f} | "
             f"{seconds_left:.0f} s left",
             end="  \r" if on_terminal and not last else "\n")  # \r: the next line overwrites it


def curve(losses):
    """Return the run as a line: up to 40 means as blocks, the first and the last as numbers."""
    n = min(40, len(losses))
    bounds = [i * len(losses) // n for i in range(n + 1)]
    means = [statistics.mean(losses[start:end]) for start, end in zip(bounds, bounds[1:])]
    low = min(means)
    span = (max(means) - low) or 1  # 1: not to divide by 0 where all means are the same
    blocks = "".join("▁▂▃▄▅▆▇█"[int((mean - low) / span * 7.99)] for mean in means)
    return f"loss {means[0]:.2f} {blocks} {means[-1]:.2f}"


def count_new(samples, docs, trained_on):
    """Return the line that says how many samples are new, and how many the model was shown."""
    in_data = set(docs)
    shown = set(trained_on)
    n_new = sum(sample not in in_data for sample in samples)
    n_shown = sum(sample in shown for sample in samples)
    n_unseen = len(samples) - n_new - n_shown
    return (f"{len(samples)} samples: {n_new} new, {n_unseen} in the data but not trained on, "
            f"{n_shown} trained on")


if __name__ == "__main__":
    # CPython frees a graph as soon as nothing refers to it, by counting references. Its collector
    # only looks for cycles, which a graph has none of: without it, training is faster. (PyPy does
    # not count references, and needs its collector.)
    if sys.implementation.name == "cpython":
        gc.disable()
    # A stream that was closed from the start (>&-) is None: what it cannot show goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # "?" for what it cannot show
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # here, where an error can still be told
    except KeyboardInterrupt:
        sys.exit(130)
    except FloatingPointError as error:
        new_line = "\n" if sys.stderr.isatty() else ""  # progress may stand on this one
        sys.exit(f"{new_line}microgpt.py: error: {error}; try a lower --learning-rate")
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # Python would try once more to write the rest
        if not isinstance(error, BrokenPipeError):  # a closed pipe is no error: `| head -1`
            sys.exit(f"microgpt.py: error: {error}")
