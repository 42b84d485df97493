"""A program that kills rewriting processes, and prints what they left behind as JSON.

Usage: killed_rewrites.py PATH KILLS. Each process rewrites the script at PATH from OLD to NEW and back again.
It is a program of its own because it forks, which a process with threads (that of the tests) must not.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from scriptlock.disk import System
from scriptlock.files import read_script, write_script

BODY = b"print('body')\n" * 50
OLD = BODY + b"\n\n" + b"# | old\n" * 30
NEW = BODY + b"\n\n" + b"# | new, and longer\n" * 40
PIECE = 20  # bytes: so that many kills fall between two writes


def rewrite_for_ever(path: Path, started: int) -> NoReturn:
    system = System(write=lambda fd, text: os.write(fd, text[:PIECE]))
    while True:
        file = read_script(path)
        write_script(file, OLD if file.text == NEW else NEW, body_end=len(BODY), system=system)
        os.write(started, b".")


def kill_one(path: Path) -> None:
    """Let a process rewrite the script until some random moment after its first time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        rewrite_for_ever(path, writer)
    os.close(writer)
    os.read(reader, 1)
    time.sleep(random.uniform(0, 0.004))  # noqa: S311 - no secret
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reader)
    if not os.WIFSIGNALED(status):
        raise SystemExit("a process ended before it was killed")


def main(path: Path, kills: int) -> None:
    left = []
    for _ in range(kills):
        kill_one(path)
        left.append(path.read_bytes().decode())
    json.dump(left, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
