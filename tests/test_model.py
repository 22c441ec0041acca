"""Model and inference; and the ablations, so that they keep working."""
import random

import pytest

import ablation
import plain
from microgpt import GPT, Tokenizer, document_loss, generate, softmax


@pytest.mark.parametrize("n_layer, n_embd", [(1, 16), (2, 12)])
def test_loss_and_gradients_agree_with_plain_operations(n_layer, n_embd):
    def loss_and_grads():
        model = GPT(random.Random(5), 27, n_layer, n_embd, n_head=2, block_size=6)
        loss = document_loss(model, [26, 18, 4, 1, 0, 18, 19, 8, 0, 13, 26])
        loss.backward()
        return [loss.data] + [param.grad for param in model.params]

    fused = loss_and_grads()
    with plain.engine():
        assert loss_and_grads() == pytest.approx(fused, rel=0, abs=1e-9)


def test_a_prompt_is_read_and_not_drawn():
    tokenizer = Tokenizer(["ab"])  # a is 0, b is 1, BOS is 2
    model = GPT(random.Random(5), 3, n_layer=1, n_embd=4, n_head=2, block_size=6)
    cache = model.new_cache()
    for position, token in enumerate([2, 0, 1]):
        logits = model.forward(token, position, cache)
    drawn = random.Random(3).choices(range(3), [p.data for p in softmax(logits)])
    rng = random.Random(3)
    assert generate(model, tokenizer, 1.0, rng, "ab").startswith("ab" + tokenizer.decode(drawn))
    assert {len(generate(model, tokenizer, 1.0, rng, "abbab")) for _ in range(40)} == {5, 6}


@pytest.mark.parametrize("row", [*ablation.ROWS, *ablation.TABLES])
def test_every_row_of_the_ablations(row):
    if row in ablation.TABLES:
        assert 2.2 < ablation.count_table(row, seed=42, n_read=1000, n_new=300) < 2.6
    else:
        size = dict(n_layer=1, n_embd=4, n_head=2, block_size=4)
        loss, as_it_is = [ablation.train_without(name, seed=42, steps=2, n_new=3, size=size)
                          for name in (row, "the model as it is")]
        assert (loss == pytest.approx(as_it_is, rel=1e-9)) == (row == "the model as it is")
