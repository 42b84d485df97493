"""What an interpreter says of itself.

Imported by the interpreter that runs scriptlock, and run as a program by every other one, the oldest
of which is 3.9; the standard library and a packaging are all it may import.
"""

from __future__ import annotations

import json
import sys
import sysconfig


def describe() -> dict[str, object]:
    """Return the PEP 508 variables, the wheel tags, the most preferred first, the ABI and the platform."""
    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    return {
        "markers": default_environment(),
        "tags": [str(tag) for tag in sys_tags()],
        "abi": sysconfig.get_config_var("SOABI") or getattr(sys, "abiflags", ""),
        "platform": sysconfig.get_platform(),
    }


if __name__ == "__main__":  # pragma: no cover - only where nothing else can be imported, coverage included
    # Behind the standard library, which nothing that stands beside packaging may replace.
    sys.path.append(sys.argv[1])
    print(json.dumps(describe()))  # noqa: T201 - the answer, to the process that asked
