"""Time a training step of microgpt.py, and of the same model with a node for every operation.

    python tests/benchmark.py

Both train on the same documents in turn, so that a slow spell of the machine hits both alike. The
plain way (plain.py) is timed with the cycle collector on, as a script has it that does not care,
and off. Each figure is the median of three turns.
"""
import gc
import pathlib
import random
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import microgpt
import plain

SIZES = [  # and how many steps are timed
    (40, dict(n_layer=1, n_embd=16, n_head=4, block_size=16)),
    (4, dict(n_layer=2, n_embd=32, n_head=4, block_size=16)),
]


def seconds_for_a_step(tokenizer, docs, size):
    """Train a new model on the documents; return the mean time of a step, without the first."""
    model = microgpt.GPT(random.Random(42), tokenizer.vocab_size, **size)
    training = microgpt.train(model, tokenizer, docs, len(docs), 1, learning_rate=0.01)
    next(training)  # a first step takes longer
    started = time.perf_counter()
    for loss in training:
        pass
    return (time.perf_counter() - started) / (len(docs) - 1)


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


def nodes_of_a_step(tokenizer, docs, size):
    model = microgpt.GPT(random.Random(42), tokenizer.vocab_size, **size)
    return statistics.mean(count_nodes(microgpt.document_loss(model, tokenizer.encode(doc)))
                           for doc in docs[1:])


def main():
    print("A training step of microgpt.py, and of the same model with a node for every operation: "
          "about 90 seconds", flush=True)
    docs = microgpt.load_docs(ROOT / "names.txt")
    random.Random(42).shuffle(docs)
    tokenizer = microgpt.Tokenizer(docs)
    print(f"{sys.implementation.name} {sys.version.split()[0]}, milliseconds; (off): without the "
          "cycle collector")
    print("n_layer n_embd block_size | microgpt   plain  ratio |   (off)  ratio |   nodes    plain")
    for steps, size in SIZES:
        work = tokenizer, docs[:steps + 1], size
        rows = []
        for turn in range(3):
            gc.disable()
            row = [seconds_for_a_step(*work)]
            with plain.engine():
                row.append(seconds_for_a_step(*work))
                gc.enable()
                row.append(seconds_for_a_step(*work))
            rows.append(row)
        fast, off, slow = [statistics.median(column) for column in zip(*rows)]
        nodes = nodes_of_a_step(*work)
        with plain.engine():
            plain_nodes = nodes_of_a_step(*work)
        print(f"{size['n_layer']:7} {size['n_embd']:6} {size['block_size']:10} | "
              f"{1000 * fast:8.1f} {1000 * slow:7.1f} {slow / fast:6.1f} | {1000 * off:7.1f} "
              f"{off / fast:6.1f} | {nodes:7,.0f} {plain_nodes:8,.0f}")


if __name__ == "__main__":
    main()
