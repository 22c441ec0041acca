"""What several tests need: the file under test, and a way to run it."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def run(*args, python=(), **env):
    """Run microgpt.py in another folder; return its exit code, output and errors."""
    done = subprocess.run([sys.executable, *python, str(ROOT / "microgpt.py"), *map(str, args)],
                          cwd=tempfile.gettempdir(), timeout=120, capture_output=True,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8", **env})
    return done.returncode, done.stdout.decode(), done.stderr.decode()
