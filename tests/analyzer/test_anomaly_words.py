"""What is said of an anomaly: parts of a change are shares of it where they can be, else amounts with their sign."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.cli.anomalies import _called as decided
from analyzer.anomaly_drivers import DIMENSIONS, taken_apart
from analyzer.anomaly_found import Found
from analyzer.anomaly_words import explanation
from dashboard.watch import _called, _part
from reports.views import AnomalyFound

D = Decimal


def _found(changes: dict[str, str], *, actual: str = "400", expected: str = "300", **words: str) -> Found:
    """Service Bedrock, its change taken apart by model; account, team and the rest are alike in all of it."""
    cells = []
    for model, change in changes.items():
        values = {"provider": "aws", "account": "prod", "service": "Bedrock", "model": model} | words
        cells.append((tuple(values.get(name) for name in DIMENSIONS), D(change)))
    day = date(2026, 11, 3)
    kind = "rise" if D(actual) > D(expected) else "drop"
    return Found(
        kind, "service", "Bedrock", "USD", day, day, False, D(actual), D(expected), 5.0, taken_apart(cells)
    )  # fmt: skip


def test_a_part_within_the_change_is_a_share_of_it() -> None:
    assert explanation(_found({"chat": "75", "rank": "25"}, team="search")) == (
        "Service Bedrock cost 400.00 USD on 2026-11-03, 300.00 expected. "
        "Largest parts of the change: chat (75 %), search (100 %)."
    )


def test_a_part_beyond_the_change_is_an_amount_and_so_is_what_offsets_it() -> None:
    assert explanation(_found({"chat": "130", "rank": "-30"})) == (
        "Service Bedrock cost 400.00 USD on 2026-11-03, 300.00 expected. "
        "Largest parts of the change: chat (+130.00, -30.00 elsewhere)."
    )


def test_a_fall_is_told_with_its_signs() -> None:
    assert explanation(_found({"chat": "-1300", "rank": "100"}, actual="100", expected="1300")).endswith(
        "Largest parts of the change: chat (-1,300.00, +100.00 elsewhere)."
    )


def test_what_is_offset_by_less_than_half_a_cent_is_all_of_it() -> None:
    assert explanation(_found({"chat": "130", "rank": "-0.004"})).endswith("chat (100 %).")


def test_what_is_behind_a_change_the_other_way_is_not_behind_this_one() -> None:
    """Costlier than its trend, and yet 20 less than the weeks before: nothing of that made it rise."""
    assert explanation(_found({"chat": "-20"})) == "Service Bedrock cost 400.00 USD on 2026-11-03, 300.00 expected."


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        ("400", "0.000012345678", "cost 400.00 USD on 2026-11-03, less than a cent expected."),
        ("0.000012345678", "400", "cost less than a cent (USD) on 2026-11-03, 400.00 expected."),
        ("-0.001", "30", "cost less than a cent below zero (USD) on 2026-11-03, 30.00 expected."),
        ("-12.3456789", "30", "cost -12.35 USD on 2026-11-03, 30.00 expected."),
        ("1" + "0" * 24 + ".005", "0", "cost 1,000,000,000,000,000,000,000,000.00 USD on 2026-11-03, 0.00 expected."),
    ],
)
def test_no_amount_has_more_than_cents(actual: str, expected: str, says: str) -> None:
    found = replace(_found({}, actual=actual, expected=expected), drivers=None)
    assert explanation(found) == f"Service Bedrock {says}"


def test_first_spend_and_a_price_are_told_in_cents_too() -> None:
    small = replace(_found({}, actual="0.0042", expected="0.0041"), drivers=None)
    assert explanation(replace(small, kind="new", expected=D(0))) == (
        "First spend on service Bedrock: less than a cent (USD) on 2026-11-03."
    )
    assert explanation(replace(small, kind="new")) == (
        "First spend on service Bedrock: less than a cent (USD) on 2026-11-03, "
        "less than a cent of it in place of what ended then."
    )
    assert explanation(replace(small, kind="rate")) == (
        "SKU Bedrock cost less than a cent (USD) on 2026-11-03, "
        "less than a cent at the usual price per unit of the weeks before."
    )


_AMOUNTS = st.decimals(-(10**15), 10**15, places=12) | st.decimals("-0.01", "0.01", places=12)


@given(_AMOUNTS, _AMOUNTS, st.dictionaries(st.sampled_from("abc"), _AMOUNTS, min_size=1))
def test_whatever_the_amounts_a_sentence_has_no_part_of_a_cent(actual: D, expected: D, changes: dict[str, D]) -> None:
    words = explanation(
        _found(
            {name: f"{change:f}" for name, change in changes.items()}, actual=f"{actual:f}", expected=f"{expected:f}"
        )
    )
    assert not re.search(r"\.\d{3}|[-+]0\.00\b|E[-+]\d", words), words


@given(st.dictionaries(st.sampled_from("abcdef"), st.decimals(-999, 999, places=2), min_size=1))
def test_no_share_is_above_all_of_it(changes: dict[str, Decimal]) -> None:
    words = explanation(_found({name: str(change) for name, change in changes.items()}))
    assert all(0 < int(share) <= 100 for share in re.findall(r"(\d+)%", words))


def test_a_page_says_the_amount_of_a_resource_beyond_the_change() -> None:
    shared = dict.fromkeys((one.name for one in fields(AnomalyFound)), None)
    rows = (("0.9", "90"), ("1.3", "130"), ("1.3", None), (None, None))
    parts = [
        _part(AnomalyFound(**shared | {"resource_share": share and D(share), "resource_change": change and D(change)}))  # type: ignore[arg-type]
        for share, change in rows
    ]
    assert parts == ["90 % of it: ", "+130.00, partly offset elsewhere: ", "100 % of it: ", ""]


def test_all_spend_has_a_name_and_no_value() -> None:
    """Where a cut has values, none of them is one that is not known."""
    nothing = dict.fromkeys((one.name for one in fields(AnomalyFound)), None)
    named = {("ai", None): "all AI spend", ("all", None): "all spend", ("team", None): "no team known"}
    for (cut, value), words in named.items():
        assert _called(AnomalyFound(**nothing | {"cut": cut, "value": value})) == words  # type: ignore[arg-type]
    assert [decided("ai", None), decided("team", None), decided("team", "it")] == [
        "all AI spend",
        "team not known",
        "team it",
    ]
