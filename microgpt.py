"""A GPT in one file of plain Python, to be read from the first line to the last.

    python microgpt.py             learn from names.txt, which lies beside this file; make up names
    python microgpt.py words.txt   learn from a text of your own (--help lists the flags)

What is built here is a function. Given the beginning of a text, say "emm", it returns a probability
for each character that could come next: "a" is likely, "q" is not. Inside are a few thousand
numbers, its parameters, random at first. Training shows it names, and after each it moves the
parameters a little, so that what really came next becomes more likely. In less than a minute the
loss, which says how wrong it is, falls from 3.3 to about 2.3. Then it writes: it draws a character
by its probability, appends it, and asks again. It makes up vialan, karia, yeran.

It is a GPT: generative (it writes), pre-trained (on plain text), transformer (the design, part 4).
The algorithm is that of Andrej Karpathy's microgpt (2026); this implementation is independent.
"""
import argparse
import gc
import itertools
import math
import pathlib
import random
import sys


# ---- 1 Dataset ----------------------------------------------------------------------------------
# The model learns from documents. A document is a text by itself: here a name, one line of the
# file. Nothing below depends on that: lines of Shakespeare need a larger --block-size, no new code.
def load_docs(path):
    """Return the documents of a UTF-8 file: its lines, without the blank ones."""
    with open(path, encoding="utf-8-sig") as file:  # -sig: without a byte-order mark
        return [line.strip() for line in file if line.strip()]


# ---- 2 Tokenizer --------------------------------------------------------------------------------
# A model computes, so text must become numbers. It is cut into tokens, here single characters, each
# with a number, its id: a is 0, b is 1, ... An id is a label, not an amount: z is not more than a.
# One more token, BOS (beginning of sequence), has two jobs. It is read first, because the first
# character must be predicted from something, and predicted last, where it means "here it ends":
#     what is read                BOS  e    m    m    a
#     what should be predicted    e    m    m    a    BOS
class Tokenizer:
    """Turns documents into lists of ids and back. In the code, a `token` is always its id.
    >>> Tokenizer(["abcdefghijklmnopqrstuvwxyz"]).encode("emma")
    [26, 4, 12, 12, 0, 26]
    """
    def __init__(self, docs):
        self.chars = sorted(set("".join(docs)))  # sorted, because a set has no fixed order
        self.bos = len(self.chars)
        self.vocab_size = len(self.chars) + 1  # how many different tokens there are

    def encode(self, doc): return [self.bos] + [self.chars.index(c) for c in doc] + [self.bos]
    def decode(self, tokens): return "".join(self.chars[t] for t in tokens if t != self.bos)


# ---- 3 Autograd ---------------------------------------------------------------------------------
# Training asks of each parameter: if it grew a little, how fast would the loss grow? The answer is
# its gradient (in school, a derivative), and training moves the parameter the opposite way.
# Autograd finds all gradients at once. Each number is a Value, which remembers its children (the
# Values it was computed from) and its local gradients (how fast it rises with each child). That is
# a graph. By the chain rule, multiply along each path from loss to parameter, and add up the paths.
class Value:
    """A number that remembers how it was computed.
    >>> x = Value(3.0)
    >>> y = x * x + 1
    >>> y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)

    Why 6? Two paths lead from y to x, one for each factor of x * x. On both, the + has a local
    gradient of 1, the * one of 3, the other factor: 1 * 3 + 1 * 3. And 3.01 does give y = 10.0601.
    """
    __slots__ = ("data", "grad", "children", "local_grads", "serial")  # no other attributes: faster
    serials = itertools.count()

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self.children = children  # a leaf of the graph, such as a parameter, has none
        self.local_grads = local_grads
        self.serial = next(Value.serials)  # 0, 1, 2, ... in the order of creation; see backward

    def __add__(self, other):  # each operation returns Value(result, children, local gradients)
        other = other if isinstance(other, Value) else Value(other + 0.0)  # a constant, as float
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other + 0.0)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n): return Value(self.data ** n, (self,), (n * self.data ** (n - 1),))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))
    def relu(self): return Value(self.data, (self,), (1.0,)) if self.data > 0 else Value(0.0)
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other  # r: for a number on the left, as in 1 + x
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self ** -1 * other

    def backward(self):
        """For each leaf, find how fast self rises with it, and add that to its grad."""
        inner = {self}  # self and what it was computed from, without the leaves
        todo = [self]
        while todo:
            node = todo.pop()
            node.grad = 0.0  # start afresh; only leaves keep theirs, so that a batch adds up
            for child in node.children:
                if child.children and child not in inner:
                    inner.add(child)
                    todo.append(child)
        self.grad = 1.0  # self rises as fast as itself
        # A Value passes its grad on only when it is complete: after all Values computed from it.
        # They are newer, so newest first. The order of creation is already a topological order.
        for node in sorted(inner, key=lambda node: node.serial, reverse=True):
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * node.grad


