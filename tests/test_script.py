"""The script as its user runs it."""
import gc
import hashlib
import io
import json
import os
import pathlib
import re
import runpy
import signal
import statistics
import subprocess
import sys

import pytest

import microgpt

ROOT = pathlib.Path(microgpt.__file__).resolve().parent
DEFAULT, SMALL = [json.loads((ROOT / f"tests/reference_{name}.json").read_text(encoding="utf-8"))
                  for name in ("default", "small")]
TINY = "--n-embd 4 --n-head 2 --samples 3"
HANGS = 1800  # seconds: for what hangs, not for what is slow


def start(*command, **env):
    """Start Python; return its process."""
    return subprocess.Popen([sys.executable, *map(str, command)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                            env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
                            start_new_session=True)


def samples(out):  # without the stars
    return re.findall(r"^sample +\d+: (.*?)(?: \*)?$", out, re.MULTILINE)


def train_on(docs, flags):
    pathlib.Path("few.txt").write_text("\n".join(docs), encoding="utf-8")
    return microgpt.main(["few.txt", *TINY.split(), *flags.split()])


def test_names_txt_is_the_list_of_the_original():
    names = (ROOT / "names.txt").read_bytes().replace(b"\r\n", b"\n")  # as Windows may check it out
    assert hashlib.sha256(names).hexdigest().startswith("816d2a728695db28a20e17eae61c9c42")


def test_the_default_run_has_the_losses_of_the_original(published):
    assert published[0][3] == pytest.approx(DEFAULT["losses"], rel=0, abs=1e-9)


def test_the_default_run_writes_the_samples_of_the_original(published):
    assert samples(published[1]) == DEFAULT["samples"]


@pytest.mark.parametrize("prompt, key", [("", "samples"), ("mar", "samples_with_prompt")])
def test_a_small_run_with_every_flag_is_that_of_the_original(capsys, prompt, key):
    flags = {**SMALL["flags"], "prompt": prompt}
    microgpt.main([f"--{flag}={value}" for flag, value in flags.items()])
    out, err = capsys.readouterr()
    assert samples(out) == SMALL[key]
    shown = re.findall(r"^step +(\d+) / 25 \| loss (.*) \| mean", err, re.MULTILINE)
    assert shown == [(str(n), f"{SMALL['losses'][n - 1]:.4f}") for n in (1, *range(2, 25, 2), 25)]


def test_validation_is_the_mean_loss_of_the_last_documents(capsys):
    model, tokenizer, docs, losses = train_on("anna bob ccc d".split(), "--validation 3 --steps 2")
    mean = statistics.fmean(microgpt.document_loss(model, tokenizer.encode(doc)).data
                            for doc in docs[1:])
    assert capsys.readouterr().err.splitlines()[-1].endswith(f" | validation {mean:.4f}")


def test_a_document_kept_back_has_no_part_in_training():
    names, flags = ["anna", "bob", "carla", "dan", "emma", "fay"], "--validation 2 --steps 20"
    model, tokenizer, docs, losses = train_on(names, flags)
    others = [name if name in docs[:-1] else docs[-1][::-1] + "b" for name in names]
    model, tokenizer, other_docs, other_losses = train_on(others, flags)
    assert other_docs[:-1] == docs[:-1] and other_docs != docs and other_losses == losses


@pytest.mark.parametrize("longest, flag, block_size, said", [
    (5, 0, 6, []), (63, 0, 64, []), (64, 0, 64, ["65"]), (1_000_000, 0, 64, ["1000001"]),
    (100, 101, 101, []), (5, 5, 5, ["6"])])
def test_the_block_size_fits_the_longest_document_and_no_more_is_encoded(
        capsys, monkeypatch, longest, flag, block_size, said):
    encode, lengths = microgpt.Tokenizer.encode, []
    monkeypatch.setattr(microgpt.Tokenizer, "encode",
                        lambda self, doc: lengths.append(len(doc)) or encode(self, doc))
    model, *_ = train_on(["a" * longest], f"--steps 1 --block-size {flag}")
    assert (model.block_size, max(lengths)) == (block_size, min(longest, block_size))
    assert re.findall(r"--block-size (\d+)", capsys.readouterr().out) == said


@pytest.mark.parametrize("target, steps", [("1e9", 100), ("900", 150)])
def test_it_stops_when_the_mean_is_below_the_target(capsys, monkeypatch, target, steps):
    monkeypatch.setattr(microgpt, "train", lambda *args: iter(range(999, 0, -1)))  # step 1 has 999
    train_on(["ab"], f"--target-loss {target}")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"step {steps:4} / 1000 | loss {1000 - steps}.0000")


def test_a_sample_has_a_star_if_no_document_is_the_same(capsys, monkeypatch):
    drawn = iter(["ab", "", "new", "abc", "new", "cut", "newer"])
    monkeypatch.setattr(microgpt, "generate", lambda *args: next(drawn))
    train_on(["ab", "abc", "cutoff"], "--block-size 3 --steps 0 --samples 7")
    *lines, last = capsys.readouterr().out.splitlines()[-8:]
    assert [line[11:] for line in lines] == ["ab", "", "new *", "abc", "new *", "cut", "newer *"]
    assert re.findall(r"\d+", last) == ["2", "7"]


