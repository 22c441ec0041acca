"""What each part of microgpt.py is worth: train without it, and see what that costs on new names.

    python tests/ablation.py

Every row is trained from scratch, with three seeds, on all cores. The loss is in nats for a token,
over 2,000 names that no training with the same seed reads.
"""
import collections
import concurrent.futures
import gc
import math
import random
import statistics
import sys
from unittest import mock

from conftest import ROOT  # first: it makes microgpt importable
import microgpt
from microgpt import GPT, Adam, Value, add, linear, rmsnorm

SIZE = dict(n_layer=1, n_embd=16, n_head=4, block_size=16)
SEEDS = [42, 1, 2]
MOST_STEPS = 10_000  # no training reads more names than this; those after them are new to all

adam_init = Adam.__init__
adam_step = Adam.step
forward = GPT.forward


def no_attention(self, layer, x, layer_cache):
    return [Value(0.0) for _ in x]


def no_mlp(self, layer, x):
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
        x = add(x, self.mlp(layer, rmsnorm(x)))
    return linear(x, self.lm_head)


def no_residual_connections(self, token, position, cache):
    x = rmsnorm(add(self.wte[token], self.wpe[position]))
    for layer, layer_cache in zip(self.layers, cache):
        x = self.attention(layer, rmsnorm(x), layer_cache)
        x = self.mlp(layer, rmsnorm(x))
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


DEFAULT = (GPT, "forward", forward)  # nothing is replaced
ROWS = {  # what is replaced, by what, and the learning rate
    "the model as it is": (*DEFAULT, 0.01),
    "without bias correction": (Adam, "__init__", no_bias_correction, 0.01),
    "without attention": (GPT, "attention", no_attention, 0.01),
    "without the MLP": (GPT, "mlp", no_mlp, 0.01),
    "without relu": (Value, "relu", no_relu, 0.01),
    "without wpe": (GPT, "forward", no_position, 0.01),
    "without attention and wpe": (GPT, "forward", no_past, 0.01),
    "without the first norm": (GPT, "forward", no_first_norm, 0.01),
    "without residual connections": (GPT, "forward", no_residual_connections, 0.01),
}
for rate in (0.01, 0.005, 0.002, 0.001):
    ROWS[f"a constant rate of {rate}"] = (Adam, "step", constant_rate(rate), rate)
for rate in (0.03, 0.1, 0.3, 1.0):
    ROWS[f"plain gradient descent at {rate}"] = (Adam, "step", plain_gradient_descent, rate)

TABLES = {  # which token follows after which of these is counted, from the coarsest to the finest
    "a table of pairs": [lambda tokens, i: tokens[i]],
    "a table of place and last letter": [
        lambda tokens, i: tokens[i],
        lambda tokens, i: (i, tokens[i])],
    "a table of place and last two letters": [
        lambda tokens, i: tokens[i],
        lambda tokens, i: (i, tokens[i]),
        lambda tokens, i: tokens[max(i - 1, 0):i + 1],
        lambda tokens, i: (i, tokens[max(i - 1, 0):i + 1])],
}


def split(seed, n_new):
    """Return the names as a run with this seed reads them, and n_new names that it does not."""
    docs = microgpt.load_docs(ROOT / "names.txt")
    rng = random.Random(seed)
    rng.shuffle(docs)
    read = set(docs[:MOST_STEPS])
    new = [doc for doc in docs[MOST_STEPS:] if doc not in read]
    return docs, new[:n_new], rng


def train_without(row, seed, steps, n_new, size=SIZE):
    """Return the loss of a row, trained from scratch, on names that are new to it."""
    owner, attribute, replacement, learning_rate = ROWS[row]
    docs, new, rng = split(seed, n_new)
    tokenizer = microgpt.Tokenizer(docs)
    if sys.implementation.name == "cpython":
        gc.disable()  # as microgpt.py does
    with mock.patch.object(owner, attribute, replacement):
        model = GPT(rng, tokenizer.vocab_size, **size)
        try:
            for loss in microgpt.train(model, tokenizer, docs, steps, 1, learning_rate):
                pass
        except (ArithmeticError, ValueError):  # the steps were too long, and it has blown up
            return math.inf
        surprise = 0.0
        n_tokens = 0
        for doc in new:
            tokens = tokenizer.encode(doc)
            n_predicted = min(len(tokens) - 1, model.block_size)
            surprise += microgpt.document_loss(model, tokens).data * n_predicted
            n_tokens += n_predicted
    return surprise / n_tokens


def count_table(row, seed, n_read, n_new):
    """Return the loss of counting, in place of a model, on the names that are new.

    What a fine table has seldom seen, the next coarser one predicts: its prediction counts as if it
    had been seen vocab_size times. Behind the coarsest is a blind guess, so that each pair counts
    once more than seen.
    """
    docs, new, rng = split(seed, n_new)
    tokenizer = microgpt.Tokenizer(docs)
    contexts = TABLES[row]
    counts = [collections.defaultdict(collections.Counter) for _ in contexts]
    for doc in docs[:n_read]:
        tokens = tuple(tokenizer.encode(doc))
        for i, target in enumerate(tokens[1:]):
            for table, context in zip(counts, contexts):
                table[context(tokens, i)][target] += 1
    surprises = []
    for doc in new:
        tokens = tuple(tokenizer.encode(doc))
        for i, target in enumerate(tokens[1:]):
            p = 1 / tokenizer.vocab_size
            for table, context in zip(counts, contexts):
                seen = table[context(tokens, i)]
                p = ((seen[target] + tokenizer.vocab_size * p)
                     / (sum(seen.values()) + tokenizer.vocab_size))
            surprises.append(-math.log(p))
    return statistics.fmean(surprises)


def main(n_new=2000):
    jobs = [(row, 1000) for row in ROWS]
    jobs += [("the model as it is", MOST_STEPS), ("without attention", MOST_STEPS)]
    jobs.sort(key=lambda job: -job[1])  # the longest first
    losses = collections.defaultdict(list)
    for row in TABLES:
        for n_read in (1000, MOST_STEPS):
            losses[row, n_read] = [count_table(row, seed, n_read, n_new) for seed in SEEDS]
    with concurrent.futures.ProcessPoolExecutor() as pool:
        futures = {pool.submit(train_without, row, seed, steps, n_new): (row, steps)
                   for row, steps in jobs for seed in SEEDS}
        for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            losses[futures[future]].append(future.result())
            print(f"{done} / {len(futures)}: {futures[future][0]}", file=sys.stderr)
    for steps in (1000, MOST_STEPS):
        print(f"| after {steps:,} names | mean loss | costs | least and most |")
        print("| --- | --- | --- | --- |")
        base = statistics.fmean(losses["the model as it is", steps])
        rows = [row for row, n in losses if n == steps]
        for row in sorted(rows, key=lambda row: statistics.fmean(losses[row, steps])):
            mean = statistics.fmean(losses[row, steps])
            print(f"| {row} | {mean:.3f} | {mean - base:.3f} | "
                  f"{min(losses[row, steps]):.3f}, {max(losses[row, steps]):.3f} |")


if __name__ == "__main__":
    main()
