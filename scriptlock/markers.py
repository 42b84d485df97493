"""Markers (PEP 508) as people write them."""

from __future__ import annotations

from functools import lru_cache

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName


@lru_cache(maxsize=1024)  # the same few stand in most headers and footers
def read_marker(text: str) -> Marker:
    """Return the marker that the text is.

    :raises InvalidMarker: if it is none, or compares what cannot be compared, so that it is true nowhere.
    """
    try:
        marker = Marker(text)
        marker.evaluate()
    except RecursionError as error:
        raise InvalidMarker("nested too deeply") from error
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise InvalidMarker("its marker compares what cannot be compared") from error
    return marker
