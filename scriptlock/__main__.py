"""The command: ``scriptlock`` and ``python -m scriptlock``."""

from __future__ import annotations

import os
import sys

from scriptlock import launch


def main() -> None:
    """Run the command line and exit with its status."""
    _forget_working_folder()
    launch.start(sys.argv[1:])
    from scriptlock import cli

    cli.main()


def _forget_working_folder() -> None:
    # `python -m` puts the working folder first: a `click.py` lying there would be imported as ours.
    # Where scriptlock itself is run from a checkout, that folder is also where it is found.
    if sys.flags.safe_path or not sys.path:
        return
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if sys.path[0] in {"", os.getcwd()} and os.getcwd() != home:
        del sys.path[0]


if __name__ == "__main__":
    main()
