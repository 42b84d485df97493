"""Compare what is chosen with what uv chooses, target by target, against the configured index.

    python benchmarks/differential.py [SET…] [--pythons 3.11,3.13,3.14] [--json FILE] [--cache FOLDER]

A set is a number of the list below. Prints each difference and a total; docs/resolving.md explains them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import which

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from scriptlock.errors import ResolutionError
from scriptlock.pip_configuration import index_options
from scriptlock.resolve.pip_tools import PipTools
from scriptlock.resolve.request import Request, Resolution
from scriptlock.targets import MACOS_FLOOR, Target, make_target

SETS = (
    "requests rich",
    "torch",
    "jupyterlab",
    "pandas",
    "fastapi[standard] sqlalchemy httpx pandas",
    "ipython",
    "django celery",
    "boto3 aiohttp",
    "scikit-learn matplotlib",
    "psycopg[binary]",
    "black",
    "twine",
    "dask[complete]",
    "langchain langchain-openai",
    "polars pyarrow",
    "numpy<2 scipy",
    "flask gunicorn redis",
    "typer httpx[http2] rich",
    "pytest pytest-cov pytest-xdist hypothesis",
    "mypy ruff pre-commit",
    "sphinx furo myst-parser",
    "mkdocs-material",
    "poetry",
    "nox tox",
    "cryptography paramiko",
    "beautifulsoup4 lxml requests",
    "selenium",
    "playwright",
    "streamlit",
    "plotly kaleido",
    "opencv-python-headless pillow",
    "transformers tokenizers",
    "xarray netcdf4",
    "geopandas",
    "sqlalchemy[asyncio] asyncpg alembic",
    "uvicorn[standard] starlette",
    "grpcio protobuf",
    "google-cloud-storage",
    "azure-identity azure-storage-blob",
    "ansible-core",
    "textual",
    "prompt-toolkit pygments colorama; sys_platform=='win32'",
    "pywin32; sys_platform=='win32' psutil",
    "openai anthropic tiktoken",
    "scrapy",
    "pydantic-settings[yaml] email-validator",
    "pyinstaller",
    "notebook<7",
    "jupyterlab apache-airflow-core",
)
"""What to ask for; a marker belongs to the requirement before it."""

PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "macos-arm64": "aarch64-apple-darwin",
    "windows-amd64": "x86_64-pc-windows-msvc",
}
"""How uv calls our platforms."""


def main() -> int:
    """Compare the sets that the command line names; return how many targets differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", type=int, metavar="SET")
    parser.add_argument("--pythons", default="3.11,3.13,3.14")
    parser.add_argument("--json", type=Path, default=Path("differential.json"))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "scriptlock-differential"))
    options = parser.parse_args()
    pythons = [tuple(map(int, python.split("."))) for python in options.pythons.split(",")]
    targets = [make_target(name, (major, minor)) for major, minor in pythons for name in PLATFORMS]
    results = []
    for number in options.sets or range(len(SETS)):
        started = time.monotonic()
        requirements = [*_requirements(SETS[number])]
        ours = _ours(requirements, targets, options.cache / "pip")
        for resolution in ours:
            theirs = _uv(requirements, resolution.target, options.cache / "uv")
            results.append(_compared(SETS[number], resolution, theirs))
            if results[-1]["different"]:
                print(json.dumps(results[-1]), flush=True)
        print(f"{number} {SETS[number]}: {time.monotonic() - started:.0f} s", flush=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    different = sum(bool(result["different"]) for result in results)
    print(f"{len(results)} targets of {len(options.sets or SETS)} sets compared, {different} differ")
    return min(different, 1)


def _requirements(text: str) -> Iterator[Requirement]:
    words: list[str] = []
    for word in text.split():
        if words and words[-1].endswith(";"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return map(Requirement, words)


def _ours(requirements: Iterable[Requirement], targets: list[Target], cache: Path) -> tuple[Resolution, ...]:
    request = Request(
        requirements=tuple(requirements),
        targets=tuple(targets),
        optional=frozenset(map(str, targets)),
    )
    try:
        return PipTools(cache_dir=cache).resolve(request)
    except ResolutionError as error:
        return tuple(Resolution(target=target, choices=(), unsolved=error) for target in targets)


def _uv(requirements: Iterable[Requirement], target: Target, cache: Path) -> dict[str, str] | str:
    """Return what uv chooses, name to version, or why it cannot."""
    uv = which("uv", path=Path(sys.executable).parent) or which("uv")
    assert uv, "install uv to compare with it"
    python = ".".join(map(str, target.python))
    platform = ("--python-platform", PLATFORMS[target.platform], "--python-version", python)
    here = ("--python", sys.executable)  # or it spends seconds on looking for others
    index = index_options(str(Path.cwd())).get("index-url")
    where = ("--default-index", str(index)) if index else ()
    plain = (
        "--no-config",
        "--no-build",
        "--no-header",
        "--no-annotate",
        "--quiet",
        "--cache-dir",
        str(cache),
    )
    done = subprocess.run(
        [uv, "pip", "compile", *plain, *platform, *here, *where, "-"],
        input="\n".join(map(str, requirements)),
        capture_output=True,
        text=True,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "{}.{}".format(*MACOS_FLOOR)},
        check=False,
    )
    if done.returncode:
        return " ".join(done.stderr.split())
    found = (Requirement(line) for line in done.stdout.splitlines() if line and not line.startswith("#"))
    return {one.name: _version(one.specifier) for one in found}


def _version(exactly: SpecifierSet) -> str:
    (specifier,) = exactly
    return specifier.version


def _compared(asked: str, resolution: Resolution, theirs: dict[str, str] | str) -> dict[str, object]:
    ours: dict[str, str] | str
    ours = {choice.name: str(choice.version) for choice in resolution.choices}
    if resolution.unsolved:
        ours = resolution.unsolved.reason
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = sorted(ours.keys() | theirs.keys())
        different = {
            name: [ours.get(name), theirs.get(name)] for name in names if ours.get(name) != theirs.get(name)
        }
    else:
        # Neither has a solution: what they say about it is in different words.
        different = {} if type(ours) is type(theirs) else {"": [ours, theirs]}
    return {
        "asked": asked,
        "target": str(resolution.target),
        "pins": len(resolution.choices),
        "different": different,
    }


if __name__ == "__main__":
    sys.exit(main())
