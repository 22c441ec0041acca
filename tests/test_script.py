"""The script as its user runs it, and what the README shows of it."""
import code
import gc
import hashlib
import json
import os
import pathlib
import re
import runpy
import signal
import subprocess
import sys

import pytest

import microgpt
from conftest import ROOT

SCRIPT = ROOT / "microgpt.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULT = json.loads((ROOT / "tests/reference_default.json").read_text(encoding="utf-8"))
SMALL = json.loads((ROOT / "tests/reference_small.json").read_text(encoding="utf-8"))
NAMES = (ROOT / "names.txt").read_bytes().replace(b"\r\n", b"\n")  # as Windows may check it out
TINY = "--n-embd 4 --n-head 2 --block-size 6"


def start(args="", script=SCRIPT, **env):
    """Start the script; return its process."""
    return subprocess.Popen([sys.executable, str(script), *args.split()], encoding="utf-8",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "PYTHONIOENCODING": "utf-8", **env})


def end(process, exit_code=0):
    """Wait for the end of a process; return its output and errors."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == exit_code, err
    return out, err


def samples(out):  # without the stars
    return re.findall(r"^sample +\d+: (.*?)(?: \*)?$", out, re.MULTILINE)


def blocks(heading, kind):
    """Return the blocks of a kind, python or text, under a heading of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{kind}\n(.*?)\n```", section, re.DOTALL)


def paste(heading, capsys):
    """Paste the Python blocks under a heading; return what is defined then, and was printed."""
    console = code.InteractiveConsole()
    if sys.implementation.name == "cpython":
        gc.disable()  # as the script does: it is faster
    for block in blocks(heading, "python"):
        for long, short in [("range(1000)", "range(10)"), ("=20000", "=20"), ("% 500", "% 10")]:
            block = block.replace(long, short)
        assert not [console.push(line) for line in block.split("\n")][-1]  # it is complete
    out, err = capsys.readouterr()
    assert err == ""
    return console.locals, out


def test_the_default_run_and_a_look_inside_as_the_readme_shows_them(capsys):
    process = start()  # it trains while the pasted lines do
    assert hashlib.sha256(NAMES).hexdigest().startswith("816d2a728695db28a20e17eae61c9c42")
    pathlib.Path("names.txt").write_bytes(NAMES)
    defined, printed = paste("Look inside", capsys)
    out, err = end(process)
    assert (samples(out), out.splitlines()) == (DEFAULT["samples"], DEFAULT["output"])
    assert [out] == [block + "\n" for block in blocks("What it prints", "text")]
    assert [int(line.split()[1]) for line in err.splitlines()] == [1, *range(100, 1001, 100)]
    assert f"`{err.splitlines()[-1]}`" in " ".join(README.split())
    assert defined["losses"] == pytest.approx(DEFAULT["losses"], rel=0, abs=1e-9)
    assert printed == "".join(block + "\n" for block in blocks("Look inside", "text"))


def test_a_text_of_your_own_as_the_readme_shows_it(capsys):
    pathlib.Path("words.txt").write_bytes(NAMES[:1000])
    defined, printed = paste("A text of your own", capsys)
    assert [len(re.findall(r"\d+\.?\d*", row)) for row in printed.splitlines()] == [3, 3]


def test_a_small_run_with_every_flag_and_with_a_prompt():
    flags = " ".join(f"--{flag} {value}" for flag, value in SMALL["flags"].items())
    out, err = end(start(flags, PYTHONHASHSEED="1"))
    assert samples(out) == SMALL["samples"]
    assert re.findall(r"^step +(\d+) / 25 \| loss (.*) \| mean", err, re.MULTILINE) == [
        (str(n), f"{SMALL['losses'][n - 1]:.4f}") for n in (1, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25)]
    out, err = end(start(f"{flags} --prompt {SMALL['prompt']}"))
    assert samples(out) == SMALL["samples_with_prompt"]


def test_long_documents_are_cut_and_new_samples_have_a_star():
    pathlib.Path("letters.txt").write_text("a\nab\nbcdd\n")  # the end of "ab" is not read either
    out, err = end(start("letters.txt --block-size 2 --steps 0 --temperature 9 --samples 200"))
    assert (re.findall(r"\d+", out.splitlines()[3]), err) == (["2", "2", "4"], "")
    assert {"", "a", "ab", "bc"} < set(samples(out))
    starred = re.findall(r"^sample .*: (.*) \*$", out, re.MULTILINE)
    assert starred == [sample for sample in samples(out) if sample not in ("a", "ab", "bc")]
    assert out.splitlines()[-1] == f"{len(starred)} of 200 are new"


@pytest.mark.parametrize("target, steps", [("1e9", 100), ("900", 150)])
def test_it_stops_when_the_mean_is_below_the_target(capsys, monkeypatch, target, steps):
    losses = iter(range(999, 0, -1))  # step 1 has the loss 999
    monkeypatch.setattr(microgpt, "train", lambda *args: losses)
    microgpt.main(f"{TINY} --target-loss {target} --samples 3".split())
    assert next(losses) == 999 - steps
    assert len(samples(capsys.readouterr().out)) == 3


def test_help_names_every_flag_with_its_default():
    out, err = end(start("--help", COLUMNS="200", NO_COLOR="1"))
    found = re.findall(r"--([\w-]+) [A-Z_]+ .*?\(default: (.*?)\)", " ".join(out.split()))
    assert " ".join(map(" ".join, found)) == (
        "n-layer 1 n-embd 16 n-head 4 block-size 16 steps 1000 batch-size 1 learning-rate 0.01 "
        "target-loss 0 temperature 0.5 samples 20 seed 42 prompt ''")
    assert str(ROOT) not in out


@pytest.mark.parametrize("exit_code, args, expected", [
    *[(2, f"--{flag} 0", f"--{flag} must be above 0") for flag in (
        "n-layer n-embd n-head block-size batch-size learning-rate temperature".split())],
    (2, "--temperature nan", "--temperature"), (2, "--learning-rate nan", "--learning-rate"),
    (2, "--steps -1", "--steps"), (2, "--seed -42", "--seed"), (2, "--samples -1", "--samples"),
    (2, "--samples many", "--samples"), (2, "--n-head 5", "--n-head 5"),
    (2, "--prompt Jo", "--prompt"), (2, "--prompt abcdefghijklmnop", "--prompt"),
    (2, "missing.txt", "missing.txt"), (2, "empty.txt", "empty"), (2, "utf-16.txt", "UTF-8"),
    (2, "cp1252.txt", "UTF-8"), (1, "--learning-rate 1e200", "--learning-rate"),
    (1, "--learning-rate 3e5 --steps 20", "--learning-rate"),
])
def test_what_cannot_go_well_ends_with_a_clear_line(exit_code, args, expected):
    pathlib.Path("empty.txt").write_bytes(b" \n")
    for encoding in ("utf-16", "cp1252"):
        pathlib.Path(f"{encoding}.txt").write_bytes("zoë\n".encode(encoding))
    out, err = end(start(args), exit_code)
    assert expected in err.splitlines()[-1]
    assert "Traceback" not in err
    assert ("num docs" in out, "sample" in out) == (exit_code == 1, False)


def test_any_text_works_on_any_terminal():
    names = "김민준 이서연 박지호 최수아 정도윤 강하은 조시우 윤지유 장예준 임서윤".split()
    pathlib.Path("my.txt").write_bytes(("\ufeff " + " \r\n \t\r\n".join(names)).encode())
    out, err = end(start(f"{TINY} my.txt --steps 2", PYTHONIOENCODING="cp1252"))
    assert out.startswith(f"num docs: 10\nvocab size: {len(set(''.join(names))) + 1}\n")
    assert set("".join(samples(out))) <= set("".join(names))  # it has no "?"


def test_it_finds_names_txt_through_a_link_but_not_when_copied_alone():
    pathlib.Path("copy.py").write_bytes(SCRIPT.read_bytes())
    out, err = end(start(script="copy.py"), exit_code=2)
    assert "names.txt" in err.splitlines()[-1]
    try:
        os.symlink(SCRIPT, "link.py")
    except OSError:
        pytest.skip("links are not allowed here")
    out, err = end(start(f"{TINY} --steps 0", script="link.py"))
    assert out.startswith("num docs: 32033\n")


def test_importing_it_runs_nothing_and_an_editor_can_run_it(monkeypatch):
    class Stream(list):  # an editor's own: no file, and without what only files have
        write = list.append
        def flush(self): pass
        def isatty(self): return True

    out, err = Stream(), Stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "argv", f"{SCRIPT.name} {TINY} --steps 2 --samples 3".split())
    runpy.run_path(str(SCRIPT))["train"](None, None, None, 1, 1, 1)  # no step until asked for one
    assert (out, err, gc.isenabled()) == ([], [], True)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert (len(samples("".join(out))), "".join(err).count("step ")) == (3, 2)
    assert gc.isenabled() == (sys.implementation.name != "cpython")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
def test_ctrl_c_while_training_samples_what_was_learnt():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    process = start(f"{TINY} --steps 1000000 --samples 3")
    next(line for line in process.stderr if line.startswith("step "))
    process.send_signal(signal.SIGINT)
    out, err = end(process)
    assert "stopped" in err and len(samples(out)) == 3
