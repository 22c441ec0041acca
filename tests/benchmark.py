"""Time a training step of microgpt.py, and of the same model with a node for every operation.

    python tests/benchmark.py

Both train on the same documents in turn, so that a slow spell of the machine hits both alike. The
plain way (plain.py) has the cycle collector on, as a script has that does not think of it.
"""
import gc
import random
import statistics
import sys
import time

from conftest import ROOT  # first: it makes microgpt importable
import microgpt
import plain

SIZES = [  # and how many steps are timed
    (30, dict(n_layer=1, n_embd=16, n_head=4, block_size=16)),
    (4, dict(n_layer=2, n_embd=32, n_head=4, block_size=16)),
    (2, dict(n_layer=4, n_embd=48, n_head=4, block_size=32)),
]


def start_training(tokenizer, docs, size):
    """Return a new model and its training, which takes a step at each next()."""
    model = microgpt.GPT(random.Random(42), tokenizer.vocab_size, **size)
    return model, microgpt.train(model, tokenizer, docs, len(docs), 1, learning_rate=0.01)


def seconds_for_a_step(training):
    started = time.perf_counter()
    next(training)
    return time.perf_counter() - started


def count_nodes(loss):
    """Return how many Values a loss was computed from, itself and the parameters included."""
    nodes = [loss]
    seen = {loss}
    for node in nodes:
        for child in node.children:
            if child not in seen:
                seen.add(child)
                nodes.append(child)
    return len(nodes)


def compare(tokenizer, docs, size):
    """Train both ways on all docs but the first; return the mean seconds and nodes of each."""
    model, training = start_training(tokenizer, docs, size)
    with plain.engine():
        plain_model, plain_training = start_training(tokenizer, docs, size)
    seconds = []
    plain_seconds = []
    for _ in docs:
        if sys.implementation.name == "cpython":
            gc.disable()  # as microgpt.py does
        seconds.append(seconds_for_a_step(training))
        gc.enable()
        with plain.engine():
            plain_seconds.append(seconds_for_a_step(plain_training))
    training.close()
    plain_training.close()
    gc.disable()
    nodes = []
    plain_nodes = []
    for doc in docs[1:]:
        tokens = tokenizer.encode(doc)
        nodes.append(count_nodes(microgpt.document_loss(model, tokens)))
        with plain.engine():
            plain_nodes.append(count_nodes(microgpt.document_loss(plain_model, tokens)))
    return [statistics.mean(column)
            for column in (seconds[1:], plain_seconds[1:], nodes, plain_nodes)]


def main():
    docs = microgpt.load_docs(ROOT / "names.txt")
    random.Random(42).shuffle(docs)
    tokenizer = microgpt.Tokenizer(docs)
    print(f"{sys.implementation.name} {sys.version.split()[0]}: milliseconds for a training step")
    print("n_layer n_embd block_size | microgpt    plain  ratio |   nodes      plain | "
          "ns per parameter and token")
    for steps, size in SIZES:
        docs_read = docs[:steps + 1]  # the first is not counted: a first step takes longer
        seconds, plain_seconds, nodes, plain_nodes = compare(tokenizer, docs_read, size)
        n_params = len(start_training(tokenizer, docs, size)[0].params)
        tokens = statistics.mean(len(doc) + 1 for doc in docs_read[1:])
        print(f"{size['n_layer']:7} {size['n_embd']:6} {size['block_size']:10} | "
              f"{1000 * seconds:8.1f} {1000 * plain_seconds:8.1f} {plain_seconds / seconds:6.1f} | "
              f"{nodes:7,.0f} {plain_nodes:10,.0f} | {1e9 * seconds / n_params / tokens:26.0f}")


if __name__ == "__main__":
    main()
