"""Dataset, tokenizer, model, optimizer, training and inference."""
import hashlib
import json
import pathlib
import random
from unittest import mock

import pytest

import benchmark
import microgpt
from microgpt import GPT, Adam, Tokenizer, Value, document_loss, generate, load_docs, train

HERE = pathlib.Path(__file__).resolve().parent
NAMES = HERE.parent / "names.txt"


# ---- dataset and tokenizer


def test_the_names():
    docs = load_docs(NAMES)
    assert len(docs) == 32033
    assert docs[:3] == ["emma", "olivia", "ava"]
    assert max(map(len, docs)) == 15
    assert hashlib.sha256(NAMES.read_bytes()).hexdigest() == (
        "816d2a728695db28a20e17eae61c9c423091a511b3df09a06a489dccbf0876c7")


@pytest.mark.parametrize("raw, docs", [
    (b"emma\nava\n", ["emma", "ava"]),
    (b"  emma \n\n \t\nava", ["emma", "ava"]),
    (b"\xef\xbb\xbfemma\r\nava\r\n", ["emma", "ava"]),
    ("Zoë Ann\n王芳\nمريم\n".encode(), ["Zoë Ann", "王芳", "مريم"]),
    ("a\u2028b\x0cc\n".encode(), ["a\u2028b\x0cc"]),  # only line ends end a document
])
def test_load_docs(tmp_path, raw, docs):
    path = tmp_path / "docs.txt"
    path.write_bytes(raw)
    assert load_docs(path) == docs


@pytest.mark.parametrize("raw", [b"", b" \n\t\n", b"\xef\xbb\xbf", b"\xff\xfea\x00", b"caf\xe9\n"])
def test_load_docs_refuses(tmp_path, raw):
    path = tmp_path / "docs.txt"
    path.write_bytes(raw)
    with pytest.raises(ValueError):
        load_docs(path)


def test_tokenizer():
    tokenizer = Tokenizer(load_docs(NAMES))
    assert (tokenizer.bos, tokenizer.vocab_size) == (26, 27)
    assert tokenizer.encode("emma") == [26, 4, 12, 12, 0, 26]
    assert tokenizer.decode([26, 4, 12, 12, 0, 26]) == "emma"
    with pytest.raises(ValueError):
        tokenizer.encode("Emma")


# ---- gradients


def small_model(seed=3):
    """A model with every kind of parameter, large enough in value that every gradient counts."""
    model = GPT(random.Random(seed), vocab_size=5, n_layer=2, n_embd=4, n_head=2, block_size=4)
    for param in model.params:
        param.data *= 6
    return model


@pytest.mark.parametrize("name", small_model().state_dict)
def test_gradients_against_finite_differences(name):
    model, tokens, h = small_model(), [4, 1, 3, 0, 4], 1e-5
    document_loss(model, tokens).backward()
    largest = 0.0
    for param in [param for row in model.state_dict[name] for param in row]:
        data = param.data
        param.data = data + h
        high = document_loss(model, tokens).data
        param.data = data - h
        low = document_loss(model, tokens).data
        param.data = data
        assert param.grad == pytest.approx((high - low) / (2 * h), rel=1e-6, abs=1e-9)
        largest = max(largest, abs(param.grad))
    assert largest > 1e-3  # the comparison above was not one of zeros


@pytest.mark.parametrize("size", benchmark.SIZES[:1] + [dict(n_layer=2, n_embd=12, n_head=3, block_size=5)])
def test_fused_operations_agree_with_plain_ones(size):
    tokenizer = Tokenizer(load_docs(NAMES))
    model = GPT(random.Random(1), tokenizer.vocab_size, **size)

    def gradients():
        loss = document_loss(model, tokenizer.encode("sebastian"))
        loss.backward()
        grads = [param.grad for param in model.params]
        for param in model.params:
            param.grad = 0.0
        return grads, benchmark.count_nodes(loss)

    fused, fused_nodes = gradients()
    with benchmark.plain():
        plain, plain_nodes = gradients()
    assert fused == pytest.approx(plain, rel=0, abs=1e-9)
    assert max(map(abs, fused)) > 0.01
    assert plain_nodes > 5 * fused_nodes


# ---- model


def test_parameters_in_the_order_of_their_draws():
    model = GPT(random.Random(7), vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=5)
    shapes = {name: (len(matrix), len(matrix[0])) for name, matrix in model.state_dict.items()}
    assert list(shapes.items()) == [
        ("wte", (3, 2)), ("wpe", (5, 2)), ("lm_head", (3, 2)),
        ("layer0.attn_wq", (2, 2)), ("layer0.attn_wk", (2, 2)), ("layer0.attn_wv", (2, 2)),
        ("layer0.attn_wo", (2, 2)), ("layer0.mlp_fc1", (8, 2)), ("layer0.mlp_fc2", (2, 8))]
    rng = random.Random(7)
    assert [param.data for param in model.params] == [rng.gauss(0, 0.08) for _ in model.params]


def test_a_document_is_cut_to_the_block_size():
    model = small_model()
    whole, cut = [document_loss(model, tokens).data for tokens in ([4, 1, 3, 0, 2, 2, 2, 4], [4, 1, 3, 0, 2])]
    assert whole == cut


