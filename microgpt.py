"""A GPT in one file of plain Python, to be read from the first line to the last.

    python microgpt.py             learn from names.txt, and make up names
    python microgpt.py words.txt   learn from a text of your own (flags: --help)

What is built here is a function, the model. Given the beginning of a text, say "emm", the model
returns a probability for each character that could come next: "a" is likely, "q" is not. The model
computes these probabilities with a few thousand numbers, its parameters, which are random at first.

Training shows the model one name after another. The model predicts each character from those before
it, and the loss says how wrong that was. Then each parameter is moved a little, so that what really
came becomes more likely. In less than a minute the mean loss falls from 3.3 to about 2.4.

Inference, the use of a trained model, makes up names. A character is drawn at random, a likely one
more often, and appended to the text. Then the model is asked again. Out come vialan, karia, yeran.

GPT means generative (it writes), pre-trained (on plain text) and transformer (the design, in part
4). The algorithm is that of Andrej Karpathy's microgpt (2026), written anew.
"""
import argparse
import gc
import itertools
import math
import pathlib
import random
import statistics
import sys


# ---- 1 Dataset ----------------------------------------------------------------------------------
# The model learns from documents. A document is a text by itself: here a name, one line of the
# file. By default, training reads 1,000 of the 32,033 lines of names.txt, each once. Lines of
# Shakespeare would do as well: nothing below depends on names.
def load_docs(path):
    """Return the lines of a UTF-8 file, without the blank ones."""
    with open(path, encoding="utf-8-sig") as file:  # -sig: skip a mark that Windows may put first
        return [line.strip() for line in file if line.strip()]


# ---- 2 Tokenizer --------------------------------------------------------------------------------
# A model computes, so text must become numbers. Text is cut into tokens, here single characters,
# each with a number, its id: a is 0, b is 1, ... Ids are only labels: z is not more than a.
# One more token, BOS (beginning of sequence), has two jobs. It is read first, because the first
# character must be predicted from something. It is predicted last, where it means "the end":
#     what is read                BOS  e    m    m    a
#     what should be predicted    e    m    m    a    BOS
# Each prediction uses all that was read so far, not only the token above it.
class Tokenizer:
    """Turns documents into lists of ids and back. In the code, a `token` is always its id.
    >>> Tokenizer(["abcdefghijklmnopqrstuvwxyz"]).encode("emma")
    [26, 4, 12, 12, 0, 26]
    """
    def __init__(self, docs):
        self.chars = sorted(set("".join(docs)))  # sorted: a set has no fixed order
        self.bos = len(self.chars)
        self.vocab_size = len(self.chars) + 1  # how many different tokens there are

    def encode(self, doc): return [self.bos] + [self.chars.index(c) for c in doc] + [self.bos]
    def decode(self, tokens): return "".join(self.chars[t] for t in tokens if t != self.bos)


# ---- 3 Autograd ---------------------------------------------------------------------------------
# Training asks of each parameter: if it grew a little, how fast would the loss grow? The answer is
# its gradient (in school, a derivative). Training moves the parameter the opposite way.
# Autograd finds all gradients at once. Each number is a Value, which remembers its children (the
# Values it was computed from) and its local gradients (how fast this Value grows with each child).
# These links form a graph that leads from the loss back to the parameters.
class Value:
    """A number that remembers how it was computed.
    >>> x = Value(3.0)
    >>> y = x * x * 5
    >>> y.backward()
    >>> y.data, x.grad
    (45.0, 30.0)

    Why 30? This is the graph, with local gradients on its lines (the constant 5 is left out):
                         .--- 3 ---.
        y --- 5 --- x * x           x
                         '--- 3 ---'

    Rates multiply along a path: y grows 5 times as fast as x * x, and x * x grows 3 times as fast
    as its left factor, because the right one is 3. That makes 5 * 3. Paths add up: x is the right
    factor, too, so there is another 5 * 3. And x = 3.01 does give y = 45.3005, about 0.3 more.
    """
    __slots__ = ("data", "grad", "children", "local_grads", "serial")
    serials = itertools.count()

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self.children = children  # a leaf of the graph, such as a parameter, has none
        self.local_grads = local_grads
        self.serial = next(Value.serials)  # 0, 1, 2, ... as created: see backward

    # Each operation returns Value(result, children, local gradients).
    def __add__(self, other):  # a sum grows as fast as each part
        other = other if isinstance(other, Value) else Value(other + 0.0)  # + 0.0: 1 becomes 1.0
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):  # the local gradient of each factor is the other factor
        other = other if isinstance(other, Value) else Value(other + 0.0)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n): return Value(self.data ** n, (self,), (n * self.data ** (n - 1),))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        if self.data > 0:
            return Value(self.data, (self,), (1.0,))
        return Value(0.0)  # no child: below 0, the result does not depend on self

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other  # r: for a number on the left, as in 1 + x
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self ** -1 * other

    def backward(self):
        """For each leaf, find how fast self grows with it, and add that to the leaf's grad."""
        inner = {self}
        todo = [self]
        while todo:  # 1. collect self and all Values between self and the leaves
            node = todo.pop()
            node.grad = 0.0  # leaves are not cleared: a batch (part 5) adds up their grads
            for child in node.children:
                if child.children and child not in inner:
                    inner.add(child)
                    todo.append(child)
        self.grad = 1.0  # self grows as fast as itself
        # 2. Hand the grads down to the children, newest node first. What was computed from a node
        # is newer and has handed down already, so the node's grad is complete.
        for node in sorted(inner, key=lambda node: node.serial, reverse=True):
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * node.grad  # chain rule: rates multiply, paths add up


