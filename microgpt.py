"""microgpt: a whole GPT in one file of plain Python. It learns from a list of names and makes up new ones.

    python microgpt.py           trains for 1,000 steps, then prints 20 made-up names: kamon, ann, karai, ...
    python microgpt.py --help    every setting is a flag, your own text file among them

It prints how many documents, distinct tokens and parameters there are, the loss over the run, and the names;
progress goes to standard error. The same command prints the same names on CPython, from 3.9 on, and on PyPy.

Read it from top to bottom. Data walks through seven rooms: dataset, tokenizer, autograd, model, Adam,
training, inference; `main` only opens them in that order. It is an independent implementation of the
algorithm of Andrej Karpathy's microgpt (February 2026).
"""

import argparse, contextlib, gc, math, os, pathlib, random, statistics, sys, time  # Python's own

# ---- 1 Dataset ---------------------------------------------------------------------------------------------
# A model is what its data is. Ours is 32,033 documents of one name each: emma, olivia, ava, ... From them it
# learns statistics, which characters tend to follow which, and makes up more of the kind.


def load_docs(path):
    """Return the documents of a text file: its lines, stripped, without the blank ones.

    Raises OSError where the file cannot be read, ValueError where it is not UTF-8 or has no text.
    """
    with open(path, encoding="utf-8-sig") as lines:  # -sig: a byte-order mark is no part of the text
        docs = [doc for doc in map(str.strip, lines) if doc]
    if not docs: raise ValueError(f"there is no text in {str(path)!r}")
    return docs


# ---- 2 Tokenizer -------------------------------------------------------------------------------------------
# A model computes with numbers, so each character gets one, its id. Ids are labels, not amounts; any will do.
# A token is such an id, or one more: BOS (beginning of sequence), which says that a document begins or ends.


class Tokenizer:
    """Characters to ids and back: the characters in order are 0, 1, 2, ..., and BOS comes after the last."""

    def __init__(self, docs):
        self.chars = sorted(set("".join(docs)))
        self.bos, self.vocab_size = len(self.chars), len(self.chars) + 1

    def encode(self, doc):
        """emma -> [26, 4, 12, 12, 0, 26]. Raises ValueError for a character that no document has."""
        return [self.bos, *[self.chars.index(char) for char in doc], self.bos]

    def decode(self, tokens):
        """[26, 4, 12, 12, 0, 26] -> emma"""
        return "".join(self.chars[token] for token in tokens if token != self.bos)


# ---- 3 Autograd --------------------------------------------------------------------------------------------
# A model has parameters, numbers that it can adjust, and a loss, a number that says how wrong it is. Learning
# asks of every parameter: were it a little larger, how would the loss change? That is a derivative, the
# parameter's gradient. An operation knows its own derivative only; the chain rule multiplies those on the way
# from the loss back to a parameter, and adds up where there is more than one way.


