"""What can go wrong, as values: facts are attributes, ``str()`` is one sentence, ``hint`` what to do next."""

from __future__ import annotations

from typing import ClassVar


class ScriptlockError(Exception):
    """The root of everything scriptlock raises on purpose; whatever else escapes is a bug."""

    exit_code: ClassVar[int] = 2
    """What the command exits with when this ends it."""
    hint: str | None = None
    """What to do next, one clause without a full stop, or None."""
    line: int | None = None
    """The 1-based line of the script that the sentence is about, or None."""


class InvalidScript(ScriptlockError):
    """The text is not a script that can be read, or safely be written to."""

    def __init__(self, reason: str, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(reason, line, hint)
        self.reason, self.line, self.hint = reason, line, hint

    def __str__(self) -> str:
        return self.reason


class InvalidFooter(InvalidScript):
    """There is a footer, but it does not follow docs/format.md, or it was changed by hand."""


class NoHeader(ScriptlockError):
    """The script declares nothing: it has no PEP 723 header."""

    hint = "add a `# /// script` block with `dependencies = [...]`, closed by `# ///`"

    def __str__(self) -> str:
        return "there is no `# /// script` header to lock"


class NotLocked(ScriptlockError):
    """The script has no footer where one is needed."""

    hint = "run `scriptlock lock` to write one"

    def __str__(self) -> str:
        return "the script carries no lock"


class NotCached(ScriptlockError):
    """The cache keeps no lock for the script as it is now."""

    hint = "run the script once, or lock it without --from-cache"

    def __str__(self) -> str:
        return "the cache keeps no lock for this header and Python"


class StaleLock(ScriptlockError):
    """The footer was written for other dependencies than the script now declares."""

    hint = "run `scriptlock lock` to refresh the pins"

    def __init__(self, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        super().__init__(added, removed)  # args are the facts, so the error still pickles
        self.added, self.removed = added, removed

    def __str__(self) -> str:
        changes = [f"+{r}" for r in self.added] + [f"-{r}" for r in self.removed]
        if not changes:
            return "the header changed since locking"
        return f"dependencies changed since locking: {' '.join(changes)}"


class UncoveredHost(ScriptlockError):
    """The lock covers other platforms or Pythons than the ones at hand."""

    hint = "run `scriptlock lock` here to lock it for this one, too"

    def __init__(self, host: str, environments: tuple[str, ...]) -> None:
        super().__init__(host, environments)
        self.host, self.environments = host, environments

    def __str__(self) -> str:
        return f"the lock does not cover {self.host}; it covers {'; '.join(self.environments)}"


class ResolutionError(ScriptlockError):
    """The index holds no set of packages that fits the header."""

    def __init__(self, reason: str, requirements: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(reason, requirements, hint)
        self.reason, self.hint = reason, hint
        self.requirements = requirements
        """The requirements involved, as texts; those of the header can be found there by line."""

    def __str__(self) -> str:
        return self.reason


class UnknownPackage(ResolutionError):
    """No index knows the name."""


class ConflictingRequirements(ResolutionError):
    """Two or more requirements exclude each other; the reason says who wants what."""


class NoMatchingVersion(ResolutionError):
    """The name exists, but no version of it satisfies the requirement."""


class NoCompatibleWheel(ResolutionError):
    """A version fits, but it offers no wheel for the target."""


class PythonExcluded(ResolutionError):
    """Every version that fits asks for another Python than the target's."""


class IndexUnreachable(ResolutionError):
    """An index did not answer, or git cannot get a repository, so nothing can be said about what it holds."""


class Offline(ScriptlockError):
    """Something is missing that only the network could bring, and the network is not to be used."""

    hint = "run once without --offline (or without SCRIPTLOCK_OFFLINE)"

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return f"offline, and {self.missing}"


class FetchError(ScriptlockError):
    """A script could not be fetched from its URL."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason


class ToolError(ScriptlockError):
    """A program or library that scriptlock drives is missing, too old or too new, or failed by itself."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason


class NoInterpreter(ScriptlockError):
    """No Python that was found fits."""

    def __init__(self, wanted: str, found: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__(wanted, found, hint)
        self.wanted, self.found = wanted, found
        self.hint = hint or "install one that fits, or name one with --python"

    def __str__(self) -> str:
        return f"no Python found for {self.wanted}; found: {', '.join(self.found) or 'none'}"


class InstallError(ScriptlockError):
    """The pinned wheels could not be installed into the environment."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason


class CacheError(ScriptlockError):
    """The cache folder cannot be used safely."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason


class EnvironmentBusy(ScriptlockError):
    """Somebody else has been doing what must not be done twice at once for longer than we wait."""

    exit_code = 4
    hint = "try again, or raise SCRIPTLOCK_LOCK_TIMEOUT (seconds)"

    def __init__(self, seconds: float, holder: int | None, work: str) -> None:
        super().__init__(seconds, holder, work)
        self.seconds, self.holder, self.work = seconds, holder, work

    def __str__(self) -> str:
        who = f"process {self.holder}" if self.holder else "another process"
        return f"waited {self.seconds:.0f} s for {who} to finish {self.work}"


class LauncherError(ScriptlockError):
    """A script cannot be made a command, or a command is none of ours."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason


class ScriptChanged(ScriptlockError):
    """Somebody edited the script while it was being locked; their edit was kept and ours was not written."""

    exit_code = 3
    hint = "run the command again"

    def __str__(self) -> str:
        return "the file changed while it was being worked on; nothing was written"


class FileTrouble(ScriptlockError):
    """The operating system refused to read or write a file."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason, hint)
        self.reason, self.hint = reason, hint

    def __str__(self) -> str:
        return self.reason
