"""Ages and sizes, as people write and read them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(?P<count>[0-9]{1,5}) ?(?P<unit>[hdw])")
_POWERS = "kMGT"
_SIZE = re.compile(rf"(?P<count>[0-9]+(\.[0-9]+)?) ?((?P<unit>[{_POWERS}])(?P<binary>i?))?B?", re.IGNORECASE)


def read_age(text: str) -> timedelta:
    """Return the time that ``30d``, ``12h`` or ``2w`` means.

    :raises ValueError: if it means none.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no age; write 30d, 12h or 2w, say")
    return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


def read_size(text: str) -> int:
    """Return the number of bytes that ``500MB``, ``5GB`` or ``5GiB`` means.

    :raises ValueError: if it means none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size; write 500MB, 5GB or 5GiB, say")
    step = 1024 if found["binary"] else 1000
    power = _POWERS.lower().index(found["unit"].lower()) + 1 if found["unit"] else 0
    return int(float(found["count"]) * step**power)


def show_size(size: int) -> str:
    """Return a number of bytes in the unit that makes it easy to read: 1 GB is 1000 MB."""
    if size < 1000:  # noqa: PLR2004 - as the docstring says
        return f"{size} B"
    number, power = size / 1000, 0
    while number >= 999.95 and power < len(_POWERS) - 1:  # noqa: PLR2004 - would be shown as 1000.0
        number, power = number / 1000, power + 1
    return f"{number:.1f} {_POWERS[power]}B"


def show_age(age: timedelta) -> str:
    """Return roughly how long ago something was."""
    minutes = max(int(age.total_seconds()), 0) // 60  # clocks are set back, too
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if count := minutes // length:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
