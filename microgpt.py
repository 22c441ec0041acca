"""microgpt: a whole GPT in one file of plain Python. It learns from names and makes up more.

    python microgpt.py                    train, then print 20 names: kamon, ann, karai, jaire, ...
    python microgpt.py --data words.txt   learn from a text of your own; --help lists all flags

What is built here is a function. It is given the text so far, say "emm", and gives a probability to
each character that could come next: "a" likely, "q" hardly. Inside are 4,192 adjustable numbers,
its parameters. They start at random, so its first predictions are blind guesses. Training shows it
names, and after each one nudges the parameters a little, so that the characters that really came
next get more likely. Writing is then simple: draw a character by the probabilities, append it, ask
again. Such a function is a language model, and this kind is called GPT: generative (it writes),
pre-trained (on plain text; a chatbot is then trained further), transformer (its design, in part 4).

In training, a name goes through 1 Dataset -> 2 Tokenizer -> 4 Model -> 6 Training. Training has two
tools: 3 Autograd finds out which way each parameter moves the loss (how wrong the model is), and
5 Adam nudges each parameter so that the loss falls. 7 Inference writes. The code of a part needs
only the parts before it.

The algorithm is that of Andrej Karpathy's microgpt (2026); this implementation is independent.
"""
import argparse
import datetime
import gc
import itertools
import math
import os
import pathlib
import random
import signal
import statistics
import sys
import textwrap
import time


# ---- 1 Dataset ----------------------------------------------------------------------------------
# A document is one text, which the model reads by itself, with no other in view. Here it is a name,
# but no part depends on that: `--data shakespeare.txt --block-size 64` makes it a line of
# Shakespeare, its first 64 characters. The set of characters is then another, the code the same.
#
# What is learnt is how likely each character is to come next, given those before it. The names
# themselves are not learnt: a run without flags reads 1,000 of the 32,033 lines of names.txt, each
# once, which is too seldom. What stays are habits of names: after "j" nearly always comes a vowel.

def load_docs(path):
    """Return the documents of a UTF-8 text file: its lines, in their order, without blank ones."""
    with open(path, encoding="utf-8-sig") as file:  # -sig: drops a byte-order mark
        return [line.strip() for line in file if line.strip()]


# ---- 2 Tokenizer --------------------------------------------------------------------------------
# A model computes, so text must become numbers. Each character of the data gets one, its id: a is
# 0, b is 1, ... An id is a label, not an amount: z is not more than a. It only says which row of a
# table (part 4) is meant.
#
# A token is what is read or predicted at one position: the id of a character, or BOS (beginning of
# sequence), which has the next free number. BOS has two jobs: it is read before a document, as the
# first letter has to be predicted from something, and predicted after one, meaning "here it ends".
# These do not clash: the model is only asked what comes next, and that is BOS only at the end.

class Tokenizer:
    """Documents to tokens and back.

    >>> tokenizer = Tokenizer(["abcdefghijklmnopqrstuvwxyz"])
    >>> tokenizer.encode("emma")  # a BOS, four characters, a BOS: six tokens
    [26, 4, 12, 12, 0, 26]
    >>> tokenizer.decode([26, 4, 12, 12, 0, 26])
    'emma'
    """

    def __init__(self, docs):
        self.chars = sorted(set("".join(docs)))  # an id is a place here; a set has no fixed order
        self.bos = len(self.chars)
        self.vocab_size = len(self.chars) + 1  # how many different tokens there are

    def encode(self, doc):
        """Return the tokens of a text. Raises ValueError for a character that no document has."""
        return [self.bos] + [self.chars.index(char) for char in doc] + [self.bos]

    def decode(self, tokens):
        """Return the text of tokens."""
        return "".join(self.chars[token] for token in tokens if token != self.bos)


# ---- 3 Autograd ---------------------------------------------------------------------------------
# The loss (part 6) is one number that says how wrong the predictions are. To lower it, training
# asks of each parameter: if it grew a little, how fast would the loss rise with it? That rate, the
# derivative of the loss with respect to the parameter, is the parameter's gradient.
#
# Autograd (automatic gradients) finds them all in one go. Each parameter, and each number computed
# from parameters, is a Value, and remembers its children, the Values that it was computed from. So
# they form a graph: each Value is a node, and one without children, such as a parameter, a leaf. An
# operation has to know two things only: its result, and for each child a local gradient, how fast
# the result rises with it. The chain rule does the rest: multiply the local gradients along each
# path from the loss back to a parameter, then add up the products.

