"""How long answers count, as their headers tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptlock.resolve.freshness import lifetime, validators

NOW, SOON = "Fri, 20 Nov 2026 08:00:00 GMT", "Fri, 20 Nov 2026 08:00:30 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=600, public"}, 600),
        ({"Cache-Control": "public,MAX-AGE = 60"}, 60),
        ({"Cache-Control": 'max-age="60"'}, 60),
        ({"Cache-Control": "max-age=600", "Age": "590"}, 10),
        ({"Cache-Control": "max-age=600", "Age": "601"}, 0),
        ({"Cache-Control": "max-age=600", "Age": "old"}, 600),
        ({"Cache-Control": "max-age=600", "Age": "599, 0"}, 1),
        ({"Date": NOW, "Expires": SOON, "Age": "29"}, 1),
        ({"Date": NOW, "Expires": SOON, "Age": "31"}, 0),
        ({"Cache-Control": "max-age=60", "Date": NOW, "Expires": NOW}, 60),
        ({"Cache-Control": "no-cache"}, 0),
        ({"Cache-Control": "max-age=600, no-cache"}, 0),
        ({"Cache-Control": "private, max-age=60"}, 60),
        ({"Cache-Control": "public", "Date": NOW, "Expires": SOON}, 30),
        ({"Date": NOW, "Expires": SOON}, 30),
        ({"Date": SOON, "Expires": NOW}, 0),
        ({"Cache-Control": f"max-age={'9' * 5000}"}, 2**31),
        ({"Vary": "Accept", "Cache-Control": "max-age=60"}, 60),
    ],
)
def test_an_answer_counts_as_long_as_it_says(headers: Mapping[str, str], seconds: float) -> None:
    assert lifetime(headers) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Last-Modified": NOW},
        {"Date": NOW},
        {"Expires": SOON},
        {"Date": NOW, "Expires": "0"},
        {"Date": NOW, "Expires": f"Fri, 20 Nov {'9' * 20} 08:00:00 GMT"},
        {"Date": "today", "Expires": SOON},
        {"Date": "Fri, 20 Nov 2026 08:00:00 -0000", "Expires": SOON},
        {"Cache-Control": "max-age"},
        {"Cache-Control": "max-age=-1"},
        {"Cache-Control": "max-age=²"},
        {"Cache-Control": "max-age=1.5"},
        {"Cache-Control": "s-maxage=60"},
        {"Cache-Control": ",;=,"},
    ],
)
def test_an_answer_that_does_not_say_how_long_it_counts_has_to_be_asked_for_again(
    headers: Mapping[str, str],
) -> None:
    assert lifetime(headers) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-store"},
        {"Cache-Control": "max-age=600, No-Store"},
        {"Cache-Control": "max-age=600", "Vary": " * "},
    ],
)
def test_an_answer_that_is_for_once_is_not_kept(headers: Mapping[str, str]) -> None:
    assert lifetime(headers) is None


@given(
    st.dictionaries(
        st.sampled_from(["Cache-Control", "Vary", "Age", "Date", "Expires"]),
        st.one_of(
            st.text(),
            st.integers().map("max-age={}".format),
            st.integers().map(str),
            st.just(NOW),
            st.just(SOON),
        ),
    )
)
def test_headers_that_make_no_sense_are_nobodys_trouble(headers: dict[str, str]) -> None:
    seconds = lifetime(headers)

    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("headers", "asking"),
    [
        ({}, {}),
        ({"ETag": '"1"', "Content-Type": "text/html"}, {"If-None-Match": '"1"'}),
        ({"Last-Modified": NOW}, {"If-Modified-Since": NOW}),
        (
            {"ETag": 'W/"1"', "Last-Modified": NOW},
            {"If-None-Match": 'W/"1"', "If-Modified-Since": NOW},
        ),
    ],
)
def test_what_tells_the_state_of_a_page_is_asked_back(
    headers: Mapping[str, str], asking: dict[str, str]
) -> None:
    assert validators(headers) == asking