def dot(a, b):
    """Return a[0] * b[0] + a[1] * b[1] + ... for two vectors (lists of numbers): their match, which
    is large if both are large in the same places, with the same signs.
    >>> dot([Value(2.0), Value(-1.0)], [Value(3.0), Value(-4.0)]).data  # 2 * 3 + -1 * -4
    10.0
    """
    total = 0.0
    for a_i, b_i in zip(a, b):  # not sum(): newer Pythons round it differently
        total += a_i.data * b_i.data
    others = (*b, *a)  # for each of (*a, *b) the other factor, its local gradient: see __mul__
    return Value(total, (*a, *b), [other.data for other in others])  # one node for all: much faster


# ---- 4 Model ------------------------------------------------------------------------------------
# The model reads one token at a time. For each it makes x, a vector of what it knows at this
# position. x starts as the sum of two embeddings, vectors of parameters. One is for the token,
# because an id is only a label. One is for the position (BOS is at 0), because attention by itself
# sees which tokens came, not their order. Each transformer layer adds to x twice:
#                               .--> rmsnorm --> attention --.    .--> rmsnorm --> mlp --.
#                               |                            v    |                      v
#     embeddings --> rmsnorm -> x --------------------------(+)-> x --------------------(+)-> x
#                    (once)     '------------------ one layer of n_layer ----------------'
# The last x is turned into logits, one for each token that may come: the higher, the likelier.
def linear(x, w): return [dot(x, row) for row in w]  # w is a matrix; each row gives one number
def add(a, b): return [a_i + b_i for a_i, b_i in zip(a, b)]


def softmax(logits):
    """Turn logits into probabilities: exp makes them positive, scale makes their sum 1.
    The lead of one logit over another becomes a ratio: if the lead is log(3), the one token is 3
    times as likely as the other, because exp(a + log(3)) is 3 * exp(a).
    >>> [round(p.data, 6) for p in softmax([Value(math.log(3)), Value(0.0)])]
    [0.75, 0.25]
    """
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]  # the same leads, but no overflow
    scale = 1 / sum(exps)
    return [e * scale for e in exps]


