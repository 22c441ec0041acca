"""The script as its user runs it: output, flags, refusals."""
import doctest
import gc
import json
import random
import re
import statistics
import sys
from unittest import mock

import pytest

import microgpt
from conftest import ROOT, run

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULT = json.loads((ROOT / "tests/reference_default.json").read_text(encoding="utf-8"))
SMALL = json.loads((ROOT / "tests/reference_small.json").read_text(encoding="utf-8"))
SMALL_FLAGS = [word for flag, value in SMALL["flags"].items() for word in ("--" + flag, value)]
TINY = ["--n-embd", "4", "--n-head", "2", "--block-size", "6"]


def samples(out):
    return [line.split(": ", 1)[1] for line in out.splitlines() if line.startswith("sample ")]


def test_the_default_run(capsys):
    if sys.implementation.name == "cpython":
        gc.disable()  # as the script does
    with mock.patch.object(microgpt, "curve", wraps=microgpt.curve) as curve:
        microgpt.main([])
    gc.enable()
    out, err = capsys.readouterr()
    assert curve.call_args.args[0] == pytest.approx(DEFAULT["losses"], rel=0, abs=1e-9)
    assert out.splitlines() == DEFAULT["output"]
    progress = err.splitlines()
    assert [line[:11] for line in progress] == [f"step {n:4} /" for n in range(100, 1001, 100)]
    assert progress[-1] == "step 1000 / 1000 | loss 2.6497 | mean 2.2761 | 0 s left"


def test_the_readme_shows_what_is_printed():
    assert "\n".join(["```text", *DEFAULT["output"], "```"]) in README
    [block] = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)
    example = doctest.DocTestParser().get_doctest(block, {}, "README.md", None, None)
    assert doctest.DocTestRunner().run(example).failed == 0


def test_a_small_run_with_every_flag_and_with_a_prompt():
    code, out, err = run(*SMALL_FLAGS, PYTHONHASHSEED="1")
    assert (code, samples(out)) == (0, SMALL["samples"])
    assert [line.split(" | mean")[0] for line in err.splitlines()] == [
        "documents cut to --block-size 8: 1693",
        *[f"step {n:2} / 25 | loss {SMALL['losses'][n - 1]:.4f}"
          for n in (3, 5, 8, 10, 13, 15, 18, 20, 23, 25)]]
    code, out, err = run(*SMALL_FLAGS, "--prompt", "mar")
    assert (code, samples(out)) == (0, SMALL["samples_with_prompt"])


def test_an_untrained_model_at_several_temperatures():
    args = [*TINY, "--steps", 0, "--samples", 4, "--temperature"]
    code, out, err = run(*args, "0.1", "1.0", "2")
    assert (code, err.count("\n"), len(samples(out)), "loss" in out) == (0, 1, 12, False)
    headings = [line for line in out.splitlines() if line.startswith("---")]
    assert headings == [f"--- made up at temperature {t} ---" for t in ("0.1", "1", "2")]
    assert out.startswith(run(*args, "0.1", python=["-OO"])[1])


@pytest.mark.parametrize("args, trained_on", [
    (["--steps", "0"], 0),
    (["--steps", "1", "--batch-size", "2"], 2),
    (["--steps", "200", "--target-loss", "100"], 5),
])
def test_the_count_of_new_samples(capsys, tmp_path, args, trained_on):
    path = tmp_path / "letters.txt"
    path.write_text("a\nb\nc\nd\ne\n")
    microgpt.main([*TINY, "--data", str(path), "--block-size", "1", "--seed", "3",
                   "--temperature", "9", "--samples", "60", *args])
    out, err = capsys.readouterr()
    docs = ["a", "b", "c", "d", "e"]
    random.Random(3).shuffle(docs)
    n_new = samples(out).count("")
    n_shown = sum(sample in docs[:trained_on] for sample in samples(out))
    assert out.splitlines()[-1] == (
        f"60 samples: {n_new} new, {60 - n_new - n_shown} in the data but not trained on, "
        f"{n_shown} trained on")
    assert ("step 100 / 200 " in err) == (trained_on == 5)


