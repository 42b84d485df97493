from __future__ import annotations

from datetime import timedelta

import pytest

from scriptlock.cli.quantities import read_age, read_size, show_age, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("1.5k", 1500),
        ("5GB", 5_000_000_000),
        ("5GiB", 5 * 1024**3),
        ("1 TiB", 1024**4),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "5XB", "5iB", "GB", "1e3", "٣", "5GBs"])
def test_another_text_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("0h", timedelta()),
        ("12h", timedelta(hours=12)),
        (" 30d", timedelta(days=30)),
        ("2 w", timedelta(weeks=2)),
    ],
)
def test_an_age_is_read_as_people_write_it(text: str, age: timedelta) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "-3d", "d", "1y", "1.5d", "٣d", "30 days", "999999d"])
def test_another_text_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="is no age"):
        read_age(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (34_240_000, "34.2 MB"),
        (999_960_000, "1.0 GB"),
        (5 * 10**12, "5.0 TB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_a_size_is_shown_in_the_unit_that_fits(size: int, text: str) -> None:
    assert show_size(size) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=119), "1 hour ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(days=1, hours=23), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_an_age_is_shown_roughly(age: timedelta, text: str) -> None:
    assert show_age(age) == text
