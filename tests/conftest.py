"""What several tests need: the file under test, and ways to run it."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def start(*args, **env):
    """Start microgpt.py in another folder; return its process."""
    return subprocess.Popen([sys.executable, str(ROOT / "microgpt.py"), *map(str, args)],
                            cwd=tempfile.gettempdir(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, encoding="utf-8",
                            env={**os.environ, "PYTHONIOENCODING": "utf-8", **env})


def run(*args, exit_code=0, **env):
    """Run microgpt.py in another folder to its end; return its output and errors."""
    process = start(*args, **env)
    out, err = process.communicate(timeout=120)
    assert process.returncode == exit_code, err
    return out, err
