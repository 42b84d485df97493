"""What git and pip cannot agree on: repositories on servers that know nothing of git."""

from __future__ import annotations

from scriptlock import process

WHOLE = {"PIP_NO_PARTIAL_CLONE_FOR_BROKEN_GIT_SERVER": "1"}


def variables_for_cloning(url: str) -> dict[str, str]:
    """Return the environment variables with which pip may clone a repository to look for a commit in it.

    pip clones without the files, and git fetches them when they are needed. From a plain web server (git's
    dumb protocol) it takes object by object, and calls itself for one that is not there, without end.

    :param url: what git is told, without ``git+`` and without a revision.
    """
    try:
        # Whatever is said in packets is said by git's own server.
        done = process.run(
            ["git", "ls-remote", "--quiet", "--", url, "HEAD"],
            environ={"GIT_TRACE_PACKET": "1", "GIT_TERMINAL_PROMPT": "0"},
        )
    except OSError:
        return {}  # without git nothing is cloned, and pip says so
    return {} if " packet: " in done.stderr else WHOLE
