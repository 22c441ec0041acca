"""Time a training step two ways: with the dot products of microgpt.py as one node each, and node by node.

    python tests/benchmark.py

Both ways run the same model on the same documents in turn, so that a slow spell of the machine hits both alike.
"""
import gc
import pathlib
import random
import statistics
import sys
import time
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import microgpt

SIZES = [
    dict(n_layer=1, n_embd=16, n_head=4, block_size=16),
    dict(n_layer=2, n_embd=32, n_head=4, block_size=16),
]
STEPS = 20


def plain_linear(x, w):
    """microgpt.linear with a node for every product and every sum."""
    return [sum(x_i * w_i for x_i, w_i in zip(x, row)) for row in w]


def plain_logsumexp(logits):
    """microgpt.logsumexp with a node for every operation."""
    top = max(logit.data for logit in logits)
    return sum((logit - top).exp() for logit in logits).log() + top


def plain():
    """Return a context in which the model is built from Value's own operators alone."""
    return mock.patch.multiple(microgpt, linear=plain_linear, logsumexp=plain_logsumexp)


def count_nodes(result):
    """Return how many Values result was computed from, itself included."""
    seen, stack = {result}, [result]
    while stack:
        new = set(stack.pop().children) - seen
        seen |= new
        stack.extend(new)
    return len(seen)


def timed_step(model, optimizer, tokens):
    """Return the seconds that a step on one document takes, freeing its graph included, and the graph's nodes."""
    started = time.perf_counter()
    loss = microgpt.document_loss(model, tokens)
    loss.backward()
    optimizer.step(learning_rate=0.01)
    del loss
    return time.perf_counter() - started, count_nodes(microgpt.document_loss(model, tokens))


def main():
    docs = microgpt.load_docs(ROOT / "names.txt")
    random.Random(42).shuffle(docs)
    tokenizer = microgpt.Tokenizer(docs)
    if sys.implementation.name == "cpython":
        gc.disable()  # as microgpt.py does while it trains
    print(f"{sys.implementation.name} {sys.version.split()[0]}, means of {STEPS} steps, one document each")
    print("n_layer n_embd block_size | ms fused  ms plain  ratio | nodes fused  nodes plain")
    for size in SIZES:
        model = microgpt.GPT(random.Random(42), tokenizer.vocab_size, **size)
        optimizer = microgpt.Adam(model.params)
        fused, unfused = [], []
        for doc in docs[:STEPS]:
            tokens = tokenizer.encode(doc)
            fused.append(timed_step(model, optimizer, tokens))
            with plain():
                unfused.append(timed_step(model, optimizer, tokens))
        (ms, nodes), (plain_ms, plain_nodes) = [
            (1000 * statistics.mean(seconds for seconds, _ in steps), statistics.mean(nodes for _, nodes in steps))
            for steps in (fused, unfused)]
        print(f"{size['n_layer']:7} {size['n_embd']:6} {size['block_size']:10} | {ms:8.1f}  {plain_ms:8.1f} "
              f"{plain_ms / ms:6.1f} | {nodes:11,.0f}  {plain_nodes:11,.0f}")


if __name__ == "__main__":
    main()
