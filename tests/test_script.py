"""The script as its user runs it: output, flags, errors, Ctrl-C."""
import gc
import json
import os
import pathlib
import pty
import re
import signal
import statistics
import subprocess
import sys

import pytest

import microgpt

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parent / "microgpt.py"
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
TINY = ["--n-embd", "4", "--n-head", "2", "--block-size", "6"]
DEFAULT = json.loads((HERE / "reference_default.json").read_text())
SMALL = json.loads((HERE / "reference_small.json").read_text())


@pytest.fixture
def run(tmp_path):
    """Run microgpt.py from another folder; return its exit code, standard output and standard error."""
    def run(*args, **env):
        done = subprocess.run([sys.executable, str(SCRIPT), *map(str, args)], cwd=tmp_path, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "PYTHONIOENCODING": "utf-8", **env})
        return done.returncode, done.stdout.decode(), done.stderr.decode()
    return run


@pytest.fixture
def start(tmp_path):
    """Start microgpt.py from another folder with pipes; what still runs at the end is killed."""
    started = []

    def start(*args, stderr=subprocess.PIPE):
        def listen():  # a shell's background job, which these tests may be, passes on that Ctrl-C is ignored
            signal.signal(signal.SIGINT, signal.default_int_handler)

        env = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
        started.append(subprocess.Popen([sys.executable, str(SCRIPT), *args], cwd=tmp_path, preexec_fn=listen,
                                        stdout=subprocess.PIPE, stderr=stderr, env=env))
        return started[-1]
    yield start
    for process in started:
        process.kill()
        process.wait()


def samples(out):
    return [line.split(": ", 1)[1] for line in out.splitlines() if line.startswith("sample ")]


# ---- a run and its output


def test_the_default_run(capsys, monkeypatch):
    losses, train = [], microgpt.train

    def recorded(*args):
        for loss in train(*args):
            losses.append(loss)
            yield loss
    monkeypatch.setattr(microgpt, "train", recorded)
    microgpt.main([])
    out, err = capsys.readouterr()
    assert losses == pytest.approx(DEFAULT["losses"], rel=0, abs=1e-9)
    assert samples(out) == DEFAULT["samples"]
    lines = out.splitlines()
    assert lines[:3] == ["num docs: 32033", "vocab size: 27", "num params: 4192"]
    assert re.fullmatch("loss 3.02 [▁▂▃▄▅▆▇█]{40} 2.30", lines[3])
    assert lines[4:6] == ["--- made up at temperature 0.5 ---", "sample  1: kamon"]
    assert lines[-1] == "sample 20: anton"
    progress = err.splitlines()
    assert [line.split(" / ")[0] for line in progress] == [f"step {step:4}" for step in range(100, 1001, 100)]
    mean = statistics.mean(DEFAULT["losses"][-100:])
    assert progress[-1] == f"step 1000 / 1000 | loss 2.6497 | mean {mean:.4f} | 0 s left"
    assert out in README  # what the README shows is what is printed


def test_a_small_run_from_another_folder(run):
    code, out, err = run(*[word for flag, value in SMALL["flags"].items() for word in ("--" + flag, value)])
    assert (code, samples(out)) == (0, SMALL["samples"])
    assert err.splitlines()[-1].startswith(f"step 25 / 25 | loss {SMALL['losses'][-1]:.4f} | mean ")
    assert len(err.splitlines()) == 11  # one to say that documents are cut, and one for each tenth


