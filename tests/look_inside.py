"""Train microgpt.py, then look inside the model.

    python tests/look_inside.py            the published run (flags of microgpt.py may follow)
"""
import pathlib
import random
import sys
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import microgpt
from microgpt import dot, generate, softmax

TEMPERATURES = (0.5, 1, 2)


def read(model, tokenizer, beginning):
    """Return the logits for the letter after a beginning."""
    cache = model.new_cache()
    for position, token in enumerate(tokenizer.encode(beginning)[:-1]):
        logits = model.forward(token, position, cache)
    return logits


def print_next(model, tokenizer, beginning, n_letters=5):
    """Print the likeliest next letters as bars, at three temperatures."""
    logits = read(model, tokenizer, beginning)
    columns = [[p.data for p in softmax([logit / temperature for logit in logits])]
               for temperature in TEMPERATURES]
    print(f"\nWhat comes after {beginning!r}?")
    print("    ", " ".join(f"temperature {number:<13}" for number in TEMPERATURES).rstrip())
    letters = tokenizer.chars + ["end"]
    for i in sorted(range(len(letters)), key=lambda i: -logits[i].data)[:n_letters]:
        bars = [f"{column[i]:.2f} {'#' * round(40 * column[i]):20}" for column in columns]
        print(f"{letters[i]:>4} {' '.join(bars)}".rstrip())


def attention_weights(model, tokenizer, doc):
    """Return for each position the weights of each head: what it looks at, of all so far."""
    recorded = []

    def recording(logits):
        recorded.append(softmax(logits))
        return recorded[-1]

    with mock.patch.object(microgpt, "softmax", recording):  # attend calls it, once for each head
        read(model, tokenizer, doc)
    n_rows = len(model.layers) * model.n_head
    return [recorded[i:i + n_rows] for i in range(0, len(recorded), n_rows)]


def print_head(model, tokenizer, doc, head):
    """Print what a head looks at, as a triangle of weights: a row for each letter that is read."""
    letters = ["^", *doc]
    print(f"\nWhat head {head + 1} looks at in {doc!r} (a row for each letter read; ^ is BOS)")
    print("    " + "".join(f"{letter:>5} " for letter in letters).rstrip())
    for letter, heads in zip(letters, attention_weights(model, tokenizer, doc)):
        weights = [weight.data for weight in heads[head]]
        cells = [f" {weight:.2f}" + ("*" if weight == max(weights) else " ") for weight in weights]
        print(f"{letter:>4}" + "".join(cells).rstrip())


def nearest(model, tokenizer, char):
    """Return the letter whose embedding points most nearly the same way as that of a letter."""
    def cosine(a, b):
        x, y = model.wte[tokenizer.chars.index(a)], model.wte[tokenizer.chars.index(b)]
        return (dot(x, y) / (dot(x, x) * dot(y, y)) ** 0.5).data

    others = [other for other in tokenizer.chars if other != char]
    return max(others, key=lambda other: cosine(char, other))


def vowels_of(tokenizer):
    return [char for char in tokenizer.chars if char in "aeiou"]


def look_inside(model, tokenizer):
    print_next(model, tokenizer, "emm")
    print_head(model, tokenizer, "nathan", head=model.n_head - 1)
    pairs = [f"{vowel}-{nearest(model, tokenizer, vowel)}" for vowel in vowels_of(tokenizer)]
    print("\nEach vowel with the letter whose embedding is most similar: " + " ".join(pairs))
    print("Names at three temperatures:")
    for temperature in TEMPERATURES:
        rng = random.Random(42)
        names = [generate(model, tokenizer, temperature, rng) for _ in range(7)]
        print(f"{temperature:>4} " + " ".join(names))


def main(argv):
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    print("It trains first, about 10 seconds; then it looks inside.", flush=True)
    model, tokenizer, docs, losses = microgpt.main(argv)
    look_inside(model, tokenizer)


if __name__ == "__main__":
    main(sys.argv[1:])