def dot(a, b):
    """Return a[0] * b[0] + a[1] * b[1] + ...: large if a and b match, number by number."""
    total = 0.0  # one Value, not one for each * and +, makes training several times as fast
    for a_i, b_i in zip(a, b):  # not sum(), which rounds differently in newer Pythons
        total += a_i.data * b_i.data
    local_grads = [factor.data for factor in (*b, *a)]  # as in __mul__: that of a[i] is b[i]
    return Value(total, (*a, *b), local_grads)


# ---- 4 Model ------------------------------------------------------------------------------------
# The model reads one token at a time. For each it makes x, a vector (a list of numbers) of what it
# knows at this position of the document. x starts as the sum of two embeddings, vectors found by
# training: one for the token, because an id is only a label, and one for the position, because
# attention by itself does not see the order of earlier tokens. Each layer then adds to x twice:
#          .--> rmsnorm --> attention --.      .--> rmsnorm --> mlp --.
#          |                            v      |                      v
#     x ---+---------------------------(+)-----+---------------------(+)---> x for the next layer
# Attention fetches from the positions so far; the MLP (multi-layer perceptron) works at this one
# alone. x is added to, never replaced (the straight line, a residual connection): it keeps what it
# knew, and gradients pass whole. At last it becomes logits, one for each token: higher is likelier.
def linear(x, w): return [dot(x, row) for row in w]  # each row of the matrix w makes a mix of x
def add(a, b): return [a_i + b_i for a_i, b_i in zip(a, b)]


def softmax(logits):
    """Turn logits into probabilities, of sum 1. A lead of log(3) makes a token 3 times as likely.
    >>> [round(p.data, 6) for p in softmax([Value(math.log(3)), Value(0.0)])]
    [0.75, 0.25]
    """
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]  # same ratios, but no overflow
    scale = 1 / sum(exps)
    return [e * scale for e in exps]