class Value:
    """One number that knows how it was computed: x = Value(3.0); (x * x + 1).backward(); x.grad is 6.0.

    children: the Values it was computed from, none for a parameter; local_grads: d(self)/d(child) for each.
    grad: d(result)/d(self), once result.backward() has been called.
    """

    __slots__ = ("data", "grad", "children", "local_grads")  # without a dict in each: smaller and faster

    def __init__(self, data, children=(), local_grads=()):
        self.data, self.grad = data, 0.0
        self.children, self.local_grads = children, local_grads

    def __repr__(self): return f"Value(data={self.data}, grad={self.grad})"

    # An operation: its result, its children, the derivative by each. A plain number is constant, so no child.
    def __add__(self, other):
        if not isinstance(other, Value): return Value(self.data + other, (self,), (1.0,))
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        if not isinstance(other, Value): return Value(self.data * other, (self,), (other,))
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, other):
        if isinstance(other, Value): return (self.log() * other).exp()
        return Value(self.data ** other, (self,), (other * self.data ** (other - 1),))

    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))
    def relu(self): return Value(self.data, (self,), (1.0,)) if self.data > 0 else Value(0.0)  # a constant

    # What follows from those: minus, division, and a plain number on the left.
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __rsub__(self, other): return -self + other
    def __truediv__(self, other): return self * other ** -1
    def __rtruediv__(self, other): return self ** -1 * other
    def __rpow__(self, other): return (self * math.log(other)).exp()
    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        """Set each node's grad to d(self)/d(node). One without children adds it to the grad that it has."""
        # Topological order: list a node after all its children. So it goes back on the stack, under None and
        # its children: when the None turns up, they are listed. (Recursion would fail on a deep graph.)
        order, seen, stack = [], set(), [self]
        while stack:
            node = stack.pop()
            if node is None: order.append(stack.pop())
            elif node not in seen:
                seen.add(node)
                if node.children:
                    node.grad = 0.0
                    stack += [node, None] + [child for child in node.children if child not in seen]
        # In reverse, a node comes after all that was computed from it, so its grad is complete.
        self.grad = 1.0
        for node in reversed(order):
            grad = node.grad
            for child, local_grad in zip(node.children, node.local_grads):
                child.grad += local_grad * grad  # the chain rule


# ---- 4 Model -----------------------------------------------------------------------------------------------
# It reads a document token by token. After each, every token that could be next gets a number, its logit: the
# higher, the likelier. In between, what is known at a position is a vector x of n_embd numbers. Attention is
# where positions talk to each other; the MLP (multi-layer perceptron: linear, relu, linear) is where each one
# thinks for itself.


def linear(x, w):
    """x: [n_in], w: [n_out, n_in] -> [n_out], the dot product of x with each row of w; each is one node."""
    x_data = [x_i.data for x_i in x]
    outputs = []
    for row in w:
        row_data = [w_i.data for w_i in row]
        dot = 0.0
        for x_i, w_i in zip(x_data, row_data):  # sum() would round differently from Python 3.12 on
            dot += x_i * w_i
        outputs.append(Value(dot, x + row, row_data + x_data))  # d(x·w)/dx = w, d(x·w)/dw = x
    return outputs


def logsumexp(logits):
    """logits: [n] -> log(Σ exp(logit)), one node. Its derivative by a logit is the softmax of that logit."""
    top = max([logit.data for logit in logits])
    exps = [math.exp(logit.data - top) for logit in logits]  # taken off here, top is added below: no overflow
    total = math.fsum(exps)
    return Value(top + math.log(total), logits, [exp / total for exp in exps])


def softmax(logits):
    """logits: [n], any numbers -> [n], probabilities: exp(logit) / Σ exp(logit) = exp(logit - logsumexp)."""
    shift = -logsumexp(logits)
    return [(logit + shift).exp() for logit in logits]


def rmsnorm(x):
    """x: [n] -> [n], x / sqrt(mean(x²) + 1e-5): same direction, standard size (Zhang & Sennrich 2019)."""
    scale = (linear(x, [x])[0] / len(x) + 1e-5) ** -0.5  # x·x / n is mean(x²)
    return [x_i * scale for x_i in x]