class Value:
    """A number that remembers how it was computed.

    >>> x = Value(3.0)
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)

    Why 6? x is used twice. As the first factor of x * x it moves the product 3 times as fast as it
    moves itself, because the second factor is 3. As the second factor it does the same: 3 + 3 = 6.
    A trial agrees: 0.01 more in x makes y 0.0601 larger.
    """

    __slots__ = ("data", "grad", "children", "local_grads", "serial")  # fixed attributes are faster
    serial_numbers = itertools.count()  # to tell newer Values from older ones

    def __init__(self, data, children=(), local_grads=()):
        self.data = data  # the number
        self.grad = 0.0  # how fast the final result rises with this number; see backward
        self.children = children
        self.local_grads = local_grads  # how fast this number rises with each child
        self.serial = next(Value.serial_numbers)  # higher than that of any Value made before

    # Each operation returns Value(result, children, local gradients). A plain number is a constant,
    # and no child; if it stands on the left, as in 2 * x, Python calls a method with an r.

    def __add__(self, other):  # a sum rises as fast as either term
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):  # the derivative with respect to one factor is the other
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, n):  # derivative: n * x ** (n - 1)
        return Value(self.data ** n, (self,), (n * self.data ** (n - 1),))

    def exp(self):  # derivative: exp(x) itself
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self):  # natural logarithm; derivative: 1 / x
        local_grad = 1 / self.data  # first, so that log(0) ends in a ZeroDivisionError
        return Value(math.log(self.data), (self,), (local_grad,))

    def relu(self):  # rectified linear unit: x above 0, else a 0 that no child can move
        if self.data > 0:
            return Value(self.data, (self,), (1.0,))
        return Value(0.0)

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self ** -1 * other
    def __repr__(self): return f"Value(data={self.data}, grad={self.grad})"

    def backward(self):
        """For every Value that self was computed from, add to its grad how fast self rises with it.

        A node passes its grad on to its children, so its grad has to be complete by then: every
        Value that was computed from the node must have added its part. Those Values are newer, so
        the newest goes first (a topological order has children first; this is the reverse). Leaves
        add up the gradients of several graphs. Call it once for a graph, or inner nodes would count
        twice.
        """
        nodes = [self]  # self and all inner nodes behind it, each once
        seen = {self}
        for node in nodes:  # also those that are appended on the way
            for child in node.children:
                if child.children and child not in seen:  # a leaf has nothing to pass on
                    seen.add(child)
                    nodes.append(child)
        nodes.sort(key=lambda node: node.serial, reverse=True)
        self.grad = 1.0  # self rises as fast as itself
        for node in nodes:
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * node.grad  # +=: this adds up the paths


def dot(a, b):
    """Return the dot product of a and b, lists of n Values: a[0] * b[0] + a[1] * b[1] + ...

    >>> a = [Value(1.0), Value(2.0)]
    >>> product = dot(a, [Value(3.0), Value(4.0)])
    >>> product.backward()
    >>> product.data, [a_i.grad for a_i in a]  # the derivative with respect to a[i] is b[i]
    (11.0, [3.0, 4.0])

    It is high if both have large numbers of the same sign in the same places, so it says how well
    they match. As it is one node, not one for each * and +, training is several times as fast.
    """
    total = 0.0
    for a_i, b_i in zip(a, b):  # not sum(): Python versions differ in how it rounds
        total += a_i.data * b_i.data
    local_grads = [partner.data for partner in (*b, *a)]  # the partner of a[i] is b[i]
    return Value(total, (*a, *b), local_grads)


# ---- 4 Model ------------------------------------------------------------------------------------
# The model reads one token at a time, each at its position in the document: 0, 1, 2, ... What it
# knows there is x, a vector (a list of numbers), which at first says "this token, this position".
# Each layer transforms x (hence "transformer") by adding to it: what attention fetches from the
# positions so far, then what an MLP (multi-layer perceptron) works out at this one. In the end x
# becomes logits, a number for every token: the higher, the likelier to come next.
#
# [n] means a vector of n Values, [n_out, n_in] a matrix: a list of n_out rows of n_in Values.

def linear(x, w):
    """x: [n_in], w: [n_out, n_in] -> [n_out]: each a mix of all of x, weighted by one row of w."""
    return [dot(x, row) for row in w]


