"""A cache for one run, of which nothing is left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scriptlock.cache.disposal import delete
from scriptlock.cache.layout import Cache
from scriptlock.child import undisturbed
from scriptlock.errors import CacheError


@contextmanager
def temporary_cache() -> Iterator[Cache]:
    """Give a cache in the system's folder for temporary files, and remove it in the end.

    :raises CacheError: if it cannot be made there.
    """
    try:
        # Real, since a cache is not looked for behind a symbolic link (macOS has one there).
        root = Path(os.path.realpath(tempfile.mkdtemp(prefix="scriptlock-")))
    except OSError as error:
        reason = f"no temporary folder can be made: {error.strerror or error}"
        raise CacheError(reason, "set TMPDIR to a folder of your own") from error
    try:
        yield Cache(root=root, is_temporary=True)
    finally:
        with undisturbed():
            delete(root)