def test_target_loss_stops_at_the_first_mean_below_it(capsys):
    losses = DEFAULT["losses"]
    below = [n for n in range(100, 1001) if statistics.mean(losses[n - 100:n]) < 2.6]
    seconds = iter(range(3))  # each look at the clock is a second later
    with mock.patch.object(microgpt, "train", lambda *args: iter(losses)), \
            mock.patch.object(microgpt.time, "monotonic", lambda: next(seconds)):
        microgpt.main(["--target-loss", "2.6", "--samples", "1"])
    assert capsys.readouterr().err == (
        "step  100 / 1000 | loss 3.3669 | mean 2.7725 | 9 s left\n"
        f"step  {below[0]} / 1000 | loss 2.1427 | mean 2.5948 | 10 s left\n")


def test_the_curve_has_40_blocks_at_most():
    line = microgpt.curve([float(i // 10) for i in range(400)])
    assert re.fullmatch("loss 0.00 ▁{5}▂{5}▃{5}▄{5}▅{5}▆{5}▇{5}█{5} 39.00", line)
    assert microgpt.curve([2.5]) == "loss 2.50 ▁ 2.50"


def test_help_says_what_every_flag_is_by_default():
    code, out, err = run("--help", python=["-OO"])
    defaults = re.findall(r"--([\w-]+) [A-Z].*?\(default: (.*?)\)", " ".join(out.split()))
    assert (code, err) == (0, "")
    assert [" ".join(pair) for pair in defaults] == [
        "data names.txt beside the script", "n-layer 1", "n-embd 16", "n-head 4", "block-size 16",
        "steps 1000", "batch-size 1", "learning-rate 0.01", "target-loss 0", "temperature 0.5",
        "samples 20", "prompt nothing", "seed 42"]


def test_any_text_works_and_long_documents_are_cut(tmp_path):
    path = tmp_path / "my.txt"
    path.write_bytes("\ufeff王芳 xxxx\r\n李娜\r\n\r\nzoëzoëz\n".encode())
    args = [*TINY, "--data", path, "--steps", 10, "--samples", 5]
    code, out, err = run(*args)
    assert (code, len(samples(out)), out[:27]) == (0, 5, "num docs: 3\nvocab size: 10\n")
    assert err.startswith("documents cut to --block-size 6: 2\n")
    assert set("".join(samples(out))) <= set("王芳 x李娜zoë")
    code, out, _ = run(*args, PYTHONIOENCODING="ascii")  # as a terminal that cannot show it
    assert (code, out.isascii(), "?" in out) == (0, True, True)


@pytest.mark.parametrize("args, expected", [
    (["--n-layer", "0"], "argument --n-layer: 0 must be 1 or more\n"),
    (["--steps", "-1"], "argument --steps: -1 must be 0 or more\n"),
    (["--target-loss", "nan"], "argument --target-loss: nan must be 0 or more\n"),
    (["--samples", "many"], "argument --samples: invalid int value: 'many'\n"),
    (["--learning-rate", "0"], "argument --learning-rate: 0.0 must be more than 0, from 1e-300"),
    (["--temperature", "0.5", "inf"], "argument --temperature: inf must be more than 0"),
    (["--n-head", "5"], "--n-head 5 must divide --n-embd 16\n"),
    (["--data", "missing.txt"], "argument --data: [Errno 2] No such file or directory: 'missing"),
    (["--data", "empty.txt"], "argument --data: there is no text in 'empty.txt'; it takes UTF-8"),
    (["--data", "utf16.txt"], "argument --data: 'utf-8' codec can't decode byte 0xff"),
    (["--prompt", "Jo"], "argument --prompt: no document has the character 'J'; they have 'abc"),
    (["--data", "many.txt", "--prompt", "a"], "argument --prompt: no document has the character"),
    (["--prompt", "x" * 16], "argument --prompt: its length, 16, must be less than --block-size"),
    (["names.txt"], "unrecognized arguments: names.txt\n"),
])
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, capsys, args, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_bytes(b" \n")
    (tmp_path / "utf16.txt").write_bytes(b"\xff\xfea\0")
    (tmp_path / "many.txt").write_text("".join(map(chr, range(1000, 1101))), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        microgpt.main(args)
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"microgpt.py: error: {expected}")
    assert ("101 others" in err) == ("many.txt" in args)


def test_a_blow_up_that_is_only_found_when_it_samples():
    code, out, err = run("--learning-rate", "1e300", "--steps", 1)
    assert (code, samples(out)) == (1, [])
    assert err.splitlines()[-1] == (
        "microgpt.py: error: the logits are not finite numbers; try a lower --learning-rate")
