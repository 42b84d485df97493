"""Measure everything, or what is named; print tables, write JSON, judge nothing.

python benchmarks [NAME…] [--rounds 15] [--json FILE] [--store FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import building
import locking
import scale
import starting
from workshop import Workshop, index

BENCHMARKS = {module.__name__: module for module in (starting, building, locking, scale)}


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    parser.add_argument(
        "--store",
        type=Path,
        default=Path(tempfile.gettempdir(), "scriptlock-benchmarks"),
        help="where to keep what the index serves",
    )
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    results = []
    print(_machine())
    with (
        tempfile.TemporaryDirectory(prefix="scriptlock-", ignore_cleanup_errors=True) as folder,
        index(options.store) as url,
    ):
        workshop = Workshop(folder=Path(folder), index=url, store=options.store, rounds=options.rounds)
        for name in options.names or BENCHMARKS:
            for comparison in BENCHMARKS[name].comparisons(workshop):
                print(f"\n{comparison}", flush=True)
                results.append(comparison.as_json())
                text = json.dumps({"machine": _machine(), "comparisons": results}, indent=1)
                options.json.write_text(f"{text}\n")


def _machine() -> str:
    programs = {
        "scriptlock": "scriptlock-toolkit",
        "uv": "uv",
        "pipx": "pipx",
        "pip-tools": "pip-tools",
        "pip": "pip",
    }
    versions = ", ".join(f"{name} {version(package)}" for name, package in programs.items())
    return (
        f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}; {versions}"
    )


if __name__ == "__main__":
    main()
