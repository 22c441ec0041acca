"""The script as its user runs it: output, flags, refusals; and what the README shows of it."""
import code
import contextlib
import gc
import io
import itertools
import json
import random
import re
import sys
from unittest import mock

import pytest

import microgpt
from conftest import ROOT, run, start

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULT = json.loads((ROOT / "tests/reference_default.json").read_text(encoding="utf-8"))
SMALL = json.loads((ROOT / "tests/reference_small.json").read_text(encoding="utf-8"))
SMALL_FLAGS = [word for flag, value in SMALL["flags"].items() for word in ("--" + flag, value)]
TINY = ["--n-embd", "4", "--n-head", "2", "--block-size", "6"]


def samples(out):
    return [line.split(": ", 1)[1] for line in out.splitlines() if line.startswith("sample ")]


@pytest.fixture(scope="module")
def default_run():
    """Return the process of the default run, which goes on while the README's section trains."""
    return start()


def test_look_inside_as_the_readme_shows_it(default_run, monkeypatch):
    monkeypatch.chdir(ROOT)
    section = README.split("## Look inside")[1].split("\n## ")[0]
    pasted = code.InteractiveConsole()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in re.findall(r"```python\n(.*?)\n```", section, re.DOTALL):
            for line in block.split("\n"):
                pasted.push(line)
    gc.enable()  # the section switches it off
    assert printed.getvalue() == "".join(re.findall(r"```text\n(.*?)```", section, re.DOTALL))
    assert pasted.locals["losses"] == pytest.approx(DEFAULT["losses"], rel=0, abs=1e-9)


def test_the_default_run(default_run):
    out, err = default_run.communicate(timeout=300)
    assert default_run.returncode == 0
    assert out.splitlines() == DEFAULT["output"]
    assert f"```text\n{out}```" in README
    progress = err.splitlines()
    assert [line.split()[1] for line in progress] == [str(n) for n in range(100, 1001, 100)]
    assert progress[-1] == "step 1000 / 1000 | loss 2.6497 | mean 2.2761 | 0:00:00 left"


def test_a_small_run_with_every_flag_and_with_a_prompt():
    out, err = run(*SMALL_FLAGS, PYTHONHASHSEED="1")
    assert samples(out) == SMALL["samples"]
    assert [line.split(" | mean")[0] for line in err.splitlines()] == [
        "documents cut to --block-size 8: 1693",
        *[f"step {n} / 25 | loss {SMALL['losses'][n - 1]:.4f}" for n in [*range(2, 25, 2), 25]]]
    out, err = run(*SMALL_FLAGS, "--prompt", "mar")
    assert samples(out) == SMALL["samples_with_prompt"]


def test_an_untrained_model_at_several_temperatures():
    args = [*TINY, "--steps", 0, "--samples", 4, "--temperature"]
    out, err = run(*args, "0.1", "1.0", "2")
    assert len(samples(out)) == 12
    assert "loss" not in out
    headings = [line for line in out.splitlines() if line.startswith("---")]
    assert headings == [f"--- made up at temperature {t} ---" for t in ("0.1", "1", "2")]
    assert out.startswith(run(*args, "0.1", PYTHONOPTIMIZE="2")[0])


@pytest.mark.parametrize("args, trained_on", [
    (["--steps", "0"], 0),
    (["--steps", "1", "--batch-size", "2"], 2),
    (["--steps", "200", "--target-loss", "100"], 5),
])
def test_the_count_of_new_samples(capsys, tmp_path, args, trained_on):
    docs = ["ab", "bc", "cd", "de", "e"]  # of which one character is read
    path = tmp_path / "letters.txt"
    path.write_text("\n".join(docs))
    microgpt.main([*TINY, "--data", str(path), "--block-size", "1", "--seed", "3",
                   "--temperature", "9", "--samples", "60", *args])
    out, err = capsys.readouterr()
    random.Random(3).shuffle(docs)
    n_new = samples(out).count("")
    n_shown = sum(sample in [doc[0] for doc in docs[:trained_on]] for sample in samples(out))
    assert out.splitlines()[-1] == (
        f"60 samples: {n_new} new, {60 - n_new - n_shown} in the data but not trained on, "
        f"{n_shown} trained on")
    assert ("\ntarget loss reached after step 100\n" in err) == ("--target-loss" in args)


