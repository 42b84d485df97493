"""Which of several wheels an interpreter would rather have."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename
from packaging.version import Version


class Preference:
    """An interpreter's taste in wheels.

    :param tags: those it accepts (PEP 425), the most preferred first.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self._places = {tag: place for place, tag in reversed(list(enumerate(tags)))}

    def rank(self, filename: str, name: NormalizedName, version: Version) -> tuple[object, ...] | None:
        """Return how late a wheel comes: compare it with others; None if it is for something else.

        As pip has it, tags count more than the build number.
        """
        try:
            *named, build, tags = parse_wheel_filename(filename)
        except InvalidWheelFilename:
            return None
        places = [self._places[str(tag)] for tag in tags if str(tag) in self._places]
        if named != [name, version] or not places:
            return None
        number, suffix = build or (-1, "")
        return min(places), -number, suffix
