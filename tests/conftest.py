"""What the tests share: a clean start, and one run of the defaults."""
import contextlib
import gc
import io
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import microgpt


@pytest.fixture(autouse=True)
def clean_start(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    gc.enable()  # the experiments switch it off


@pytest.fixture(scope="session")
def published():
    """What main returns by default, what it prints, and its progress lines."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.redirect_stderr(io.StringIO()) as err:
            return microgpt.main([]), out.getvalue(), err.getvalue().splitlines()
