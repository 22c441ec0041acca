"""What each part of microgpt.py is worth: train without it, and see what that costs on new names.

    python tests/ablation.py

Every row is trained from scratch with three seeds. The loss is that of --validation, the mean over
documents, here 2,000 names that no training with the same seed reads. What leaving a part out costs
is the difference between two trainings with the same seed, without the part and with it.
"""
import collections
import gc
import math
import multiprocessing
import os
import pathlib
import random
import signal
import statistics
import sys
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import microgpt
from microgpt import GPT, Adam, Value, add, dot, linear, rmsnorm, softmax

SIZE = dict(n_layer=1, n_embd=16, n_head=4, block_size=16)
SEEDS = [42, 1, 2]
STEPS = 1000
MOST_STEPS = 10_000  # no training reads more names than this; those after them are new to all

adam_init = Adam.__init__
adam_step = Adam.step
forward = GPT.forward


def no_attention(self, layer, x, layer_cache):
    return [Value(0.0) for _ in x]


def no_sqrt(query, keys, values):
    weights = softmax([dot(query, key) for key in keys])
    return [dot(weights, column) for column in zip(*values)]


def no_mlp(layer, x):
    return [Value(0.0) for _ in x]


def no_relu(self):
    return self


def no_position(self, token, position, cache):
    return forward(self, token, 0, cache)  # every position has the same row of wpe


def no_past(self, token, position, cache):
    return forward(self, token, 0, self.new_cache())  # it knows neither the position nor the past


def no_first_norm(self, token, position, cache):
    x = add(self.wte[token], self.wpe[position])
    for layer, layer_cache in zip(self.layers, cache):
        x = add(x, self.attention(layer, rmsnorm(x), layer_cache))
        x = add(x, microgpt.mlp(layer, rmsnorm(x)))
    return linear(x, self.lm_head)


def no_residual_connections(self, token, position, cache):
    x = rmsnorm(add(self.wte[token], self.wpe[position]))
    for layer, layer_cache in zip(self.layers, cache):
        x = self.attention(layer, rmsnorm(x), layer_cache)
        x = microgpt.mlp(layer, rmsnorm(x))
    return linear(x, self.lm_head)


def no_bias_correction(self, params):
    adam_init(self, params)
    self.t = 10_000  # as if it had taken many steps: beta ** t is 0 then, and 1 - beta ** t is 1


def constant_rate(rate):
    return lambda self, learning_rate: adam_step(self, rate)


def plain_gradient_descent(self, learning_rate):
    for param in self.params:
        param.data -= learning_rate * param.grad
        param.grad = 0.0


WHOLE = "the model as it is"
NO_ATTENTION = "attention"
CONSTANT = "the falling rate (constant {})"
DESCENT = "Adam (plain gradient descent, its rate falling from {})"
ROWS = {  # what is left out: what is replaced for it, by what, and the learning rate
    WHOLE: (GPT, "forward", forward, 0.01),
    "bias correction": (Adam, "__init__", no_bias_correction, 0.01),
    "the sqrt in attention": (microgpt, "attend", no_sqrt, 0.01),
    NO_ATTENTION: (GPT, "attention", no_attention, 0.01),
    "the MLP": (microgpt, "mlp", no_mlp, 0.01),
    "relu": (Value, "relu", no_relu, 0.01),
    "the position (wpe)": (GPT, "forward", no_position, 0.01),
    "attention and the position": (GPT, "forward", no_past, 0.01),
    "the first rmsnorm": (GPT, "forward", no_first_norm, 0.01),
    "residual connections": (GPT, "forward", no_residual_connections, 0.01),
}
RATES = {  # rows of which only the best rate is shown
    CONSTANT: (0.01, 0.005, 0.002, 0.001),
    DESCENT: (0.03, 0.1, 0.3, 1.0),
}
for rate in RATES[CONSTANT]:
    ROWS[CONSTANT.format(rate)] = (Adam, "step", constant_rate(rate), rate)
for rate in RATES[DESCENT]:
    ROWS[DESCENT.format(rate)] = (Adam, "step", plain_gradient_descent, rate)

FINEST = "counts of place and last two letters"
TABLES = {  # which token follows after which of these is counted, from the coarsest to the finest
    FINEST: [
        lambda tokens, i: tokens[i],
        lambda tokens, i: (i, tokens[i]),
        lambda tokens, i: tokens[max(i - 1, 0):i + 1],
        lambda tokens, i: (i, tokens[max(i - 1, 0):i + 1])],
    "counts of place and last letter": [
        lambda tokens, i: tokens[i],
        lambda tokens, i: (i, tokens[i])],
    "counts of pairs of letters": [lambda tokens, i: tokens[i]],
}


def split(seed, n_new):
    """Return the names as a run with this seed reads them, and n_new names that it does not."""
    docs = microgpt.load_docs(ROOT / "names.txt")
    rng = random.Random(seed)
    rng.shuffle(docs)
    read = set(docs[:MOST_STEPS])
    new = [doc for doc in docs[MOST_STEPS:] if doc not in read]
    return docs, new[:n_new], rng