class GPT:
    """GPT-2 (Radford et al. 2019), with RMSNorm in place of LayerNorm, relu for GELU, no biases."""

    def __init__(self, rng, vocab_size, n_layer, n_embd, n_head, block_size):
        self.n_layer, self.n_head, self.block_size = n_layer, n_head, block_size
        # [n_out, n_in]. wte has a vector for each token, wpe for each position; lm_head turns x into logits.
        shapes = [("wte", vocab_size, n_embd), ("wpe", block_size, n_embd), ("lm_head", vocab_size, n_embd)]
        for i in range(n_layer):
            shapes += [(f"layer{i}.attn_{name}", n_embd, n_embd) for name in ("wq", "wk", "wv", "wo")]
            shapes += [(f"layer{i}.mlp_fc1", 4 * n_embd, n_embd), (f"layer{i}.mlp_fc2", n_embd, 4 * n_embd)]
        # Small and random: parameters that start alike would get the same gradients, and stay alike.
        self.state_dict = {name: [[Value(rng.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]
                           for name, n_out, n_in in shapes}
        self.params = [param for matrix in self.state_dict.values() for row in matrix for param in row]

    # For each layer, the keys and the values of the positions so far: none.
    def new_cache(self): return [([], []) for _ in range(self.n_layer)]

    def forward(self, token, position, cache):
        """Return the logits, [vocab_size], of the token after this one.

        cache: from new_cache, with all positions before this one; its own keys and values are added.
        """
        wte, wpe, lm_head = self.state_dict["wte"], self.state_dict["wpe"], self.state_dict["lm_head"]
        x = rmsnorm([a + b for a, b in zip(wte[token], wpe[position])])  # what it is, and where
        for i, (keys, values) in enumerate(cache):
            # Attention, then the MLP. Each adds to x and does not replace it (a residual connection), so that
            # gradients have a way around it: a sum passes them on unchanged.
            x = [a + b for a, b in zip(x, self.attention(f"layer{i}.", rmsnorm(x), keys, values))]
            hidden = [h.relu() for h in linear(rmsnorm(x), self.state_dict[f"layer{i}.mlp_fc1"])]
            x = [a + b for a, b in zip(x, linear(hidden, self.state_dict[f"layer{i}.mlp_fc2"]))]
        return linear(x, lm_head)

    def attention(self, layer, x, keys, values):
        """x: [n_embd] -> [n_embd], what this position takes over from all so far (Vaswani et al. 2017)."""
        head_size = len(x) // self.n_head
        # The query is what this position looks for, the key what it is found by, the value what it tells.
        q = [q_i / head_size ** 0.5 for q_i in linear(x, self.state_dict[layer + "attn_wq"])]
        keys.append(linear(x, self.state_dict[layer + "attn_wk"]))
        values.append(linear(x, self.state_dict[layer + "attn_wv"]))
        mixed = []
        for head in [slice(i, i + head_size) for i in range(0, len(x), head_size)]:  # a part of each vector
            weights = softmax(linear(q[head], [key[head] for key in keys]))  # [positions so far], from q·k
            # Transposed, [head_size, positions so far]: each output is a mean over positions, weighted.
            mixed += linear(weights, map(list, zip(*[value[head] for value in values])))
        return linear(mixed, self.state_dict[layer + "attn_wo"])


# ---- 5 Adam ------------------------------------------------------------------------------------------------
# A gradient points uphill, to more loss, so a parameter steps the other way. How far? Adam keeps two running
# means for each: m, of the gradient, holds the direction through the noise of single steps; v, of its square,
# says how large this parameter's gradients are, and dividing by sqrt(v) gives it a step size of its own.


class Adam:
    """The optimizer (Kingma & Ba 2015): all parameters, and for each its m and v."""

    def __init__(self, params):
        self.params, self.m, self.v, self.t = params, [0.0] * len(params), [0.0] * len(params), 0

    def step(self, learning_rate, beta1=0.85, beta2=0.99, eps=1e-8):
        """Move each parameter against its gradient, by about learning_rate; set the gradient back to 0."""
        m, v, self.t = self.m, self.v, self.t + 1
        share1, share2 = 1 - beta1, 1 - beta2  # of the newest gradient in the means
        # Bias correction: m and v start at 0, and after t steps are 1 - beta ** t of what they should be.
        m_rate, v_scale = learning_rate / (1 - beta1 ** self.t), 1 / (1 - beta2 ** self.t)
        for i, param in enumerate(self.params):
            grad = param.grad
            m[i] = m_i = beta1 * m[i] + share1 * grad
            v[i] = v_i = beta2 * v[i] + share2 * grad * grad
            param.data -= m_rate * m_i / (math.sqrt(v_i * v_scale) + eps)
            param.grad = 0.0


# ---- 6 Training --------------------------------------------------------------------------------------------
# Learning is: predict, measure the surprise, send the blame back, nudge. The surprise at a token that had the
# probability p is -log(p): none at p = 1, and log(27) = 3.30 for a blind guess among 27. With the natural
# logarithm, its unit is called nat.


def document_loss(model, tokens):
    """Return the mean of -log p(next token), in nats, over a document's first block_size positions."""
    cache, losses = model.new_cache(), []
    for position in range(min(model.block_size, len(tokens) - 1)):
        logits = model.forward(tokens[position], position, cache)
        losses.append(logsumexp(logits) - logits[tokens[position + 1]])  # = -log(softmax of the next token)
    return sum(losses) / len(losses)


def train(model, tokenizer, docs, steps, batch_size, learning_rate):
    """Train the model, and yield each step's loss: the mean over its batch, in nats.

    Step 0 takes the first batch_size documents, step 1 the next; after the last, they start over.
    """
    optimizer = Adam(model.params)
    for step in range(steps):
        batch_loss = 0.0
        for j in range(batch_size):
            tokens = tokenizer.encode(docs[(step * batch_size + j) % len(docs)])
            loss = document_loss(model, tokens) / batch_size  # predict, and measure the surprise
            loss.backward()                                   # send the blame back; a batch adds it up
            batch_loss += loss.data
        optimizer.step(learning_rate * (1 - step / steps))    # nudge, and more gently with each step
        yield batch_loss


# ---- 7 Inference -------------------------------------------------------------------------------------------
# The model writes by reading itself: predict the next token, draw one by its probability, feed it back in.


def generate(model, tokenizer, temperature, rng):
    """Return a new document of at most block_size tokens, each drawn with p = softmax(logits / temperature).

    A low temperature is careful and dull, a high one bold and garbled.
    Raises FloatingPointError where the logits are not finite.
    """
    tokens, cache = [tokenizer.bos], model.new_cache()
    for position in range(model.block_size):
        logits = [logit.data for logit in model.forward(tokens[-1], position, cache)]
        top = max(logits)
        exps = [math.exp((logit - top) / temperature) for logit in logits]
        if not math.isfinite(sum(exps)): raise FloatingPointError("the logits are not finite numbers")
        tokens += rng.choices(range(tokenizer.vocab_size), exps)  # divides by the sum, as softmax does
        if tokens[-1] == tokenizer.bos: break
    return tokenizer.decode(tokens)


# ---- main --------------------------------------------------------------------------------------------------
# There is nothing more about GPTs from here on: the rooms in order, with flags, progress and clear errors.


def number(kind, low, word):
    """Return an argparse type: the text as a finite number of this kind, above low."""
    def parse(text):
        with contextlib.suppress(ValueError):
            if low < kind(text) < math.inf: return kind(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a {word} number above {low}")
    return parse


def read_command(argv):
    """Return the settings and the documents, or exit with code 2 after one line that says what was wrong."""
    size, count, positive = number(int, 0, "whole"), number(int, -1, "whole"), number(float, 0, "finite")
    # Without the usage, which argparse would print before an error, an error is one line.
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, description=__doc__.split("\n")[0],
                                     epilog="example: python microgpt.py --data my.txt --temperature 0.3 0.7")
    for flag, kind, default, meaning in [
            ("--data", str, pathlib.Path(__file__).with_name("names.txt"), "UTF-8 text, a document a line"),
            ("--n-layer", size, 1, "layers, each an attention and an MLP"),
            ("--n-embd", size, 16, "numbers that a token is made of, a multiple of --n-head"),
            ("--n-head", size, 4, "attention heads in a layer"),
            ("--block-size", size, 16, "tokens to look at; longer documents are cut to it"),
            ("--steps", count, 1000, "training steps; 0 samples from the untrained model"),
            ("--batch-size", size, 1, "documents that a step learns from"),
            ("--learning-rate", positive, 0.01, "about how far a step moves a parameter at first"),
            ("--target-loss", positive, None, "stop once the mean of the last 100 losses is at most this"),
            ("--temperature", positive, [0.5], "low is careful, high is bold; one or more"),
            ("--samples", size, 20, "documents to make up, at each temperature"),
            ("--seed", int, 42, "start of the random numbers: the same seed, the same samples")]:
        parser.add_argument(flag, type=kind, default=default, nargs="+" if flag == "--temperature" else None,
                            metavar="X", help=meaning + " (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.n_embd % args.n_head: parser.error(f"--n-head {args.n_head} must divide --n-embd {args.n_embd}")
    try: return args, load_docs(args.data)
    except (OSError, ValueError) as error:
        parser.error(f"argument --data: {error}; it takes UTF-8 text of one document a line")


def learn(model, tokenizer, docs, args):
    """Train to the last step, to --target-loss or to Ctrl-C; print progress, then the curve."""
    losses, started, collecting = [], time.monotonic(), gc.isenabled()
    end = "  \r" if sys.stderr.isatty() else "\n"  # on a terminal, each line of progress overwrites the last
    # CPython frees a graph by counting references: it has no cycles to look for, which takes time. PyPy does
    # not count, and without its collector frees nothing.
    if sys.implementation.name == "cpython": gc.disable()
    try:
        for loss in train(model, tokenizer, docs, args.steps, args.batch_size, args.learning_rate):
            losses.append(loss)
            step, mean, finite = len(losses), statistics.mean(losses[-100:]), math.isfinite(loss)
            left = (time.monotonic() - started) / step * (args.steps - step)
            last = step == args.steps or not finite or step >= 100 and mean <= (args.target_loss or -1)
            if last or end != "\n" or step * 10 // args.steps > (step - 1) * 10 // args.steps:
                print(f"step {step:{len(str(args.steps))}} / {args.steps} | loss {loss:.4f}",
                      f"| mean {mean:.4f} | {left:.0f} s left", end="\n" if last else end, file=sys.stderr)
            if not finite: raise FloatingPointError(f"the loss of step {step} is {loss}")
            if last: break
    except KeyboardInterrupt:
        print(f"\nstopped after step {len(losses)}: samples of what it has learnt so far", file=sys.stderr)
    finally:
        if collecting: gc.enable()
    if losses: print(curve(losses))


def curve(losses):
    """Return the run as a line: up to 40 mean losses as blocks, between the first and the last as numbers."""
    n = min(40, len(losses))
    means = [statistics.mean(losses[i * len(losses) // n:(i + 1) * len(losses) // n]) for i in range(n)]
    low, span = min(means), max(means) - min(means) or 1
    blocks = "".join("▁▂▃▄▅▆▇█"[int((mean - low) / span * 7.99)] for mean in means)
    return f"loss {means[0]:.2f} {blocks} {means[-1]:.2f}"


def main(argv=None):
    """Open the rooms in order."""
    args, docs = read_command(argv)
    rng = random.Random(args.seed)
    rng.shuffle(docs)
    tokenizer = Tokenizer(docs)
    model = GPT(rng, tokenizer.vocab_size, args.n_layer, args.n_embd, args.n_head, args.block_size)
    print(f"num docs: {len(docs)}\nvocab size: {tokenizer.vocab_size}\nnum params: {len(model.params)}")
    longer = sum(len(doc) > args.block_size for doc in docs)
    if longer: print(f"documents cut to --block-size {args.block_size}: {longer}", file=sys.stderr)
    learn(model, tokenizer, docs, args)
    for temperature in args.temperature:
        print(f"--- made up at temperature {temperature:g} ---")
        for i in range(args.samples):
            print(f"sample {i + 1:2}: {generate(model, tokenizer, temperature, rng)}")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # "?" for what the terminal cannot show
    try: main()
    except KeyboardInterrupt: sys.exit(130)
    except FloatingPointError as error: sys.exit(f"microgpt.py: error: {error}; try a lower --learning-rate")
    except BrokenPipeError: os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head -1`
