"""What README.md shows is what comes out."""
import itertools
import os
import re
import shlex
import shutil
import signal
from unittest import mock

import pytest

import look_inside
import microgpt
import seeds
from test_script import ROOT, start

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS, PYTHON = [re.findall(f"```{kind}\n(.*?)\n```", README, re.DOTALL)
                 for kind in ("text", "python")]
COMMANDS = re.findall("(?:^|`)python ([^-].*?)(?:`|$)", README, re.MULTILINE)
LISTS = re.findall("^python (-c .*)", README, re.MULTILINE)


@pytest.fixture
def as_published(published, monkeypatch):
    """Training takes no time: it gives the model the parameters of the published run."""
    def train(model, *args):
        for param, number in zip(model.params, numbers):
            param.data = number
        return published[0][3]

    numbers = [param.data for param in published[0][0].params]
    monkeypatch.setattr(microgpt, "train", train)


def lines_of(capsys, flags):
    microgpt.main(flags.split())
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_starts_from_any_folder_where_nothing_is_installed(command):
    for name in ("few.txt", "boys.txt"):
        shutil.copy(ROOT / "names.txt", name)
    for name in ("microgpt.py", "names.txt", "tests/"):
        command = command.replace(name, f"{ROOT.as_posix()}/{name}")
    process = start("-S", *shlex.split(command))  # -S: nothing that is installed is seen
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL) if first and hasattr(os, "killpg") else process.kill()
    assert re.search(r"num docs: \d+|about \d+ (seconds|minutes)", first)


@pytest.mark.parametrize("command, path, first, n_docs", [
    (*LISTS[:1], "few.txt", "emma", 700), (*LISTS[1:], "boys.txt", "liam", 1000)])
def test_a_command_makes_a_list(command, path, first, n_docs):
    shutil.copy(ROOT / "names.txt", ".")
    start("-S", *shlex.split(command)).wait()
    docs = microgpt.load_docs(path)
    assert (docs[0], len(docs)) == (first, n_docs)


def test_the_samples_before_and_after(capsys, published, as_published, monkeypatch):
    after = lines_of(capsys, "--samples 10")[4:14]
    assert not {line.split()[2] for line in after} & set(published[0][2][:1000])
    monkeypatch.undo()
    before = lines_of(capsys, "--steps 0 --samples 10")[4:14]
    assert [line.split() for line in TEXTS[0].splitlines()[1:]] == [
        (a[11:] + " " + b[11:]).split() for a, b in zip(before, after)]


def test_the_last_lines_of_the_default_run(published):
    assert TEXTS[1].splitlines() == [published[2][-1], published[1].splitlines()[-1]]


@pytest.mark.parametrize("flags, shown", re.findall(r"^\| `(--.*?)` \| (.*?`.*?) \|", README, re.M))
def test_a_flag_to_try(capsys, as_published, flags, shown):
    names = [line.split()[2] for line in lines_of(capsys, flags) if line.startswith("sample ")]
    assert set(re.findall("`(.*?)`", shown)) <= set(names)


def test_learning_and_memorising(monkeypatch):
    def first_300(*args):
        losses = train(*args)
        first = next(losses)
        with mock.patch.object(microgpt, "document_loss", lambda *args: microgpt.Value(0.0)):
            yield first  # nothing is validated here: that takes as long as 200 steps
        yield from itertools.islice(losses, 299)

    train = microgpt.train
    monkeypatch.setattr(microgpt, "train", first_300)
    lines = (ROOT / "tests/reference_few.txt").read_text(encoding="utf-8").splitlines()
    assert seeds.memorising(42)[1:] == seeds.rows_of(lines[1:2])
    assert set(TEXTS[2].splitlines()) <= set(lines)
    steps, means, validations = zip(*seeds.rows_of(lines[1:]))
    assert re.findall(r"^    line \[(.*)\]$", README, re.MULTILINE) == [
        ", ".join(f"{number:.2f}" for number in numbers) for numbers in (means, validations)]


def test_the_look_inside(capsys, as_published):
    look_inside.main([])
    assert capsys.readouterr().out.endswith(f"\n{TEXTS[3]}\n")


def test_the_lines_for_a_look_of_your_own(capsys, as_published):
    shutil.copy(ROOT / "names.txt", ".")
    exec(PYTHON[0], {})
    assert len(capsys.readouterr().out.splitlines()[-1].split()) > 9