def test_attention_sees_what_came_before():
    model = small_model()
    after = []
    for first in (1, 3):
        cache = model.new_cache()
        model.forward(first, 0, cache)
        after.append([logit.data for logit in model.forward(2, 1, cache)])
    assert after[0] != after[1]
    assert [len(keys) for keys, _ in cache] == [2, 2]


def test_a_graph_too_deep_for_recursion():
    model = GPT(random.Random(0), vocab_size=5, n_layer=100, n_embd=2, n_head=1, block_size=8)
    document_loss(model, [4, 1, 3, 0, 1, 2, 3, 3, 4]).backward()
    assert all(param.grad for param in model.state_dict["layer0.attn_wo"][0])


# ---- Adam, training, inference


def test_adam_step_by_step():
    param = Value(1.0)
    optimizer = Adam([param])
    m = v = 0.0
    data = 1.0
    for t, grad in enumerate((0.5, -2.0, 0.0, 1e-9), start=1):
        param.grad = grad
        optimizer.step(0.1)
        m, v = 0.85 * m + 0.15 * grad, 0.99 * v + 0.01 * grad ** 2
        data -= 0.1 * (m / (1 - 0.85 ** t)) / ((v / (1 - 0.99 ** t)) ** 0.5 + 1e-8)
        assert param.data == pytest.approx(data, rel=1e-12)
        assert param.grad == 0.0


def test_small_reference_run():
    reference = json.loads((HERE / "reference_small.json").read_text())
    rng = random.Random(1)
    docs = load_docs(NAMES)
    rng.shuffle(docs)
    tokenizer = Tokenizer(docs)
    model = GPT(rng, tokenizer.vocab_size, n_layer=2, n_embd=8, n_head=2, block_size=8)
    losses = list(train(model, tokenizer, docs, steps=25, batch_size=1, learning_rate=0.01))
    assert losses == pytest.approx(reference["losses"], rel=0, abs=1e-9)
    assert [generate(model, tokenizer, 1.0, rng) for _ in range(10)] == reference["samples"]


def test_a_batch_is_the_mean_over_its_documents():
    docs = ["ab", "ba", "abb"]
    tokenizer = Tokenizer(docs)
    model = GPT(random.Random(5), tokenizer.vocab_size, n_layer=1, n_embd=4, n_head=2, block_size=4)
    losses = [document_loss(model, tokenizer.encode(doc)).data for doc in docs]
    grads = []
    with mock.patch.object(Adam, "step", lambda self, rate: grads.append(([p.grad for p in self.params], rate))):
        first, second = train(model, tokenizer, docs, steps=2, batch_size=2, learning_rate=0.01)
    assert first == pytest.approx((losses[0] + losses[1]) / 2)
    assert second == pytest.approx((losses[2] + losses[0]) / 2)  # the documents start over
    assert [rate for _, rate in grads] == [0.01, 0.005]
    for param in model.params:
        param.grad = 0.0
    for doc in docs[:2]:
        (document_loss(model, tokenizer.encode(doc)) / 2).backward()
    assert grads[0][0] == pytest.approx([param.grad for param in model.params])


def test_a_batch_keeps_one_graph_at_a_time():
    docs, calls = ["ab", "ba", "abb"], []
    tokenizer = Tokenizer(docs)
    model = GPT(random.Random(5), tokenizer.vocab_size, n_layer=1, n_embd=4, n_head=2, block_size=4)
    forward, backward = microgpt.document_loss, Value.backward
    with mock.patch.object(microgpt, "document_loss", lambda *a: calls.append("forward") or forward(*a)), \
            mock.patch.object(Value, "backward", lambda self: calls.append("backward") or backward(self)):
        list(train(model, tokenizer, docs, steps=1, batch_size=3, learning_rate=0.01))
    assert calls == ["forward", "backward"] * 3


def test_training_lowers_the_loss_and_prints_nothing(capsys):
    docs = ["abcabc"]
    tokenizer = Tokenizer(docs)
    model = GPT(random.Random(5), tokenizer.vocab_size, n_layer=1, n_embd=8, n_head=2, block_size=8)
    losses = list(train(model, tokenizer, docs, steps=60, batch_size=1, learning_rate=0.05))
    assert losses[-1] < 0.1 < 1.0 < losses[0]
    assert generate(model, tokenizer, 0.1, random.Random(0)) == "abcabc"
    assert capsys.readouterr() == ("", "")


def test_temperatures():
    docs = ["ab", "ba", "abb"]
    tokenizer = Tokenizer(docs)
    model = GPT(random.Random(5), tokenizer.vocab_size, n_layer=1, n_embd=4, n_head=2, block_size=6)
    assert len({generate(model, tokenizer, 1e-300, random.Random(seed)) for seed in range(20)}) == 1
    rng = random.Random(0)
    hot = [generate(model, tokenizer, 1e300, rng) for _ in range(600)]
    assert sum(text == "" for text in hot) == pytest.approx(200, abs=40)  # BOS first: one in three
    assert max(map(len, hot)) == 6


def test_generate_refuses_logits_that_are_not_finite():
    docs = ["ab"]
    tokenizer = Tokenizer(docs)
    model = GPT(random.Random(5), tokenizer.vocab_size, n_layer=1, n_embd=4, n_head=2, block_size=6)
    model.params[0].data = float("nan")
    model.state_dict["lm_head"][0][0].data = float("inf")
    with pytest.raises(FloatingPointError):
        generate(model, tokenizer, 1.0, random.Random(0))
