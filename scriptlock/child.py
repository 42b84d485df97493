"""One child process that this one waits for as if it had taken this one's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Ended(BaseException):
    """Somebody asked this process to end, by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


if sys.platform == "win32":  # pragma: no cover - measured on Linux only

    def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run a program to its end and return its status; a Ctrl-C is for the program to deal with."""
        with subprocess.Popen(list(argv), env=dict(environ)) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue

    @contextmanager
    def unwinding() -> Iterator[None]:
        """Do nothing: what ends a process here gives it no time."""
        yield

    @contextmanager
    def undisturbed() -> Iterator[None]:
        """Do nothing, as :func:`unwinding`."""
        yield

    def end_like(status: int) -> NoReturn:
        """End this process with the status."""
        sys.exit(status)

else:
    import resource

    ENDING = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
    """By default they end a process at once; SIGINT is Python's KeyboardInterrupt already."""
    FORWARDED = ENDING | {signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM}
    FORWARDED |= {signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT}
    STOPPING = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
    """By which a terminal stops a job."""
    IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

    def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run a program to its end and return its status, -n if signal n ended it.

        It gets the signals that are sent to this process meanwhile. Where a terminal stops it, this process
        stops too, so that the shell sees it.

        :raises OSError: if it cannot be started.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED | {signal.SIGCHLD})
        # With any handler: a signal that would be ignored need not become pending.
        handler = signal.signal(signal.SIGCHLD, _take_no_notice)
        try:
            child = os.posix_spawn(
                argv[0], list(argv), dict(environ), setsigmask=before, setsigdef=IGNORED_BY_PYTHON
            )
            while True:
                number = _receive(child)
                if number == signal.SIGCHLD:
                    status = _look_after(child)
                    if status is not None:
                        return status
                elif number is not None:
                    os.kill(child, number)
        finally:
            signal.signal(signal.SIGCHLD, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _take_no_notice(number: int, frame: FrameType | None) -> None:
        """Handle a signal that is waited for elsewhere."""

    def _receive(child: int) -> int | None:
        """Wait for a signal; return it unless the child has got it already."""
        awaited = FORWARDED | {signal.SIGCHLD}
        if sys.platform == "darwin":  # pragma: no cover - it does not tell who sent a signal
            number = signal.sigwait(awaited)
            keyboard = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}
            return None if number in keyboard and _is_in_foreground() else number
        told = signal.sigwaitinfo(awaited)
        if told.si_signo == signal.SIGCHLD:
            return told.si_signo
        # The kernel sends those of a terminal to the whole job, and a child may send one to its group.
        is_sent = told.si_code <= 0 and told.si_pid != child
        return told.si_signo if is_sent else None

    def _is_in_foreground() -> bool:  # pragma: no cover - only for macOS
        try:
            return os.tcgetpgrp(sys.__stderr__.fileno() if sys.__stderr__ else 2) == os.getpgrp()
        except OSError:
            return False

    def _look_after(child: int) -> int | None:
        """Return how the child ended, or None if it did not; stop if a terminal stopped it."""
        found, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if not found:
            return None
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        number = signal.Signals(os.WSTOPSIG(status))
        if number in STOPPING:
            os.kill(os.getpid(), number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            # Here it has been stopped. What continued this process is forwarded as any other signal.
            signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        return None

    @contextmanager
    def unwinding() -> Iterator[None]:
        """Let what would end this process at once raise Ended instead, so that there is time to clean up."""

        def end(number: int, _: FrameType | None) -> NoReturn:
            raise Ended(number)

        # What is ignored, as by nohup, stays ignored.
        caught = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, end) for number in caught}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def undisturbed() -> Iterator[None]:
        """Put off what would end this process until later."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING | {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end_like(status: int) -> NoReturn:
        """End this process as a child ended, so that a shell sees the same.

        :param status: an exit status, or -n for signal n.
        """
        if status < 0:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the child's is the one that tells something
            if -status != signal.SIGKILL:
                signal.signal(-status, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {-status})
            os.kill(os.getpid(), -status)
            status = 128 - status  # the first process of a container survives its own signals
        sys.exit(status)
