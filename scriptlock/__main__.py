"""The command: ``scriptlock`` and ``python -m scriptlock``."""

import os
import sys

from scriptlock import launch


def main() -> None:
    """Run the command line and exit with its status."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_standard_streams()
    try:
        launch.start(sys.argv[1:])
        _collect_rarely()
        from scriptlock import cli
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        cli.main()
    except SystemExit as end:
        _end_at_once(end.code or 0)
        raise


def _end_at_once(status: object) -> None:
    """Exit, if nothing is left to do but to take down what was loaded: that takes up to 30 ms."""
    import atexit

    threads = sys.modules.get("threading")
    if not isinstance(status, int) or (threads and threads.active_count() > 1):
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - as Python does it before it takes down the rest
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):  # Python has a status and words for it
        return
    os._exit(status)


def _collect_rarely() -> None:
    import gc

    # What is imported stays, and a command soon ends: looking for garbage all the time finds none.
    gc.set_threshold(50_000)


def _open_standard_streams() -> None:
    """Put nothing in the place of those that are closed.

    Else the next file that is opened would be there, and a script would read or write the cache.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the only way to call it
    os.close(descriptor)
    if sys.stderr is None:  # else click says on standard output what is wrong
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end


def _forget_working_folder() -> None:
    # `python -m` puts the working folder first: a `click.py` lying there would be imported as ours.
    # Where scriptlock itself is run from a checkout, that folder is also where it is found.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path and sys.path[0] != home:
        del sys.path[0]


if __name__ == "__main__":
    _forget_working_folder()
    main()
