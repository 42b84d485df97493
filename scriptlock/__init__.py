"""Locks single-file Python scripts: pins and hashes live in a footer of the script itself.

>>> script = parse(path.read_bytes())
>>> path.write_bytes(embed(path.read_bytes(), lock(script)))
>>> with sync(script) as environment:
...     subprocess.run([environment.python, path])

Everything public is named in ``__all__`` and loaded when it is first asked for, so that importing
the package costs next to nothing.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing would be the slowest import of a warm start
if TYPE_CHECKING:
    from scriptlock.api import check, lock, sync
    from scriptlock.by_path import LockResult, lock_file, lock_files, strip_file, sync_file
    from scriptlock.cache.environments import Environment
    from scriptlock.cache.layout import Cache
    from scriptlock.errors import (
        InvalidFooter,
        InvalidScript,
        NoHeader,
        NotLocked,
        ScriptlockError,
        StaleLock,
        UncoveredHost,
    )
    from scriptlock.header import Header
    from scriptlock.install.installer import EmptyEnvironment, Installer
    from scriptlock.model import Lock, Notice, Pin
    from scriptlock.resolve.request import Choice, Request, Resolution, Resolver
    from scriptlock.script import Script, embed, parse
    from scriptlock.settings import Settings
    from scriptlock.targets import Target, select

_HOMES = {
    "Cache": "cache.layout",
    "Choice": "resolve.request",
    "EmptyEnvironment": "install.installer",
    "Environment": "cache.environments",
    "Header": "header",
    "Installer": "install.installer",
    "InvalidFooter": "errors",
    "InvalidScript": "errors",
    "Lock": "model",
    "LockResult": "by_path",
    "NoHeader": "errors",
    "NotLocked": "errors",
    "Notice": "model",
    "Pin": "model",
    "Request": "resolve.request",
    "Resolution": "resolve.request",
    "Resolver": "resolve.request",
    "Script": "script",
    "ScriptlockError": "errors",
    "Settings": "settings",
    "StaleLock": "errors",
    "Target": "targets",
    "UncoveredHost": "errors",
    "check": "api",
    "embed": "script",
    "lock": "api",
    "lock_file": "by_path",
    "lock_files": "by_path",
    "parse": "script",
    "select": "targets",
    "strip_file": "by_path",
    "sync": "api",
    "sync_file": "by_path",
}

__all__ = [
    "Cache",
    "Choice",
    "EmptyEnvironment",
    "Environment",
    "Header",
    "Installer",
    "InvalidFooter",
    "InvalidScript",
    "Lock",
    "LockResult",
    "NoHeader",
    "NotLocked",
    "Notice",
    "Pin",
    "Request",
    "Resolution",
    "Resolver",
    "Script",
    "ScriptlockError",
    "Settings",
    "StaleLock",
    "Target",
    "UncoveredHost",
    "check",
    "embed",
    "lock",
    "lock_file",
    "lock_files",
    "parse",
    "select",
    "strip_file",
    "sync",
    "sync_file",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