def rmsnorm(x):
    """Divide x by its root mean square, so that what is computed next is neither huge nor tiny."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5  # 1e-5: never divide by 0
    return [x_i * scale for x_i in x]


def attend(query, keys, values):
    """Return the mean of the values, weighted by how well each key matches the query.
    The query is what this position looks for. Each position so far, this one included, offers a key
    to be matched and a value (a vector, not the class) to be fetched. After "nath", the query might
    look for the last vowel. Then the key of "a" matches best, and mostly the value of "a" is
    fetched. Training finds what is worth looking for.
    >>> keys, values = [[Value(math.log(3))], [Value(0.0)]], [[Value(8.0)], [Value(4.0)]]
    >>> round(attend([Value(1.0)], keys, values)[0].data, 6)  # 0.75 * 8 + 0.25 * 4
    7.0
    """
    # A score adds up n = len(query) products of either sign, which partly cancel, so it grows like
    # sqrt(n). Undivided, scores of long vectors would give one position nearly all the weight.
    scores = [dot(query, key) / len(query) ** 0.5 for key in keys]
    weights = softmax(scores)
    return [dot(weights, column) for column in zip(*values)]  # column i: number i of each value


def mlp(layer, x):
    """Return what to add to x, found from x alone. (MLP: multi-layer perceptron.)
    Attention takes means. The MLP can react to a combination: a hidden number is the match of x
    with a row of mlp_fc1, or 0 if that is negative. So the number speaks up for one sort of x,
    perhaps "a vowel, early in the name", and mlp_fc2 says what is then added. Without relu, two
    matrices could do no more than one, their product."""
    hidden = [h.relu() for h in linear(x, layer["mlp_fc1"])]
    return linear(hidden, layer["mlp_fc2"])


class GPT:
    """The model: its parameters, and how it computes with them."""
    def __init__(self, rng, vocab_size, n_layer, n_embd, n_head, block_size):
        # Random: had all begun equal, a vector's numbers would get equal gradients and stay equal.
        def matrix(n_out, n_in):
            return [[Value(rng.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

        self.n_head = n_head
        self.block_size = block_size  # how many positions there are
        self.wte = matrix(vocab_size, n_embd)  # token embeddings, one in each row
        self.wpe = matrix(block_size, n_embd)  # position embeddings, one in each row
        self.lm_head = matrix(vocab_size, n_embd)  # x -> logits (lm: language model)
        self.layers = [{
            "attn_wq": matrix(n_embd, n_embd),  # x -> query
            "attn_wk": matrix(n_embd, n_embd),  # x -> key
            "attn_wv": matrix(n_embd, n_embd),  # x -> value
            "attn_wo": matrix(n_embd, n_embd),  # fetched -> added to x
            "mlp_fc1": matrix(4 * n_embd, n_embd),  # x -> hidden (fc: fully connected)
            "mlp_fc2": matrix(n_embd, 4 * n_embd),  # hidden -> added to x
        } for _ in range(n_layer)]
        in_layers = [w for layer in self.layers for w in layer.values()]
        matrices = [self.wte, self.wpe, self.lm_head] + in_layers
        self.params = [param for w in matrices for row in w for param in row]

    def new_cache(self):
        """Return two lists for each layer, of keys and of values, so that none is computed twice.
        Each position appends its own, and sees only what is in the lists. So it can look back, but
        it cannot peek ahead."""
        return [([], []) for _ in self.layers]

    def attention(self, layer, x, layer_cache):
        """Cache this position. Return what to add to x, fetched from the positions so far."""
        keys, values = layer_cache
        query = linear(x, layer["attn_wq"])
        keys.append(linear(x, layer["attn_wk"]))
        values.append(linear(x, layer["attn_wv"]))
        fetched = []
        head_size = len(x) // self.n_head
        # To look for several things there are several heads, each on a slice of query, key, value.
        for start in range(0, len(x), head_size):
            head = slice(start, start + head_size)
            fetched += attend(query[head], [k[head] for k in keys], [v[head] for v in values])
        return linear(fetched, layer["attn_wo"])

    def forward(self, token, position, cache):
        """Read one token; return vocab_size logits for the next one.
        Each part adds to x, none replaces it (a residual connection), so x keeps what it knew. The
        local gradient of + is 1: along the +, a gradient reaches the first layer unchanged."""
        x = rmsnorm(add(self.wte[token], self.wpe[position]))
        for layer, layer_cache in zip(self.layers, cache):
            x = add(x, self.attention(layer, rmsnorm(x), layer_cache))
            x = add(x, mlp(layer, rmsnorm(x)))
        return linear(x, self.lm_head)


# ---- 5 Training ---------------------------------------------------------------------------------
# How wrong is a prediction? If the model gave probability p to the token that really came next, the
# loss is its surprise, -log(p), with the natural logarithm. The loss is 0 if p is 1, and grows as p
# shrinks. A blind guess among 27 tokens has p = 1/27, a loss of 3.30. A loss of 2.4 is that of a
# guess among exp(2.4), about 11. For new names the loss stays well above 0: nobody can know whether
# "ann" goes on. Some names are harder than others, so the loss jumps up and down.
#
# Is it learning, or memory? A name that is read once moves each parameter only a little. What stays
# is what many names share. But a short list, read again and again, is learnt by heart: its loss
# goes on falling, while that of new names rises. This is memorising, and --validation shows it.
def document_loss(model, tokens):
    """Return the mean surprise over a document, block_size tokens of it at most."""
    cache = model.new_cache()
    losses = []
    for position in range(min(len(tokens) - 1, model.block_size)):
        probs = softmax(model.forward(tokens[position], position, cache))
        target = tokens[position + 1]  # what really came next
        p = probs[target]
        losses.append(-p.log())
    return sum(losses) / len(losses)


class Adam:
    """The optimizer: it moves the parameters. Subtracting learning_rate * grad has two faults:
    1. Gradients are noisy: the next document may want the opposite. So Adam keeps m, a running mean
       of each parameter's gradients, in which noise mostly cancels out.
    2. Gradients differ in size, so no learning_rate suits all. So Adam keeps v, a running mean of
       the gradient squared, and divides by sqrt(v), the usual size.
    A step is then learning_rate * m / sqrt(v): about learning_rate, less if gradients disagree.
    """
    def __init__(self, params):
        self.params = params
        self.m = [0.0] * len(params)
        self.v = [0.0] * len(params)
        self.t = 0

    def step(self, learning_rate, beta1=0.85, beta2=0.99, eps=1e-8):
        """Move all parameters, and clear their grads.
        A running mean keeps the share beta of its old number and takes the rest from the new one.
        The mean starts as 0, so at first it is too small: after one step, m is only 0.15 * grad.
        After t steps, the gradients' shares add up to 1 - beta ** t. Dividing by this mends it."""
        self.t += 1
        m_share = 1 - beta1 ** self.t
        v_share = 1 - beta2 ** self.t
        for i, param in enumerate(self.params):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * param.grad
            self.v[i] = beta2 * self.v[i] + (1 - beta2) * param.grad * param.grad
            m_hat = self.m[i] / m_share
            v_hat = self.v[i] / v_share
            param.data -= learning_rate * m_hat / (math.sqrt(v_hat) + eps)  # eps: never divide by 0
            param.grad = 0.0