def test_a_slow_run_shows_a_line_a_minute_and_the_hours_left(capsys):
    hours = itertools.count(step=3600)  # each look at the clock is an hour later
    with mock.patch.object(microgpt.time, "monotonic", lambda: next(hours)):
        microgpt.main([*TINY, "--steps", "30", "--samples", "1"])
    lines = capsys.readouterr().err.splitlines()[1:]  # the first says how many documents are cut
    assert [line.split(" |")[0] for line in lines] == [f"step {n} / 30" for n in range(1, 31)]
    assert lines[0].endswith(" | 1 day, 5:00:00 left")
    assert lines[19].endswith(" | 10:00:00 left")


def test_help_says_what_every_flag_is_by_default():
    out, err = run("--help", PYTHONOPTIMIZE="2")
    defaults = re.findall(r"--([\w-]+) [A-Z].*?\(default: (.*?)\)", " ".join(out.split()))
    assert [" ".join(pair) for pair in defaults] == [
        "n-layer 1", "n-embd 16", "n-head 4", "block-size 16", "steps 1000", "batch-size 1",
        "learning-rate 0.01", "target-loss 0", "samples 20", "seed 42", "temperature 0.5",
        "prompt nothing", "data names.txt beside the script"]


def test_any_text_works_and_long_documents_are_cut(tmp_path):
    path = tmp_path / "my.txt"
    path.write_bytes("\ufeff  王芳 xxxx\r\n李娜 \r\n \t\r\nzoë\x0czoë\n".encode())
    args = [*TINY, "--data", path, "--steps", 10, "--samples", 5]
    out, err = run(*args)
    assert out.startswith("num docs: 3\nvocab size: 11\n")
    assert err.startswith("documents cut to --block-size 6: 2\nstep 1 / 10 | ")
    assert set("".join(samples(out))) <= set("王芳 x李娜zoë\x0c")
    out, err = run(*args, PYTHONIOENCODING="ascii")  # as a terminal that cannot show it
    assert out.isascii() and "?" in out


@pytest.mark.parametrize("args, expected", [
    *[([flag, "0"], f"{flag} must be 1 or more") for flag in (
        "--n-layer", "--n-embd", "--n-head", "--block-size", "--batch-size", "--samples")],
    (["--steps", "-1"], "--steps must be 0 or more"),
    (["--samples", "many"], "argument --samples: invalid int value: 'many'"),
    (["--learning-rate", "0"], "--learning-rate and --temperature must be more than 0"),
    (["--temperature", "0.5", "nan"], "--learning-rate and --temperature must be more than 0"),
    (["--n-head", "5"], "--n-embd 16 must be a multiple of --n-head 5"),
    (["--data", "missing.txt"], "cannot read missing.txt: [Errno 2] No such file"),
    (["--data", "empty.txt"], "empty.txt has no text; it must have a document a line"),
    (["--data", "utf16.txt"], "cannot read utf16.txt: 'utf-8' codec"),
    (["--prompt", "Jo"], "--prompt must have characters of the documents; none has 'J'"),
    (["--prompt", "x" * 16], "--prompt must be shorter than --block-size, which is 16"),
    (["names.txt"], "unrecognized arguments: names.txt"),
])
def test_bad_input_is_refused_with_a_clear_line(tmp_path, monkeypatch, capsys, args, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_bytes(b" \n")
    (tmp_path / "utf16.txt").write_bytes(b"\xff\xfea\0")
    with pytest.raises(SystemExit) as ended:
        microgpt.main(args)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert re.fullmatch(f"usage: .*\nmicrogpt.py: error: {re.escape(expected)}.*\n", err)


@pytest.mark.parametrize("args, expected", [
    (["--learning-rate", "1e200"], r"the loss of step \d is nan"),
    (["--learning-rate", "3e5", "--steps", "20"], r"the loss of step \d is infinite"),
    (["--learning-rate", "inf", "--steps", "1"], r"cannot draw at temperature 0.5 .*"),
][:2 if sys.version_info < (3, 10) else 3])  # before, random.choices does not look at the weights
def test_a_run_that_blows_up_ends_with_one_line(args, expected):
    out, err = run(*args, exit_code=1)
    assert samples(out) == []
    assert re.fullmatch(f"microgpt.py: error: {expected}; try .*a lower --learning-rate",
                        err.splitlines()[-1])
