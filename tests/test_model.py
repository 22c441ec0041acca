"""The model against plain operations; and the experiments, so that they keep working."""
import math
import random

import pytest

import ablation
import plain
import seeds
from microgpt import GPT, document_loss

TINY = dict(n_layer=1, n_embd=4, n_head=2, block_size=6)


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


def test_each_row_of_the_ablation_is_another_model():
    losses = {round(ablation.train_without(row, seed=42, steps=2, n_new=3, size=TINY), 9)
              for row in ablation.ROWS}
    assert len(losses) == len(ablation.ROWS)


def test_a_finer_table_of_counts_is_better():
    losses = [ablation.count_table(row, seed=42, n_read=1000, n_new=300) for row in ablation.TABLES]
    assert 2.3 < losses[0] < losses[1] < losses[2] < 2.6


def test_a_list_of_names_can_be_learnt_by_heart(monkeypatch):
    monkeypatch.setattr(seeds, "SIZE", TINY)
    monkeypatch.setattr(seeds, "N_NEW", 9)
    assert seeds.list_of_length(3, 20, 16, seed=1) > math.log(27)  # worse than a blind guess