def train(model, tokenizer, docs, steps, batch_size, learning_rate):
    """Yield the loss of each step, which learns from a batch: the next batch_size documents."""
    optimizer = Adam(model.params)
    stream = itertools.cycle(docs)  # after the last, the first again
    for step in range(steps):
        batch_loss = 0.0
        for doc in itertools.islice(stream, batch_size):  # 1. take a document
            loss = document_loss(model, tokenizer.encode(doc)) / batch_size  # 2. predict it
            loss.backward()  # 3. find the gradients; those of a batch add up
            batch_loss += loss.data
        # 4. Move the parameters: far at first, to get near, then less and less, to settle.
        optimizer.step(learning_rate * (1 - step / steps))
        yield batch_loss


# ---- 6 Inference --------------------------------------------------------------------------------
# The model writes by reading what it has written: predict, draw a token, read it, predict again,
# until it draws BOS or the positions run out. (Always the likeliest token would make one name
# only.) Nothing is learnt here.
# Temperature makes the model careful or bold. The logits are divided by it, and so is each lead. A
# temperature of 1 changes nothing. If "a" is 3 times as likely as "b" at 1, it is 9 times (3
# squared) as likely at 0.5, 1.7 times (sqrt of 3) at 2, and 59,049 times (3 ** 10) at 0.1.
#
# ChatGPT writes in the same way, with pieces of words as tokens, billions of parameters, and much
# of the web as documents. New in kind is its further training, on conversations and on what people
# preferred. Like this file, it writes what is likely, true or not.
def generate(model, tokenizer, temperature, rng, prompt=""):
    """Return a document that begins with the prompt."""
    tokens = tokenizer.encode(prompt)[:-1]  # without the BOS that would end it
    cache = model.new_cache()
    for position in range(model.block_size):
        logits = model.forward(tokens[position], position, cache)
        if position < len(tokens) - 1:
            continue  # still in the prompt: its predictions are not needed
        probs = softmax([logit / temperature for logit in logits])
        token = rng.choices(range(len(probs)), weights=[p.data for p in probs])[0]
        if token == tokenizer.bos:
            break
        tokens.append(token)
    return tokenizer.decode(tokens)


# ---- 7 The program (the lesson is over) ---------------------------------------------------------
FLAGS = [("--n-layer", 1, 1, "layers, each an attention and an MLP"),  # flag, default, lowest, use
         ("--n-embd", 16, 1, "numbers in an embedding; a multiple of --n-head"),
         ("--n-head", 4, 1, "heads in an attention"),
         ("--block-size", 0, 0, "how much of a document is read; 0: all of the longest, up to 64"),
         ("--steps", 1000, 0, "training steps; 0 leaves the model untrained"),
         ("--batch-size", 1, 1, "documents that a step learns from"),
         ("--learning-rate", 0.01, 0, "how far the first steps move a parameter"),
         ("--validation", 0, 0, "documents to keep back; their mean loss shows memorising"),
         ("--target-loss", 0.0, 0, "stop when the mean of 100 losses is below it"),
         ("--temperature", 0.5, 1e-6, "low is careful, high is bold"),
         ("--samples", 20, 0, "documents to make up"),
         ("--seed", 42, 0, "the same seed gives the same samples")]