def rmsnorm(x):
    """Divide x by its root mean square, so that numbers neither explode nor fade on their way."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5  # 1e-5, so that it never divides by 0
    return [x_i * scale for x_i in x]


def attend(query, keys, values):
    """Mix the values of the positions so far: the better the key matches the query, the more.
    The query says what is looked for, a key what its position is found by, a value what it gives.
    >>> keys, values = [[Value(math.log(3))], [Value(0.0)]], [[Value(8.0)], [Value(4.0)]]
    >>> round(attend([Value(1.0)], keys, values)[0].data, 6)  # 0.75 * 8 + 0.25 * 4
    7.0
    """
    # Longer vectors give larger scores, by about sqrt(n): softmax would pick almost one value only.
    scores = [dot(query, key) / len(query) ** 0.5 for key in keys]
    weights = softmax(scores)
    return [dot(weights, column) for column in zip(*values)]  # column i: number i of each value


class GPT:
    """The model. (If you know GPT-2: rmsnorm, without a gain, for LayerNorm, one more after the
    embeddings, none before lm_head; relu for GELU; lm_head apart from wte; no bias, no dropout.)"""
    def __init__(self, rng, vocab_size, n_layer, n_embd, n_head, block_size):
        def matrix(n_out, n_in):  # random: equal numbers would get equal gradients and stay equal
            return [[Value(rng.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

        self.n_head = n_head
        self.block_size = block_size  # how many positions there are
        self.wte = matrix(vocab_size, n_embd)  # a row for each token: its embedding
        self.wpe = matrix(block_size, n_embd)  # a row for each position: its embedding
        self.lm_head = matrix(vocab_size, n_embd)  # x -> logits
        self.layers = [{
            "attn_wq": matrix(n_embd, n_embd),  # x -> query
            "attn_wk": matrix(n_embd, n_embd),  # x -> key
            "attn_wv": matrix(n_embd, n_embd),  # x -> value
            "attn_wo": matrix(n_embd, n_embd),  # what all heads fetched -> what is added to x
            "mlp_fc1": matrix(4 * n_embd, n_embd),  # x -> hidden
            "mlp_fc2": matrix(n_embd, 4 * n_embd),  # hidden -> what is added to x
        } for _ in range(n_layer)]
        in_layers = [w for layer in self.layers for w in layer.values()]
        matrices = [self.wte, self.wpe, self.lm_head] + in_layers
        self.params = [param for w in matrices for row in w for param in row]

    def new_cache(self):  # for the keys and values of each layer, so that none is computed twice
        return [([], []) for _ in self.layers]

    def attention(self, layer, x, layer_cache):
        """Return the vector that this position fetches from all so far, its own included."""
        keys, values = layer_cache  # nothing later is in here, so the model cannot peek
        query = linear(x, layer["attn_wq"])
        keys.append(linear(x, layer["attn_wk"]))
        values.append(linear(x, layer["attn_wv"]))
        fetched = []
        head_size = len(x) // self.n_head
        # To look for several things there are several heads, each on its own slice of the vectors.
        for start in range(0, len(x), head_size):
            own = slice(start, start + head_size)
            fetched += attend(query[own], [k[own] for k in keys], [v[own] for v in values])
        return linear(fetched, layer["attn_wo"])

    def mlp(self, layer, x):
        """Make something new from x. Without relu, two linear steps could do no more than one."""
        hidden = [h.relu() for h in linear(x, layer["mlp_fc1"])]  # relu: negative numbers become 0
        return linear(hidden, layer["mlp_fc2"])

    def forward(self, token, position, cache):
        """Read a token after those in the cache; return vocab_size logits for the next one."""
        x = rmsnorm(add(self.wte[token], self.wpe[position]))  # start from a standard size
        for layer, layer_cache in zip(self.layers, cache):
            x = add(x, self.attention(layer, rmsnorm(x), layer_cache))
            x = add(x, self.mlp(layer, rmsnorm(x)))
        return linear(x, self.lm_head)


# ---- 5 Training ---------------------------------------------------------------------------------
# How wrong is a prediction? If the model gave probability p to the token that really came next, the
# loss is its surprise, -log(p): 0 for p = 1, and the smaller p, the larger. A blind guess among 27
# tokens has p = 1/27, a loss of 3.30. A loss of 2.3 is that of a guess among 10, as exp(2.3) is 10.
# It never gets to 0: nobody can know whether "ann" goes on.
def document_loss(model, tokens):
    """Return the mean surprise over a document, up to block_size tokens of it."""
    cache = model.new_cache()
    losses = []
    for position in range(min(len(tokens) - 1, model.block_size)):
        probs = softmax(model.forward(tokens[position], position, cache))
        losses.append(-probs[tokens[position + 1]].log())
    return sum(losses) / len(losses)


class Adam:
    """Moves the parameters. The simple rule, param.data -= rate * param.grad, has two faults.
    Gradients are noisy: the next document may want the opposite. And they differ in size: one rate
    does not suit all. So Adam keeps two running means for each parameter: m of its gradient, where
    noise cancels out, and v of its gradient squared, so that sqrt(v) is the usual size. A step is
    rate * m / sqrt(v): about the rate, whatever that size, but less where gradients disagree.
    """
    def __init__(self, params):
        self.params = params
        self.m = [0.0] * len(params)
        self.v = [0.0] * len(params)
        self.t = 0  # how many steps it has taken

    def step(self, learning_rate, beta1=0.85, beta2=0.99, eps=1e-8):  # beta: how much of m, v stays
        self.t += 1
        m_share = 1 - beta1 ** self.t  # m starts at 0, so at first it is too small, by this factor
        v_share = 1 - beta2 ** self.t  # v is so even more: without this, steps would be too large
        for i, param in enumerate(self.params):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * param.grad
            self.v[i] = beta2 * self.v[i] + (1 - beta2) * param.grad * param.grad
            m_hat = self.m[i] / m_share
            v_hat = self.v[i] / v_share
            param.data -= learning_rate * m_hat / (math.sqrt(v_hat) + eps)  # eps: never divide by 0
            param.grad = 0.0


def train(model, tokenizer, docs, steps, batch_size, learning_rate):
    """Yield the loss of each step, which learns from the next batch_size documents."""
    optimizer = Adam(model.params)
    for step in range(steps):
        batch_loss = 0.0
        for i in range(step * batch_size, (step + 1) * batch_size):
            tokens = tokenizer.encode(docs[i % len(docs)])  # 1. take a document
            loss = document_loss(model, tokens) / batch_size  # 2. predict it: how wrong was that?
            loss.backward()  # 3. find the gradients; those of a batch add up
            batch_loss += loss.data
        rate = learning_rate * (1 - step / steps)  # large to get near, then small to settle
        optimizer.step(rate)  # 4. move the parameters
        yield batch_loss


# ---- 6 Inference --------------------------------------------------------------------------------
# The model writes by reading what it has written: predict, draw a token, read it, predict again,
# until it draws BOS or the positions run out. (Always taking the likeliest would make one name
# only.) Nothing is learnt here. Temperature makes it careful or bold: if a is 3 times as likely as
# b at temperature 1, it is 9 times (3 squared) as likely at 0.5, 1.7 times (the root of 3) at 2.
# ChatGPT works in the same way, with pieces of words as tokens and billions of parameters, trained
# on much of the web, then on conversations. Both write what is likely, true or not.
def generate(model, tokenizer, temperature, rng, prompt=""):
    """Return a new document that begins with the prompt."""
    tokens = tokenizer.encode(prompt)[:-1]  # without the BOS that would end it
    cache = model.new_cache()
    for position in range(model.block_size):
        logits = model.forward(tokens[position], position, cache)
        if position == len(tokens) - 1:  # the prompt has been read: now write
            probs = softmax([logit / temperature for logit in logits])
            token = rng.choices(range(len(probs)), weights=[p.data for p in probs])[0]
            if token == tokenizer.bos:
                break
            tokens.append(token)
    return tokenizer.decode(tokens)


# ---- 7 The program (the lesson is over) ---------------------------------------------------------
def read_flags(argv):
    parser = argparse.ArgumentParser(description="Train a GPT on a text and make up more like it.")
    parser.add_argument("text", nargs="?", help="UTF-8, a document a line (default: names.txt)")
    for flag, kind, default, text in [
        ("--n-layer", int, 1, "layers, each an attention and an MLP"),
        ("--n-embd", int, 16, "numbers in an embedding; a multiple of --n-head"),
        ("--n-head", int, 4, "heads in an attention"),
        ("--block-size", int, 16, "positions; what a document has beyond is not read"),
        ("--steps", int, 1000, "training steps; 0 leaves the model untrained"),
        ("--batch-size", int, 1, "documents that a step learns from"),
        ("--learning-rate", float, 0.01, "how far the first steps move a parameter"),
        ("--target-loss", float, 0, "stop when the mean of 100 losses is below it"),
        ("--temperature", float, 0.5, "low is careful, high is bold"),
        ("--samples", int, 20, "documents to make up"),
        ("--seed", int, 42, "the same seed gives the same samples"),
        ("--prompt", str, "", "how the samples begin"),
    ]:
        parser.add_argument(flag, type=kind, default=default, help=f"{text} (default: %(default)r)")
    args = parser.parse_args(argv)
    for name in "n_layer n_embd n_head block_size batch_size learning_rate temperature".split():
        if not getattr(args, name) > 0:  # "not", so that nan is refused, too
            parser.error(f"--{name.replace('_', '-')} must be above 0")
    if min(args.steps, args.samples, args.seed) < 0:
        parser.error("--steps, --samples and --seed must be 0 or more")
    if args.n_embd % args.n_head:
        parser.error(f"--n-embd {args.n_embd} must be a multiple of --n-head {args.n_head}")
    return parser, args


def main(argv=None):
    parser, args = read_flags(argv)
    try:
        docs = load_docs(args.text or pathlib.Path(__file__).resolve().with_name("names.txt"))
    except (OSError, ValueError) as error:  # ValueError: it is not UTF-8
        parser.error(f"{error}: give a UTF-8 text, or put names.txt beside this script")
    if not docs:
        parser.error("the text is empty: it should have a document a line")
    rng = random.Random(args.seed)  # all chance comes from here: the same seed, the same samples
    rng.shuffle(docs)  # because names.txt begins with girls and with frequent names
    tokenizer = Tokenizer(docs)
    if len(args.prompt) >= args.block_size or not set(args.prompt) <= set(tokenizer.chars):
        parser.error("--prompt must be shorter than --block-size, in characters of the documents")
    model = GPT(rng, tokenizer.vocab_size, args.n_layer, args.n_embd, args.n_head, args.block_size)
    print(f"num docs: {len(docs)}")
    print(f"vocab size: {tokenizer.vocab_size}")
    print(f"num params: {len(model.params)}")
    cut = [len(doc) for doc in docs if len(doc) >= args.block_size]
    if cut:
        print(f"cut to --block-size {args.block_size}: {len(cut)} docs, the longest {max(cut)}")
    losses = []
    tenths = [args.steps * tenth // 10 for tenth in range(1, 11)]
    try:
        for loss in train(model, tokenizer, docs, args.steps, args.batch_size, args.learning_rate):
            if math.isnan(loss):
                sys.exit("training failed, the loss is nan: a lower --learning-rate may help")
            losses.append(loss)
            mean = math.fsum(losses[-100:]) / min(len(losses), 100)  # one document says little
            if len(losses) == 1 or len(losses) in tenths:
                print(f"step {len(losses):4} / {args.steps} | loss {loss:.4f} | mean {mean:.4f}",
                      file=sys.stderr)
            if len(losses) >= 100 and mean < args.target_loss:
                break
    except KeyboardInterrupt:
        print("stopped; now it writes", file=sys.stderr)
    except (ArithmeticError, ValueError) as error:
        sys.exit(f"training failed with {error!r}: a lower --learning-rate may help")
    print(f"--- made up at temperature {args.temperature} (* new: in no document) ---")
    known = {doc[:args.block_size] for doc in docs}
    n_new = 0
    for number in range(1, args.samples + 1):
        sample = generate(model, tokenizer, args.temperature, rng, args.prompt)
        n_new += sample not in known
        print(f"sample {number:2}: {sample}{'' if sample in known else ' *'}")
    print(f"{n_new} of {args.samples} are new")


if __name__ == "__main__":
    if sys.implementation.name == "cpython":
        gc.disable()  # faster: a graph has no cycles, so it is freed when loss gets a new value
    if hasattr(sys.stdout, "reconfigure"):  # not in every editor
        sys.stdout.reconfigure(encoding="utf-8")
    main()
