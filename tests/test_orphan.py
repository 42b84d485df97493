"""What is left of a worker that nobody waits for any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import scriptlock

ENDS_WHILE_ANOTHER_THREAD_WRITES = """
import os, sys, tempfile, threading
sys.path.append(sys.argv[1])
from scriptlock import orphan

def fetch():
    while True:
        open(os.path.join(tempfile.mkdtemp(), "a.whl"), "wb").close()
        is_under_way.set()

is_under_way = threading.Event()
threading.Thread(target=fetch, daemon=True).start()
is_under_way.wait()
orphan._end()
"""


@pytest.mark.skipif(os.name != "posix", reason="a working folder cannot be moved")
def test_what_is_written_while_a_worker_ends_is_not_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / "scriptlock-0123"
    folder.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", ENDS_WHILE_ANOTHER_THREAD_WRITES, Path(scriptlock.__file__).parent.parent],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=subprocess.DEVNULL,
        check=False,
    )

    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
