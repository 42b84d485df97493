from __future__ import annotations

import subprocess
import sys

WINDOWS = """
import sys, subprocess
sys.platform = "win32"
from scriptlock import child
with child.unwinding(), child.undisturbed():
    child.end_like(child.run([sys.executable, "-c", "raise SystemExit(7)"], {}))
"""


def test_without_the_signals_of_posix_a_child_is_waited_for_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
