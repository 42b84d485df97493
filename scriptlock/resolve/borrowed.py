"""What the worker borrows from pip and pip-tools: all of it, looked up in one place.

Neither of the two promises these names to anybody. When a release moves one, the person who has
that release reads one sentence about it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

from scriptlock.errors import ToolError
from scriptlock.resolve import certificates

WORKS_WITH = "scriptlock works with pip >= 26 and pip-tools >= 7.6.1"
INDEXES = "pip._internal.cli.index_command:IndexGroupCommand"
INSTALL = "pip._internal.commands.install:InstallCommand"
PREPARE = "pip._internal.operations.prepare"
COLLECTOR = "pip._internal.index.collector"
PYTHON = "pip._internal.models.target_python:TargetPython"
SDIST = "pip._internal.distributions.sdist:SourceDistribution"
SOLVER = "pip._internal.resolution.resolvelib"

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "version": "pip:__version__",
        "create_command": "pip._internal.commands:create_command",
        "IndexGroupCommand": INDEXES,
        "build_session": f"{INDEXES}._build_session",
        "make_option_group": "pip._internal.cli.cmdoptions:make_option_group",
        "index_group": "pip._internal.cli.cmdoptions:index_group",
        "build_package_finder": f"{INSTALL}._build_package_finder",
        "make_resolver": f"{INSTALL}.make_resolver",
        "install_req_from_line": "pip._internal.req.constructors:install_req_from_line",
        "networking": "pip._internal.network.session:",
        "user_agent": "pip._internal.network.session:user_agent",
        "update_index_urls": "pip._internal.network.session:PipSession.update_index_urls",
        "is_secure_origin": "pip._internal.network.session:PipSession.is_secure_origin",
        "is_direct": "pip._internal.req.req_install:InstallRequirement.is_direct",
        "iter_dependencies": "pip._internal.metadata.base:BaseDistribution.iter_dependencies",
        "iter_provided_extras": "pip._internal.metadata.base:BaseDistribution.iter_provided_extras",
        "collect_sources": f"{COLLECTOR}:LinkCollector.collect_sources",
        "fetch_response": f"{COLLECTOR}:LinkCollector.fetch_response",
        "create_collector": f"{COLLECTOR}:LinkCollector.create",
        "parse_links": f"{COLLECTOR}:parse_links",
        "valid_tags": f"{PYTHON}._valid_tags",
        "valid_tags_set": f"{PYTHON}._valid_tags_set",
        "TargetPython": PYTHON,
        "Tag": "pip._vendor.packaging.tags:Tag",
        "Requirement": "pip._vendor.packaging.requirements:Requirement",
        "Version": "pip._vendor.packaging.version:Version",
        "markers": "pip._vendor.packaging.markers:",
        "default_environment": "pip._vendor.packaging.markers:default_environment",
        "link_hashes": "pip._internal.models.link:Link._hashes",
        "Link": "pip._internal.models.link:Link",
        "links": "pip._internal.models.link:",
        "links_read_time": "pip._internal.models.link:parse_iso_datetime",
        "read_time": "pip._internal.utils.datetime:parse_iso_datetime",
        "InstallationCandidate": "pip._internal.models.candidate:InstallationCandidate",
        "ExtrasCandidate": f"{SOLVER}.candidates:ExtrasCandidate",
        "RequiresPythonRequirement": f"{SOLVER}.requirements:RequiresPythonRequirement",
        "resolution": "pip._vendor.resolvelib.resolvers.resolution:",
        "has_route_to_root": "pip._vendor.resolvelib.resolvers.resolution:_has_route_to_root",
        "ResolutionImpossible": "pip._vendor.resolvelib:ResolutionImpossible",
        "Response": "pip._vendor.requests.models:Response",
        "responses": "pip._vendor.requests.models:",
        "block_size": "pip._vendor.requests.models:CONTENT_CHUNK_SIZE",
        "requesting": "pip._vendor.requests.sessions:",
        "get_environ_proxies": "pip._vendor.requests.utils:get_environ_proxies",
        "RequestException": "pip._vendor.requests.exceptions:RequestException",
        "HTTPError": "pip._vendor.urllib3.exceptions:HTTPError",
        "PipError": "pip._internal.exceptions:PipError",
        "BadMetadata": "pip._internal.metadata.importlib._compat:BadMetadata",
        "HashMismatch": "pip._internal.exceptions:HashMismatch",
        "UnsupportedWheel": "pip._internal.exceptions:UnsupportedWheel",
        "SourceDistribution": SDIST,
        "prepare_distribution_metadata": f"{SDIST}.prepare_distribution_metadata",
        "preparing": f"{PREPARE}:",
        "Distribution": "pip._internal.metadata.importlib:Distribution",
        "File": f"{PREPARE}:File",
        "get_http_url": f"{PREPARE}:get_http_url",
        "fetch_lazily": f"{PREPARE}:RequirementPreparer._fetch_metadata_using_lazy_wheel",
        "LazyZipOverHTTP": "pip._internal.network.lazy_wheel:LazyZipOverHTTP",
        "HTTPRangeRequestUnsupported": "pip._internal.network.lazy_wheel:HTTPRangeRequestUnsupported",
        "unpack_vcs_link": f"{PREPARE}:unpack_vcs_link",
        "get_metadata_distribution": f"{PREPARE}:get_metadata_distribution",
        "BacktrackingResolver": "piptools.resolver:BacktrackingResolver",
    }
)
"""Where each is found, as ``module:attribute.attribute``."""
REACHING = tuple(
    "IndexGroupCommand Link PipError RequestException Requirement Response build_session collect_sources "
    "block_size create_collector fetch_response get_environ_proxies index_group is_secure_origin "
    "link_hashes make_option_group links links_read_time networking parse_links read_time requesting "
    "responses update_index_urls user_agent version HTTPError".split()
)
"""Those that are enough to ask indexes; they alone are imported in half the time."""


UNUSED = (
    *(
        f"pip._vendor.rich.{name}"  # would draw what it does, and errors
        for name in "console highlighter live logging markup measure progress segment style text theme "
        "traceback".split()
    ),
    "pip._vendor.pkg_resources",  # would look for what is installed
    "pip._vendor.packaging.pylock",  # would read lock files
)
"""What pip and pip-tools import for what hardly ever happens in a worker; a sixth of all that they import."""


class Borrowed(SimpleNamespace):
    """Functions and classes of pip and pip-tools, under the keys of :data:`NAMES`."""


class _Unused(ModuleType):
    """Has whatever is imported from it, and makes room for the real module when somebody uses that."""

    def __getattr__(self, name: str) -> _Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(name, (), {"stands_for": (self.__name__, name)})


class _Name(type):
    """What can be imported and inherited from in the place of a function or class, and called."""

    stands_for: tuple[str, str]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._real()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._real(), name)

    def _real(cls) -> Any:
        for name in UNUSED:  # they use each other
            if isinstance(sys.modules.get(name), _Unused):
                del sys.modules[name]
        module, name = cls.stands_for
        return getattr(import_module(module), name)


class _Vendored(MetaPathFinder, Loader):
    """Finds packaging in the copy of it that pip brings along."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname.partition(".")[0] == "packaging":
            with suppress(ImportError):
                import_module(f"pip._vendor.{fullname}")
                return ModuleSpec(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(f"pip._vendor.{module.__name__}")


def leave_out() -> None:
    """Load what is hardly ever used only once it is, in this process, and packaging once, from pip.

    To load packaging a second time takes as long as an index takes to answer.
    """
    for name in UNUSED:
        sys.modules.setdefault(name, _Unused(name))
    sys.meta_path.insert(0, _Vendored())


def borrow(names: Mapping[str, str] = NAMES) -> Borrowed:
    """Import pip and pip-tools and return what is needed of them.

    :raises ToolError: if one of the two is missing, or has moved a name; it says which.
    """
    certificates.share()
    return Borrowed(**{name: _find(path) for name, path in names.items()})


def borrow_for_indexes(names: Mapping[str, str] = NAMES) -> Borrowed:
    """Return what :func:`borrow` does, but only what is needed to ask indexes.

    :raises ToolError: as :func:`borrow`.
    """
    return borrow({name: names[name] for name in REACHING})


def moved(name: str) -> ToolError:
    """Return the error to raise when a name is not where it was."""
    versions = " / ".join(f"{tool} {_version(tool)}" for tool in ("pip", "pip-tools"))
    return ToolError(f"this {versions} moved {name}; {WORKS_WITH}", "upgrade scriptlock, pip and pip-tools")


def _find(path: str) -> Any:
    module, _, attributes = path.partition(":")
    try:
        found: Any = import_module(module)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        for tool in ("pip", "pip-tools"):
            if _version(tool) is None:
                raise ToolError(f"{tool} is not installed; {WORKS_WITH}", f"install {tool}") from error
        raise moved(path.rstrip(":").replace(":", ".")) from error
    return found


def _version(tool: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(tool)
    except PackageNotFoundError:
        return None
