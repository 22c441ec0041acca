"""The script on a terminal, under Ctrl-C, and before a reader that leaves."""
import os
import re
import select
import signal
import struct
import subprocess
import sys

import pytest

from conftest import ROOT

pty = pytest.importorskip("pty", reason="Windows has no POSIX terminals and signals")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

SCRIPT = [sys.executable, str(ROOT / "microgpt.py"), "--n-embd", "4", "--n-head", "2"]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would pass on SIG_IGN
os.environ.pop("PYTHONUNBUFFERED", None)  # it would hide a line that waits in a buffer


def start(*args, columns=0):
    """Start microgpt.py with standard error on a terminal; return its process and the terminal."""
    terminal, theirs = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
    process = subprocess.Popen([*SCRIPT, *args], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    return process, terminal


def read(terminal, until="\0"):
    """Return what the terminal shows until a text appears there, or else until the script ends."""
    shown = ""
    while until not in shown:
        try:
            chunk = os.read(terminal, 1000)
        except OSError:  # as Linux says that the script has ended; others give an empty chunk
            chunk = b""
        if not chunk:
            break
        shown += chunk.decode().replace("\r\n", "\n")
    return shown


@pytest.mark.parametrize("columns, fields, width", [(0, 4, 79), (60, 4, 59), (40, 3, 39)])
def test_progress_is_one_line_that_is_overwritten(columns, fields, width):
    process, terminal = start("--steps", "30", "--samples", "1", columns=columns)
    lines = read(terminal).split("\r")
    assert process.wait() == 0
    assert [line.split(" |")[0] for line in lines] == [f"step {n} / 30" for n in range(1, 31)]
    assert lines[-1].endswith("\n")
    for line in lines:
        assert len(line.rstrip("\n")) == width
        assert len(line.split(" | ")) == fields


def test_a_run_that_blows_up_says_so_on_a_line_of_its_own():
    process, terminal = start("--learning-rate", "1e200")
    assert re.search("\nmicrogpt.py: error: the loss of step \\d is .*\n$", read(terminal))
    assert process.wait() == 1


def test_ctrl_c_while_training_samples_what_was_learnt():
    process, terminal = start("--steps", "1000000", "--samples", "3")
    read(terminal, until="step 3 ")
    assert select.select([process.stdout], [], [], 0)[0]  # the counts are shown at once
    process.send_signal(signal.SIGINT)
    assert re.search(r"\nstopped after step \d+; now it writes\n", read(terminal))
    assert process.stdout.read().count(b"sample ") == 3
    assert process.wait() == 0


@pytest.mark.parametrize("stop, code", [
    (lambda process: process.send_signal(signal.SIGINT), 130),
    (lambda process: process.stdout.close(), -signal.SIGPIPE),  # as `| head -1` does
])
def test_stopped_while_sampling(stop, code):
    process, terminal = start("--steps", "0", "--samples", "1000000")
    while not process.stdout.readline().startswith(b"sample "):
        pass
    stop(process)
    assert read(terminal) == ""
    assert process.wait() == code