def add(a, b):
    """a: [n], b: [n] -> [n], their sum, number by number."""
    return [a_i + b_i for a_i, b_i in zip(a, b)]


def softmax(logits):
    """logits (or scores): [n], any numbers -> [n], probabilities: from 0 to 1, together 1.

    >>> [round(p.data, 6) for p in softmax([Value(math.log(3)), Value(0.0)])]  # exps are as 3 to 1
    [0.75, 0.25]

    exp makes every number positive and keeps the order; dividing by the total makes the sum 1. Of
    two logits, the one that is 1 higher gets exp(1) = 2.7 times the other's probability. As
    exp(1000) would overflow, the largest logit is subtracted first, as a constant: all exps change
    by one factor, and the probabilities do not.
    """
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    scale = 1 / sum(exps)
    return [e * scale for e in exps]


def rmsnorm(x):
    """x: [n] -> [n], divided by its root mean square, sqrt(mean(x²)) (Zhang & Sennrich 2019).

    >>> [round(y.data, 3) for y in rmsnorm([Value(1.0), Value(7.0)])]  # sqrt((1 + 49) / 2) = 5
    [0.2, 1.4]

    The numbers keep their proportions and get a standard size, so that a layer can read x however
    large it has become. Else numbers and gradients could grow or shrink from layer to layer, until
    nothing is learnt.
    """
    mean_square = dot(x, x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5  # 1e-5: so that it does not divide by 0
    return [x_i * scale for x_i in x]


def attend(query, keys, values):
    """One head of attention. query: [n]; keys, values: an [n] for each position so far -> [n].

    Each position makes three vectors from its x: a query, what it looks for ("which vowel was
    last?"); a key, what it can be found by; a value (a vector, not the class), what it has to give.
    The better a key matches the query, by their dot product, the more is taken of its value
    (Vaswani et al. 2017).

    >>> keys = [[Value(1.0)], [Value(0.0)]]  # of two positions, with n = 1
    >>> values = [[Value(8.0)], [Value(4.0)]]
    >>> result = attend([Value(math.log(3))], keys, values)  # scores log(3), 0; weights 0.75, 0.25
    >>> round(result[0].data, 6)  # 0.75 * 8 + 0.25 * 4
    7.0

    Why are scores divided by sqrt(n)? As signs partly cancel, a sum of n products is about sqrt(n)
    times as large as a single one. Scores that large could give one position nearly all the weight:
    small changes would change next to nothing, and leave hardly any gradient to learn from.
    """
    scores = [dot(query, key) / len(query) ** 0.5 for key in keys]
    weights = softmax(scores)  # one for each position, together 1
    return [dot(weights, column) for column in zip(*values)]  # column i: number i of each value


class GPT:
    """The model: a small GPT-2 (Radford et al. 2019).

    vocab_size: that of the tokenizer (27 for the names)
    n_layer: how many layers there are, each an attention and an MLP (1)
    n_embd: how many numbers an embedding, and so x, has (16)
    n_head: how many heads an attention has (4)
    block_size: how many positions there are; what a document has beyond is not used (16)

    For those who know GPT-2: rmsnorm replaces LayerNorm, also after the embeddings but not before
    lm_head; relu replaces GELU; lm_head is apart from wte; there are no biases and no dropout.
    """

    def __init__(self, rng, vocab_size, n_layer, n_embd, n_head, block_size):
        """Make the parameters; `--n-layer 2 --n-embd 32` makes more of them.

        They start random, since rows that start equal can get equal gradients and stay equal. They
        start small (a spread of 0.08), so that no token starts much likelier than another.
        """
        def matrix(n_out, n_in):
            return [[Value(rng.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

        self.n_head = n_head
        self.block_size = block_size
        self.wte = matrix(vocab_size, n_embd)  # weights of token embeddings: a row for each token
        self.wpe = matrix(block_size, n_embd)  # weights of position embeddings: a row for each
        self.lm_head = matrix(vocab_size, n_embd)  # language-model head (not attention's): logits
        self.layers = []
        for _ in range(n_layer):
            self.layers.append({
                "attn_wq": matrix(n_embd, n_embd),  # attention weights: x to query
                "attn_wk": matrix(n_embd, n_embd),  # attention weights: x to key
                "attn_wv": matrix(n_embd, n_embd),  # attention weights: x to value
                "attn_wo": matrix(n_embd, n_embd),  # attention weights: all heads to output
                "mlp_fc1": matrix(4 * n_embd, n_embd),  # MLP, fully connected: x to hidden
                "mlp_fc2": matrix(n_embd, 4 * n_embd),  # MLP, fully connected: hidden to output
            })
        matrices = [self.wte, self.wpe, self.lm_head]
        for layer in self.layers:
            matrices += layer.values()
        self.params = [param for w in matrices for row in w for param in row]

    def new_cache(self):
        """Return a cache for a new document: for each layer, a list of keys, a list of values."""
        return [([], []) for _ in self.layers]

    def forward(self, token, position, cache):
        """Read a token after those in the cache; return the logits, [vocab_size], of the next one.

        An embedding is a row of numbers found by training. Things that behave alike, as vowels do,
        get similar nudges, so similar rows. x begins as the sum of two: one for the token, as its
        id is a label with which nothing can be computed, and one for the position, as attention
        takes a mean, in which "am" and "ma" would be the same. In n_embd numbers training has room
        to keep token and position apart.

        What attention and MLP find is added to x and does not replace it (a residual connection):
        what x knew stays, and gradients pass back through the sum whole, so early layers learn too.
        """
        x = add(self.wte[token], self.wpe[position])
        x = rmsnorm(x)  # else what the layers add would soon outweigh the small embeddings
        for layer, layer_cache in zip(self.layers, cache):
            x = add(x, self.attention(layer, rmsnorm(x), layer_cache))
            x = add(x, self.mlp(layer, rmsnorm(x)))
        return linear(x, self.lm_head)

    def attention(self, layer, x, layer_cache):
        """x: [n_embd] -> [n_embd], what this position fetches from all so far, its own included.

        A head looks for one thing; to look for several there are n_head, each with its own slice of
        query, key and value, and attn_wo mixes what they fetch. The cache keeps keys and values, so
        that none is made twice. Nothing later is in it yet, so no position can peek at a token that
        it should predict. (Large models train on all positions at once, and hide later ones with a
        mask.)
        """
        keys, values = layer_cache
        query = linear(x, layer["attn_wq"])
        keys.append(linear(x, layer["attn_wk"]))
        values.append(linear(x, layer["attn_wv"]))
        fetched = []
        head_size = len(x) // self.n_head
        for start in range(0, len(x), head_size):
            own = slice(start, start + head_size)  # this head's part of each vector
            fetched += attend(query[own], [k[own] for k in keys], [v[own] for v in values])
        return linear(fetched, layer["attn_wo"])

    def mlp(self, layer, x):
        """x: [n_embd] -> [n_embd], what this position concludes from what it knows.

        Attention only fetches and mixes; here each position works by itself. Each hidden number
        tests x for a pattern, a row of mlp_fc1; relu makes it 0 if their dot product is negative;
        mlp_fc2 says what to add for each pattern found. Without relu, two linear steps could do no
        more than one: a mix of mixes is a mix.
        """
        hidden = [h.relu() for h in linear(x, layer["mlp_fc1"])]  # [4 * n_embd], as in GPT-2
        return linear(hidden, layer["mlp_fc2"])


# ---- 5 Adam -------------------------------------------------------------------------------------
# The gradient says which way the loss rises, so a parameter should go the other way. The simplest
# rule, `param.data -= learning_rate * param.grad`, has two weaknesses. Gradients are noisy: the
# next document may want the opposite. And their sizes differ, so that one learning_rate is too much
# for some parameters and too little for others. Adam keeps two running means for each parameter, in
# which older gradients count less and less: m, of its gradient, in which noise shrinks; v, of its
# gradient squared, so that sqrt(v) is the usual size. Then Adam takes learning_rate * m / sqrt(v)
# from the parameter. While gradients stay alike, that is about learning_rate, whatever their size;
# if they vary, it is usually less.

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
        """Move each parameter against its mean gradient; set its grad back to 0.

        beta1, beta2: what fraction of m and v stays when a new gradient comes in. eps: keeps it
        from dividing by 0. As m and v start at 0, both are too small at first, but not equally:
        after one step m is 0.15 of the gradient and sqrt(v) 0.1 of it, so that m / sqrt(v) is 1.5,
        where 1 is right. After t steps the 0 still has the weight beta ** t in the mean, so bias
        correction divides by the rest, 1 - beta ** t.
        """
        self.t += 1
        m_correction = 1 - beta1 ** self.t
        v_correction = 1 - beta2 ** self.t
        for i, param in enumerate(self.params):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * param.grad
            self.v[i] = beta2 * self.v[i] + (1 - beta2) * param.grad * param.grad
            m_hat = self.m[i] / m_correction
            v_hat = self.v[i] / v_correction
            param.data -= learning_rate * m_hat / (math.sqrt(v_hat) + eps)
            param.grad = 0.0


# ---- 6 Training ---------------------------------------------------------------------------------
# The loss is a measure of surprise: -log(p), where p is the probability that the model gave to the
# token that really came next (in nats; its mean is called cross-entropy). It is 0 for p = 1, and
# grows as p falls. A blind guess among 27 tokens has p = 1/27, a loss of 3.30: training begins near
# that. At 2.3, the model is as surprised as by one of e ** 2.3 = 10 equally likely tokens. A loss
# of 0 cannot be had: nobody can know whether "ann" goes on.

def document_loss(model, tokens):
    """Return the mean loss of a document over its first block_size positions.

    >>> logits = [Value(math.log(3)), Value(0.0)]  # probabilities 0.75 and 0.25
    >>> loss = -softmax(logits)[1].log()  # and the second came
    >>> loss.backward()
    >>> [round(logit.grad, 6) for logit in logits]
    [0.75, -0.75]

    Autograd has found what was predicted minus what was true: 0.75 - 0 and 0.25 - 1. So training,
    which goes against the gradient, pushes the true token's logit up and all others down.
    """
    cache = model.new_cache()
    losses = []
    for position in range(min(len(tokens) - 1, model.block_size)):
        logits = model.forward(tokens[position], position, cache)
        target = tokens[position + 1]  # what really came next
        losses.append(-softmax(logits)[target].log())
    return sum(losses) / len(losses)


def train(model, tokenizer, docs, steps, batch_size, learning_rate):
    """Take training steps; a generator that yields the loss of each step, the mean over its batch.

    A batch is the next batch_size documents (after the last comes the first). Some documents are
    more surprising than others, so losses and gradients are noisy, less so with a larger batch. The
    learning rate falls towards 0: long steps to come near to good values, short ones to settle.
    Each document makes a new graph, as a graph records one computation: the next tokens are others,
    and after a step the parameters have moved. The old one is freed when `loss` is assigned anew.
    """
    optimizer = Adam(model.params)
    for step in range(steps):
        batch_loss = 0.0
        for i in range(step * batch_size, (step + 1) * batch_size):
            tokens = tokenizer.encode(docs[i % len(docs)])  # 1: take a document
            loss = document_loss(model, tokens) / batch_size  # 2: predict, measure the surprise
            loss.backward()  # 3: find the gradients; a batch adds them up
            batch_loss += loss.data
        optimizer.step(learning_rate * (1 - step / steps))  # 4: nudge the parameters
        yield batch_loss


# ---- 7 Inference --------------------------------------------------------------------------------
# The model writes by reading what it has written: predict, draw a token, read that, predict again,
# up to a BOS or to the last position. It does not take the likeliest token, or it would write the
# same name each time. Nothing is learnt meanwhile: there is no backward and no step.
#
# The temperature T makes the draw careful or bold. Of two tokens with logits a and b, the first is
# exp(a - b) times as likely as the second. Adding a number to both leaves a - b as it is; dividing
# by T changes it, and keeps the order. T = 1 leaves all as learnt. What is 3 times as likely there
# is 3 ** (1 / T) times as likely at T: 9 times at 0.5, the default; 59,049 times at 0.1, where
# names are dull; 1.7 times at 2, where they are garbled.

def generate(model, tokenizer, temperature, rng, prompt=""):
    """Return a new document: the prompt, shorter than block_size, and what the model adds to it."""
    tokens = tokenizer.encode(prompt)[:-1]  # BOS and the prompt, without the BOS that would end it
    cache = model.new_cache()
    for position in range(model.block_size):
        logits = model.forward(tokens[position], position, cache)
        if position + 1 < len(tokens):
            continue  # it is still reading the prompt: nothing to draw
        probs = softmax([logit / temperature for logit in logits])
        token = rng.choices(range(len(probs)), weights=[p.data for p in probs])[0]
        if token == tokenizer.bos:
            break
        tokens.append(token)
    return tokenizer.decode(tokens)


# ---- What it has learnt -------------------------------------------------------------------------
# The model knows no names by heart. Of the 20 that a run without flags prints, 9 are new: in no
# document. The other 11 are in the data, but none is among the 1,000 trained on, the only ones that
# memory could repeat. (Nor does it prefer these: of 20,000 samples, 7,299 are in the data; 3.5 % of
# them are among the 1,000. By chance, as a share of all different names, it would be 3.4 %.)
#
# The model has learnt habits, as tests/ablation.py measures with three seeds. On names that it did
# not see its loss is 2.36. A table of which character follows which, counted in the same 1,000, has
# 2.50. Attention does next to nothing yet: a model trained without it has 2.36 too, probably since
# 1,000 short names teach little beyond the last letter and the position. After `--steps 10000` the
# loss is 2.24, and 2.30 without attention.
#
# ChatGPT works in the same way: tokens, attention and MLPs, trained to predict the next token; it
# writes by drawing one after another. A chat is a document that begins with your question, as a
# name here can begin with `--prompt mar`, and the answer is what is drawn next. ChatGPT has more:
# billions of parameters, tokens that are pieces of words, much of the web as documents, then
# training on conversations, to make helpful answers likely. Both write what is likely, true or not.


# ---- main ---------------------------------------------------------------------------------------
# The parts in order. After main come flags, progress and counts, which are not about GPTs.

def main(argv=None):
    """Load, shuffle, tokenize, build, train, sample."""
    args, docs = read_input(argv)  # the flags, and load_docs(args.data)
    rng = random.Random(args.seed)  # all chance comes from here: the same seed, the same names
    rng.shuffle(docs)  # names.txt has girls before boys, and frequent names before rare ones
    tokenizer = Tokenizer(docs)
    model = GPT(rng, tokenizer.vocab_size, args.n_layer, args.n_embd, args.n_head, args.block_size)
    print(f"num docs: {len(docs)}")
    print(f"vocab size: {tokenizer.vocab_size}")
    print(f"num params: {len(model.params)}")
    training = train(model, tokenizer, docs, args.steps, args.batch_size, args.learning_rate)
    losses = run_training(training, args)
    trained_on = docs[:len(losses) * args.batch_size]
    for temperature in args.temperature:
        samples = (generate(model, tokenizer, temperature, rng, args.prompt)
                   for _ in range(args.samples))
        print_samples(samples, temperature, docs, trained_on, args)


def read_input(argv):
    """Return flags and documents, or end with exit code 2 and a line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="microgpt.py", usage="python microgpt.py [flags]",
                                     description="Train a GPT on a text and make up more like it.")
    for flag, kind, default, text in [
        ("--n-layer", int, 1, "layers, each an attention and an MLP"),
        ("--n-embd", int, 16, "numbers in a vector, a multiple of --n-head"),
        ("--n-head", int, 4, "attention heads in a layer"),
        ("--block-size", int, 16, "positions; longer documents are cut to it"),
        ("--steps", int, 1000, "training steps; 0 leaves the model untrained"),
        ("--batch-size", int, 1, "documents that a step learns from"),
        ("--learning-rate", float, 0.01, "how far the first steps move a parameter"),
        ("--target-loss", float, 0, "stop when the mean of the last 100 losses is below it"),
        ("--samples", int, 20, "documents to make up at each temperature"),
        ("--seed", int, 42, "the same seed gives the same samples"),
    ]:
        parser.add_argument(flag, type=kind, default=default, help=f"{text} (default: {default})")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5],
                        help="low is careful, high is bold; one or more (default: 0.5)")
    parser.add_argument("--prompt", default="", help="how samples begin (default: nothing)")
    parser.add_argument("--data", default=pathlib.Path(__file__).with_name("names.txt"),
                        help="UTF-8 text, a document a line (default: names.txt beside the script)")
    args = parser.parse_args(argv)
    try:
        docs = load_docs(args.data)
    except (OSError, ValueError) as error:  # ValueError: it is not UTF-8
        parser.error(f"cannot read {args.data}: {error}; a UTF-8 text belongs there")
    if not docs:
        parser.error(f"{args.data} has no text; it must have a document a line")
    least = dict(n_layer=1, n_embd=1, n_head=1, block_size=1, steps=0, batch_size=1, samples=1)
    for name, number in least.items():
        if getattr(args, name) < number:
            parser.error(f"--{name.replace('_', '-')} must be {number} or more")
    if not all(number > 0 for number in (args.learning_rate, *args.temperature)):
        parser.error("--learning-rate and --temperature must be more than 0")
    if args.n_embd % args.n_head:
        parser.error(f"--n-embd {args.n_embd} must be a multiple of --n-head {args.n_head}")
    if len(args.prompt) >= args.block_size:
        parser.error(f"--prompt must be shorter than --block-size, which is {args.block_size}")
    unknown = sorted(set(args.prompt) - set("".join(docs)))
    if unknown:
        parser.error(f"--prompt must have characters of the documents; none has {unknown[0]!r}")
    n_longer = sum(len(doc) > args.block_size for doc in docs)
    if n_longer:
        print(f"documents cut to --block-size {args.block_size}: {n_longer}", file=sys.stderr)
    return args, docs


def run_training(training, args):
    """Take the steps and return their losses; --target-loss or Ctrl-C ends it early."""
    losses = []
    started = shown = time.monotonic()
    try:
        for loss in training:
            losses.append(loss)
            if not math.isfinite(loss):
                sys.exit(f"\nmicrogpt.py: error: the loss of step {len(losses)} is {loss}; "
                         "try a lower --learning-rate")
            shown = show_progress(losses, args.steps, started, shown)
            if len(losses) >= 100 and statistics.fmean(losses[-100:]) < args.target_loss:
                print(f"\ntarget loss reached after step {len(losses)}", file=sys.stderr)
                break
    except KeyboardInterrupt:
        print(f"\nstopped after step {len(losses)}; now it writes", file=sys.stderr)
    except ZeroDivisionError:  # log(0) has no derivative: the true token had a probability of 0
        sys.exit(f"\nmicrogpt.py: error: the loss of step {len(losses) + 1} is infinite; "
                 "try a lower --learning-rate")
    if losses:
        print(curve(losses))
    return losses


def show_progress(losses, steps, started, shown):
    """Overwrite a line at each step on a terminal; else print one at each tenth and each minute."""
    on_terminal = sys.stderr.isatty()
    step = len(losses)
    now = time.monotonic()
    every = 1 if on_terminal else max(1, steps // 10)
    if step % every and step < steps and now - shown < 60:
        return shown
    left = datetime.timedelta(seconds=(now - started) * (steps - step) // step)
    line = (f"step {step} / {steps} | loss {losses[-1]:.4f} | "
            f"mean {statistics.fmean(losses[-100:]):.4f} | {left} left")
    if on_terminal:
        width = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
        line = textwrap.shorten(line, width, placeholder="").ljust(width)
    print(line, end="\r" if on_terminal and step < steps else "\n", file=sys.stderr)
    return now


def curve(losses):
    """Return the run as a line: up to 40 means as blocks, the first and the last as numbers."""
    n = min(40, len(losses))
    bounds = [i * len(losses) // n for i in range(n + 1)]
    means = [statistics.fmean(losses[start:end]) for start, end in zip(bounds, bounds[1:])]
    low = min(means)
    span = (max(means) - low) or 1  # 1: not to divide by 0 where all means are the same
    blocks = "".join("▁▂▃▄▅▆▇█"[int((mean - low) / span * 7.99)] for mean in means)  # 0 to 7
    return f"loss {means[0]:.2f} {blocks} {means[-1]:.2f}"


def print_samples(samples, temperature, docs, trained_on, args):
    """Draw the samples and print each at once; then print how many of them are new."""
    print(f"--- made up at temperature {temperature:g} ---")
    seen = []
    try:
        for sample in samples:
            seen.append(sample)
            print(f"sample {len(seen):2}: {sample}")
    except (ArithmeticError, ValueError) as error:  # numbers too large, or no probabilities
        sys.exit(f"microgpt.py: error: cannot draw at temperature {temperature} ({error}); "
                 "try a higher one, or a lower --learning-rate")
    in_data = {doc[:args.block_size] for doc in docs}  # cut, as a sample is
    in_training = {doc[:args.block_size] for doc in trained_on}
    n_new = sum(sample not in in_data for sample in seen)
    n_trained_on = sum(sample in in_training for sample in seen)
    print(f"{len(seen)} samples: {n_new} new, {len(seen) - n_new - n_trained_on} in the "
          f"data but not trained on, {n_trained_on} trained on")


if __name__ == "__main__":
    if sys.implementation.name == "cpython":  # which frees a graph by counting references
        gc.disable()  # the collector only looks for cycles, and a graph has none: off is faster
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it silently
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # "?" for what it cannot show
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
