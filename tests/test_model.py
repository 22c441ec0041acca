"""Dataset, model, training and inference; and the ablations, so that they keep working."""
import hashlib
import random

import pytest

import ablation
import microgpt
import plain
from conftest import ROOT
from microgpt import GPT, Tokenizer, document_loss, generate

TOKENIZER = Tokenizer(["ab"])  # a is 0, b is 1, BOS is 2


def small_model(vocab_size=3, n_layer=1, n_embd=4, n_head=2, block_size=6):
    return GPT(random.Random(5), vocab_size, n_layer, n_embd, n_head, block_size)


def test_the_names():
    names = (ROOT / "names.txt").read_bytes().replace(b"\r\n", b"\n")  # as Windows may check out
    assert hashlib.sha256(names).hexdigest() == (
        "816d2a728695db28a20e17eae61c9c423091a511b3df09a06a489dccbf0876c7")


@pytest.mark.parametrize("size", [dict(n_layer=1, n_embd=16), dict(n_layer=2, n_embd=12)])
def test_loss_and_gradients_agree_with_plain_operations(size):
    def loss_and_grads():
        model = small_model(vocab_size=27, **size)
        loss = document_loss(model, [26, 18, 4, 1, 0, 18, 19, 8, 0, 13, 26])
        loss.backward()
        return [loss.data] + [param.grad for param in model.params]

    fused = loss_and_grads()
    with plain.engine():
        assert loss_and_grads() == pytest.approx(fused, rel=0, abs=1e-9)


def test_a_prompt_is_read_and_not_drawn():
    model = small_model()
    cache = model.new_cache()
    for position, token in enumerate([2, 0, 1]):  # BOS, a, b
        logits = model.forward(token, position, cache)
    drawn = random.Random(3).choices(range(3), [p.data for p in microgpt.softmax(logits)])
    sample = generate(model, TOKENIZER, 1.0, random.Random(3), prompt="ab")
    assert sample.startswith("ab" + TOKENIZER.decode(drawn))
    rng = random.Random(0)
    lengths = {len(generate(model, TOKENIZER, 1.0, rng, prompt="abbab")) for _ in range(40)}
    assert lengths == {5, 6}  # it may end at once, and has room for one more
    with pytest.raises(ValueError):
        generate(model, TOKENIZER, 1.0, rng, prompt="c")


@pytest.mark.parametrize("row", [row for row in ablation.ROWS if row != "as it is"])
def test_every_ablation_changes_the_training(row):
    args = dict(seed=42, steps=2, n_new=3, size=dict(n_layer=1, n_embd=4, n_head=2, block_size=4))
    as_it_is = ablation.train_without("as it is", **args)
    assert 3.2 < as_it_is < 3.4
    assert ablation.train_without(row, **args) != pytest.approx(as_it_is, rel=1e-9)
    assert 2.4 < ablation.bigram_table(seed=42, n_read=1000, n_new=300) < 2.6
