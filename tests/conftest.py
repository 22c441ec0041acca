"""What every test needs: the folder under test, and a folder to work in."""
import gc
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(autouse=True)
def clean_start(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    gc.enable()  # the script switches the cycle collector off