def test_the_hash_seed_changes_nothing(run):
    args = [*TINY, "--steps", 20, "--samples", 5]
    (_, first, _), (_, second, _) = [run(*args, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert first == second


def test_progress_on_a_terminal_is_one_line(start):
    ours, theirs = pty.openpty()
    process = start(*TINY, "--steps", "30", "--samples", "1", stderr=theirs)
    os.close(theirs)
    shown = read_all(ours)
    assert process.wait() == 0
    lines = shown[shown.index("step"):].split("\r")  # what stands before is that documents are cut
    assert [line.split(" |")[0] for line in lines] == [f"step {step:2} / 30" for step in range(1, 31)]
    assert [line.endswith("\n") for line in lines] == [False] * 29 + [True]


def read_all(terminal):
    """Return all that a program shows on this end of a terminal until it closes the other."""
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 1000)
        except OSError:  # how Linux says that the other end is closed
            chunk = b""
        if not chunk:
            return shown.decode().replace("\r\n", "\n")
        shown += chunk


def test_untrained(run):
    code, out, err = run("--steps", 0, "--samples", 3)
    assert (code, err, len(samples(out))) == (0, "", 3)
    assert "loss" not in out


def test_temperatures_share_a_training(run):
    args = [*TINY, "--steps", 30, "--samples", 4, "--temperature"]
    _, one, _ = run(*args, "0.1")
    code, out, err = run(*args, "0.1", "1.0", "2.0")
    assert code == 0
    assert out.startswith(one)
    headings = [line for line in out.splitlines() if line.startswith("---")]
    assert headings == [f"--- made up at temperature {t} ---" for t in ("0.1", "1", "2")]
    assert len(samples(out)) == 12
    assert err.count("step 30 / 30") == 1


@pytest.mark.parametrize("temperature", ["5e-324", "1e-300", "1e300"])
def test_every_positive_temperature_works(run, temperature):
    code, out, _ = run(*TINY, "--steps", 5, "--samples", 3, "--temperature", temperature)
    assert (code, len(samples(out))) == (0, 3)


def test_target_loss_stops_at_the_first_mean_that_reaches_it(run):
    losses, target = DEFAULT["losses"], 2.6
    enough = next(n for n in range(100, 1001) if statistics.mean(losses[n - 100:n]) <= target)
    code, out, err = run("--target-loss", target, "--samples", 1)
    assert (code, len(samples(out))) == (0, 1)
    assert enough < 400
    assert err.splitlines()[-1].startswith(f"step {enough:4} / 1000 | loss {losses[enough - 1]:.4f} | mean 2.5")


def test_target_loss_waits_for_100_losses(run):
    _, _, err = run(*TINY, "--target-loss", 100, "--steps", 120, "--samples", 1)
    assert err.splitlines()[-1].startswith("step 100 / 120 ")


def test_curve():
    assert microgpt.curve([3.0, 2.0, 1.0]) == "loss 3.00 █▄▁ 1.00"
    assert microgpt.curve([2.5]) == "loss 2.50 ▁ 2.50"
    line = microgpt.curve([float(i // 10) for i in range(400)])  # 40 buckets of 10
    assert re.fullmatch("loss 0.00 ▁+▂+▃+▄+▅+▆+▇+█+ 39.00", line)
    assert len(line.split()[2]) == 40


def test_help_has_every_flag_with_its_default(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    for flag in ("data", "n-layer", "n-embd", "n-head", "block-size", "steps", "batch-size", "learning-rate",
                 "target-loss", "temperature", "samples", "seed"):
        assert re.search(rf"--{flag} X .*?\(default: .+?\)", text), flag
        assert f"`--{flag}`" in README
    assert "example: python microgpt.py --data" in text


# ---- any text


@pytest.mark.parametrize("text, docs, vocab", [
    ("Emma\nAVA\n", 2, 6),
    ("a b\r\nb a\r\n\r\n", 2, 4),
    ("\ufeffzoë\njosé\n", 2, 7),
    ("王芳\n李娜\n", 2, 5),
    ("مريم\n", 1, 4),
    ("x", 1, 2),
])
def test_any_text_works(run, tmp_path, text, docs, vocab):
    (tmp_path / "my.txt").write_bytes(text.encode())
    code, out, _ = run(*TINY, "--data", "my.txt", "--steps", 10, "--samples", 5)
    assert (code, len(samples(out))) == (0, 5)
    assert out.startswith(f"num docs: {docs}\nvocab size: {vocab}\n")
    assert set("".join(samples(out))) <= set(text)


def test_long_documents_are_cut_and_counted(run, tmp_path):
    (tmp_path / "my.txt").write_text("abcdefg\nabcdef\nabcdefgh\n")
    code, out, err = run(*TINY, "--data", "my.txt", "--steps", 10, "--samples", 5)
    assert code == 0
    assert err.splitlines()[0] == "documents cut to --block-size 6: 2"
    assert max(map(len, samples(out))) <= 6


def test_what_the_terminal_cannot_show_is_replaced(run, tmp_path):
    (tmp_path / "my.txt").write_text("ëë\nëëë\n", encoding="utf-8")
    code, out, _ = run(*TINY, "--data", "my.txt", "--steps", 10, "--samples", 3, PYTHONIOENCODING="ascii")
    assert code == 0
    assert set("".join(samples(out))) == {"?"}


# ---- bad input


@pytest.mark.parametrize("args, expected", [
    *[([flag, value], f"argument {flag}: '{value}' is not a whole number above 0")
      for flag in ("--n-layer", "--n-embd", "--n-head", "--block-size", "--batch-size", "--samples")
      for value in ("0", "-3", "1.5", "many")],
    *[([flag, value], f"argument {flag}: '{value}' is not a finite number above 0")
      for flag in ("--learning-rate", "--temperature", "--target-loss")
      for value in ("0", "-1", "nan", "inf", "1e999", "warm")],
    (["--temperature", "0.5", "0"], "argument --temperature: '0' is not a finite number above 0"),
    (["--temperature"], "argument --temperature: expected at least one argument"),
    (["--steps", "-1"], "argument --steps: '-1' is not a whole number above -1"),
    (["--steps", ""], "argument --steps: '' is not a whole number above -1"),
    (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
    (["--n-embd", "18"], "--n-head 4 must divide --n-embd 18\n"),
    (["--n-head", "5"], "--n-head 5 must divide --n-embd 16\n"),
    (["--data", "missing.txt"], "argument --data: [Errno 2] No such file or directory: 'missing.txt'"),
    (["--data", "."], "argument --data: [Errno 21] Is a directory: '.'"),
    (["--data", ""], "argument --data: [Errno 2] No such file or directory: ''"),
    (["--data", "empty.txt"], "argument --data: there is no text in 'empty.txt'"),
    (["--data", "blank.txt"], "argument --data: there is no text in 'blank.txt'"),
    (["--data", "latin1.txt"], "argument --data: 'utf-8' codec can't decode byte 0xe9"),
    (["--data", "utf16.txt"], "argument --data: 'utf-8' codec can't decode byte 0xff"),
    (["names.txt"], "unrecognized arguments: names.txt"),
    (["--layers", "2"], "unrecognized arguments: --layers 2"),
])
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, capsys, args, expected):
    monkeypatch.chdir(tmp_path)
    for name, raw in {"empty.txt": b"", "blank.txt": b" \n\n", "latin1.txt": b"caf\xe9", "utf16.txt": b"\xff\xfea\0"}.items():
        pathlib.Path(name).write_bytes(raw)
    monkeypatch.setattr(sys, "argv", ["microgpt.py", *args])
    with pytest.raises(SystemExit) as ended:
        microgpt.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"microgpt.py: error: {expected}")
    if "--data" in args:
        assert err.endswith("; it takes UTF-8 text of one document a line\n")


def test_bad_input_from_the_command_line(run):
    code, out, err = run("--n-embd", "0")
    assert (code, out) == (2, "")
    assert err == "microgpt.py: error: argument --n-embd: '0' is not a whole number above 0\n"


# ---- a run that does not go as planned


@pytest.mark.parametrize("rate", ["1", "1e6", "1e60"])
def test_a_high_rate_goes_on_while_the_loss_is_finite(run, rate):
    code, out, err = run(*TINY, "--learning-rate", rate, "--steps", 40, "--samples", 2)
    assert (code, len(samples(out))) == (0, 2), err


@pytest.mark.parametrize("rate, steps, what", [
    ("1e200", 40, r"the loss of step \d+ is (nan|inf)"),
    ("1e300", 1, "the logits are not finite numbers"),  # only found when it samples
])
def test_a_run_that_blows_up_says_so(run, rate, steps, what):
    code, out, err = run("--learning-rate", rate, "--steps", steps)
    assert (code, samples(out)) == (1, [])
    assert "Traceback" not in err
    assert re.fullmatch(f"microgpt.py: error: {what}; try a lower --learning-rate", err.splitlines()[-1])


def test_a_run_that_blows_up_on_a_terminal_says_so_on_a_line_of_its_own(start):
    ours, theirs = pty.openpty()
    process = start("--learning-rate", "1e200", stderr=theirs)
    os.close(theirs)
    lines = read_all(ours).split("\n")
    assert process.wait() == 1
    assert lines[-2].startswith("microgpt.py: error: the loss of step ") and lines[-1] == ""


def test_ctrl_c_while_training_samples_what_was_learnt(start):
    ours, theirs = pty.openpty()
    process = start(*TINY, "--steps", "1000000", "--samples", "3", stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"step" not in shown:
        shown += os.read(ours, 1000)
    os.set_blocking(process.stdout.fileno(), False)
    assert os.read(process.stdout.fileno(), 16) == b"num docs: 32033\n"  # not kept in a buffer until the end
    os.set_blocking(process.stdout.fileno(), True)
    process.send_signal(signal.SIGINT)
    err = read_all(ours)  # to the end, before anything else, or the process could wait for us to read
    assert process.wait() == 0
    assert len(samples(process.stdout.read().decode())) == 3
    assert re.fullmatch(r"stopped after step \d+: samples of what it has learnt so far", err.splitlines()[-1])


def test_ctrl_c_while_sampling_ends_with_130(start):
    process = start(*TINY, "--steps", "0", "--samples", "1000000")
    while not process.stdout.readline().startswith(b"sample "):
        pass
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait() == 130
    assert b"Traceback" not in process.stderr.read()


def test_a_closed_pipe_ends_it_quietly(start):
    process = start(*TINY, "--steps", "20", "--samples", "100000")
    assert process.stdout.readline() == b"num docs: 32033\n"
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == 0
    assert all(re.match("documents cut|step ", line) for line in err.splitlines())


def test_the_collector_is_off_only_in_training_on_cpython(monkeypatch, capsys):
    def train(*args):
        states.append(gc.isenabled())
        yield 1.0
    monkeypatch.setattr(microgpt, "train", train)
    states = []
    microgpt.main([*TINY, "--steps", "1", "--samples", "1"])
    assert states == [sys.implementation.name != "cpython"]
    assert gc.isenabled()