def test_help_names_every_flag_with_its_default():
    out, err = start(ROOT / "microgpt.py", "--help", COLUMNS="200", NO_COLOR="1").communicate()
    found = re.findall(r"--([\w-]+) [A-Z_]+ [^(]*\(default: (.*?)\)", " ".join(out.split()))
    assert " ".join(map(" ".join, found)) == (
        "n-layer 1 n-embd 16 n-head 4 block-size 0 steps 1000 batch-size 1 learning-rate 0.01 "
        "validation 0 target-loss 0.0 temperature 0.5 samples 20 seed 42 prompt ''")


@pytest.mark.parametrize("args, expected", [
    *[(f"--{flag} 0", f"--{flag} must be at least 1") for flag in (
        "n-layer", "n-embd", "n-head", "batch-size")],
    *[(f"--{flag} -1", f"--{flag} must be at least 0") for flag in (
        "block-size", "steps", "learning-rate", "validation", "target-loss", "samples", "seed")],
    ("--temperature 1e-320", "--temperature must be at least 1e-06"),
    ("--temperature nan", "--temperature"), ("--samples many", "--samples"),
    ("--n-head 5", "--n-embd 16 must be a multiple of --n-head 5"), ("--prompt aJ", "'J'"),
    ("--prompt aabb", "3 characters"), ("--validation 2", "--validation must be less than 2"),
    ("missing.txt", "missing.txt"), ("empty.txt", "empty.txt is empty"),
    ("utf-16.txt", "utf-16.txt as UTF-8"), ("cp1252.txt", "cp1252.txt as UTF-8"),
    ("--learning-rate 1e200", "loss is nan"), ("--learning-rate 3e5 --steps 20", "training failed"),
])
def test_what_cannot_go_well_ends_with_a_line_that_names_it(capsys, args, expected):
    pathlib.Path("few.txt").write_text("ab\nbab\n")
    pathlib.Path("empty.txt").write_bytes(b" \n")
    for encoding in ("utf-16", "cp1252"):
        pathlib.Path(f"{encoding}.txt").write_bytes("zoë\n".encode(encoding))
    with pytest.raises(SystemExit) as stopped:
        microgpt.main((args if ".txt" in args else f"few.txt {args}").split())
    out, err = capsys.readouterr()
    assert expected in f"{err}{stopped.value}".splitlines()[-1 if out else -2]
    assert (stopped.value.code == 2) == (out == "") and "sample" not in out


def test_any_text_works_on_any_terminal():
    names = "김민준 이서연 박지호 최수아 정도윤 강하은 조시우 윤지유 장예준 임서윤".split()
    pathlib.Path("my.txt").write_bytes(("\ufeff " + " \r\n \t\r\n".join(names)).encode())
    process = start(ROOT / "microgpt.py", "my.txt", *TINY.split(), "--steps=2",
                    PYTHONIOENCODING="cp1252")
    out, err = process.communicate(timeout=HANGS)
    assert out.startswith(f"num docs: 10\nvocab size: {len(set(''.join(names))) + 1}\n")
    assert len(samples(out)) == 3 and set("".join(samples(out))) <= set("".join(names))  # no "?"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let everyone make links")
def test_it_finds_names_txt_through_a_link_and_leaves_the_model_at_a_prompt():
    os.symlink(ROOT / "microgpt.py", "link.py")
    process = start("-i", "link.py", *TINY.split(), "--steps=2")
    out, err = process.communicate("print(len(docs), len(losses), model.n_head)\n", timeout=HANGS)
    assert "32033 2 2\n" in out


def test_importing_it_runs_nothing_and_an_editor_can_run_it(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # as an editor's: it cannot be reconfigured
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "argv", f"microgpt.py {TINY} --steps 2".split())
    runpy.run_path(str(ROOT / "microgpt.py"))["train"](None, None, None, 1, 1, 1)  # no step as yet
    assert (sys.stdout.getvalue(), sys.stderr.getvalue()) == ("", "")
    runpy.run_path(str(ROOT / "microgpt.py"), run_name="__main__")
    assert len(samples(sys.stdout.getvalue())) == 3
    assert sys.stderr.getvalue().count("step ") == 2


@pytest.mark.skipif(not hasattr(gc, "get_threshold"), reason="PyPy's collector has no threshold")
def test_the_cycle_collector_looks_rarely_but_it_looks(monkeypatch):
    gc.set_threshold(700)
    train_on(["ab"], "--steps 0")
    assert gc.isenabled() and 100_000 <= gc.get_threshold()[0] <= 10_000_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
def test_ctrl_c_while_training_samples_what_was_learnt():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    process = start(ROOT / "microgpt.py", *TINY.split(), "--steps=1000000")
    next(line for line in process.stderr if line.startswith("step "))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=HANGS)
    assert "stopped" in err and len(samples(out)) == 3