def loss_on_new(rng, docs, new, steps, learning_rate, size=SIZE):
    """Train a model on documents; return its mean loss on new ones, infinite if it blows up."""
    tokenizer = microgpt.Tokenizer(docs + new)
    model = GPT(rng, tokenizer.vocab_size, **size)
    if sys.implementation.name == "cpython":
        gc.disable()  # graphs have no cycles: they are freed without it
    try:
        for loss in microgpt.train(model, tokenizer, docs, steps, 1, learning_rate):
            pass
        return statistics.fmean(microgpt.document_loss(model, tokenizer.encode(doc)).data
                                for doc in new)
    except (ArithmeticError, ValueError):
        return math.inf


def train_without(row, seed, steps, n_new=2000, size=SIZE):
    """Return the loss of a row, trained from scratch, on names that are new to it."""
    owner, attribute, replacement, learning_rate = ROWS[row]
    docs, new, rng = split(seed, n_new)
    with mock.patch.object(owner, attribute, replacement):
        return loss_on_new(rng, docs, new, steps, learning_rate, size)


def loss_of_counts(docs, new, contexts=TABLES[FINEST]):
    """Return the loss on new documents of counting, in place of a model.

    What a fine table has seldom seen, the next coarser one predicts: its prediction counts as if it
    had been seen vocab_size times. Behind the coarsest is a blind guess, so that each pair counts
    once more than seen.
    """
    tokenizer = microgpt.Tokenizer(docs + new)
    counts = [collections.defaultdict(collections.Counter) for _ in contexts]
    for doc in docs:
        tokens = tuple(tokenizer.encode(doc))
        for i, target in enumerate(tokens[1:]):
            for table, context in zip(counts, contexts):
                table[context(tokens, i)][target] += 1

    def surprise(tokens, i):
        p = 1 / tokenizer.vocab_size
        for table, context in zip(counts, contexts):
            seen = table[context(tokens, i)]
            p = (seen[tokens[i + 1]] + tokenizer.vocab_size * p) / (
                sum(seen.values()) + tokenizer.vocab_size)
        return -math.log(p)

    encoded = [tuple(tokenizer.encode(doc)) for doc in new]
    return statistics.fmean(statistics.fmean(surprise(tokens, i) for i in range(len(tokens) - 1))
                            for tokens in encoded)


def count_table(row, seed, n_read, n_new=2000):
    """Return the loss of a table of counts on names that are new to it."""
    docs, new, rng = split(seed, n_new)
    return loss_of_counts(docs[:n_read], new, TABLES[row])


def call(function_and_job):
    function, job = function_and_job
    return job, function(*job)


def run_jobs(function, jobs):
    """Call a function with each tuple of arguments, on all processors; return {job: result}."""
    n_processes = os.cpu_count()
    print(f"{len(jobs)} trainings in {n_processes} processes", file=sys.stderr)
    results = {}
    ignore = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for this process, which ends the others
    with multiprocessing.Pool(n_processes, signal.signal, ignore) as pool:
        for job, result in pool.imap_unordered(call, [(function, job) for job in jobs]):
            results[job] = result
            print(f"{len(results)} / {len(jobs)}: {job}", file=sys.stderr)
    return results


def three(numbers):
    """Return the mean, the least and the most as cells of a table."""
    return f"{statistics.fmean(numbers):.3f} | {min(numbers):.3f} | {max(numbers):.3f}"


def main():
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    print("What each part of microgpt.py is worth: 60 trainings, about 5 minutes on two cores "
          "with PyPy, 25 with CPython", flush=True)
    jobs = [(row, seed, MOST_STEPS) for row in (WHOLE, NO_ATTENTION) for seed in SEEDS]
    jobs += [(row, seed, STEPS) for row in ROWS for seed in SEEDS]
    losses = run_jobs(train_without, jobs)
    costs = {row: [losses[row, seed, STEPS] - losses[WHOLE, seed, STEPS] for seed in SEEDS]
             for row in ROWS if row != WHOLE}
    for row, rates in RATES.items():
        names = [row.format(rate) for rate in rates]
        best = min(names, key=lambda name: statistics.fmean(costs[name]))
        for name in names:
            if name != best:
                del costs[name]
    print(f"\n| without | costs after {STEPS:,} names | least | most |\n| --- | --- | --- | --- |")
    for row, numbers in sorted(costs.items(), key=lambda item: -statistics.fmean(item[1])):
        print(f"| {row} | {three(numbers)} |")
    heads = [f"after {steps:,} names | minus the model's" for steps in (STEPS, MOST_STEPS)]
    print(f"\n| loss on new names | {' | '.join(heads)} |\n| {' | '.join(['---'] * 5)} |")
    for row in (*TABLES, WHOLE, NO_ATTENTION):
        cells = []
        for steps in (STEPS, MOST_STEPS):
            found = [losses[row, seed, steps] if row in ROWS else count_table(row, seed, steps)
                     for seed in SEEDS]
            minus = [loss - losses[WHOLE, seed, steps] for loss, seed in zip(found, SEEDS)]
            cells += [f"{statistics.fmean(found):.3f}",
                      "" if row == WHOLE else f"{min(minus):.3f} to {max(minus):.3f}"]
        name = {WHOLE: "the model", NO_ATTENTION: "the model without attention"}.get(row, row)
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
