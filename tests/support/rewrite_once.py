"""A program that rewrites one script, and prints how that went and what is there then, as JSON.

Usage: rewrite_once.py PATH OTHER BODY_END. The script at PATH gets the bytes of OTHER.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scriptlock.errors import FileTrouble
from scriptlock.files import read_script, write_script


def main(path: Path, other: Path, body_end: int) -> None:
    inode = path.stat().st_ino
    try:
        done = str(write_script(read_script(path), other.read_bytes(), body_end=body_end))
    except FileTrouble as trouble:
        done = str(trouble)
    answer = {
        "done": done,
        "text": path.read_text(encoding="ascii"),
        "is_same_file": path.stat().st_ino == inode,
        "names": sorted(entry.name for entry in path.parent.iterdir()),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