parser = argparse.ArgumentParser(usage="microgpt.py [text] [--flag value ...] (see --help)")
parser.add_argument("text", nargs="?", help="UTF-8, a document a line (default: names.txt)",
                    default=pathlib.Path(__file__).resolve().with_name("names.txt"))
for flag, usual, lowest, use in FLAGS:
    parser.add_argument(flag, default=usual, type=type(usual), help=f"{use} (default: {usual})")
parser.add_argument("--prompt", default="", help="how the samples begin (default: '')")


def main(argv=None):
    """Return the model, the tokenizer, the docs (shuffled, those kept back last) and the losses."""
    def need(condition, message):
        if not condition:
            parser.error(message)
    args = parser.parse_args(argv)
    for flag, usual, lowest, use in FLAGS:
        need(vars(args)[flag[2:].replace("-", "_")] >= lowest, f"{flag} must be at least {lowest}")
    need(args.n_embd % args.n_head == 0,
         f"--n-embd {args.n_embd} must be a multiple of --n-head {args.n_head}")
    try:
        docs = load_docs(args.text)
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {args.text} as UTF-8: {error}")
    need(docs, f"{args.text} is empty: it should have a document a line")
    n_read = len(docs) - args.validation
    need(n_read > 0, f"--validation must be less than {len(docs)}, the number of documents")
    rng = random.Random(args.seed)  # the only source of chance
    rng.shuffle(docs)  # names.txt begins with frequent girls' names
    tokenizer = Tokenizer(docs)
    needed = max(map(len, docs)) + 1  # + 1 for the end
    block_size = args.block_size or min(needed, 64)
    for char in args.prompt:
        need(char in tokenizer.chars, f"--prompt has {char!r}, which no document has")
    need(len(args.prompt) < block_size, f"--prompt may have {block_size - 1} characters at most")
    model = GPT(rng, tokenizer.vocab_size, args.n_layer, args.n_embd, args.n_head, block_size)
    print(f"num docs: {len(docs)}\nvocab size: {len(model.wte)}\nnum params: {len(model.params)}")
    if block_size < needed:
        print(f"long documents are cut: --block-size {needed} would read all to their end")
    docs = [doc[:block_size] for doc in docs]  # the rest is not read
    if sys.implementation.name == "cpython":
        gc.set_threshold(1_000_000)  # faster, as graphs have no cycles
    run = train(model, tokenizer, docs[:n_read], args.steps, args.batch_size, args.learning_rate)
    losses = []
    try:
        for step, loss in enumerate(run, start=1):
            if math.isnan(loss):
                sys.exit("training failed, the loss is nan: a lower --learning-rate may help")
            losses.append(loss)
            mean = statistics.fmean(losses[-100:])
            done = step >= 100 and mean < args.target_loss
            if step in (1, args.steps) or step % max(1, args.steps // 10) == 0 or done:
                kept = [document_loss(model, tokenizer.encode(doc)).data for doc in docs[n_read:]]
                more = f" | validation {statistics.fmean(kept):.4f}" if kept else ""
                print(f"step {step:4} / {args.steps} | loss {loss:.4f} | mean {mean:.4f}{more}",
                      file=sys.stderr)
            if done:
                break
    except KeyboardInterrupt:
        print("stopped; now it writes", file=sys.stderr)
    except (ArithmeticError, ValueError) as error:
        sys.exit(f"training failed with {error!r}: a lower --learning-rate may help")
    print(f"--- made up at temperature {args.temperature} (* new: not one of the documents) ---")
    known = {"", *docs}
    made_up = set()
    for number in range(1, args.samples + 1):
        sample = generate(model, tokenizer, args.temperature, rng, args.prompt)
        made_up.add(sample)
        print(f"sample {number:2}: {sample}{'' if sample in known else ' *'}")
    print(f"{len(made_up - known)} different new ones in {args.samples} samples")
    return model, tokenizer, docs, losses


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # not in every editor
        sys.stdout.reconfigure(encoding="utf-8")
    model, tokenizer, docs, losses = main()  # python -i leaves you with these
