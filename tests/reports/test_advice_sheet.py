"""One recommendation in words, as page and command line lay it out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reports import advice_sheet, views
from tests.reports.samples import advice


def row(evidence: dict[str, Any], **given: Any) -> views.Recommendation:
    values = advice(1, evidence=evidence, **given)
    names = views.Recommendation.__dataclass_fields__
    return views.Recommendation(**{name: values[name] for name in names if name in values})


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, "falls short in at most 1.2 % of hours"),
        ({"replay": {"hours": 336, "violation_minutes": 0}}, "falls short in at most 1.2 % of hours"),
        (
            {
                "replay": {
                    "tried": 4,
                    "wrong": 0,
                    "of": "checkpoints unread for 90 days",
                    "wrong_where": "read afterwards",
                }
            },
            "at most 1.2 % of checkpoints unread for 90 days read afterwards",
        ),
        ({"replay": {"hours": 720, "utilisation": 1.0}}, "not all of it is used in at most 1.2 % of hours"),
        ({"replay": {"hours": 336, "off": True}}, "it would be off while it works in at most 1.2 % of hours"),
        ({"hours_on": 50, "replay": {"hours": 336}}, "it would be off while it works in at most 1.2 % of hours"),
        ({"wait_minutes": 60}, "somebody waits for a start in at most 1.2 % of hours"),
        ({"replay": {"hours": 336, "outbid": 2}}, "spot costs more than on demand in at most 1.2 % of hours"),
    ],
)
def test_a_risk_says_what_its_bound_is_of(evidence: dict[str, Any], said: str) -> None:
    """A rule tried on checkpoints is tried on no hours; a commitment is too large where others are too small."""
    shown = dict(advice_sheet.facts(row(evidence, violation_bound=Decimal("0.0123"))))
    assert shown["Risk of acting"].replace("\u00a0", " ") == f"very low: {said} (95 % sure)"


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ("0.000012", "falls short in less than 0.1 % of hours (95 % sure)"),
        ("0.0005", "falls short in less than 0.1 % of hours (95 % sure)"),
        ("0.0006", "falls short in at most 0.1 % of hours (95 % sure)"),
        ("0", "falls short in at most 0.0 % of hours (95 % sure)"),
    ],
)
def test_a_bound_is_not_rounded_to_none(bound: str, said: str) -> None:
    shown = dict(advice_sheet.facts(row({}, violation_bound=Decimal(bound))))
    assert shown["Risk of acting"].replace("\u00a0", " ") == f"very low: {said}"


def test_what_is_reckoned_of_interruptions_is_no_bound_of_a_replay() -> None:
    """Replicas on spot whose prices were not collected: nothing was tried on history."""
    evidence = {"shortfall": 0.0123, "replay_none_because": "the market's prices were not collected"}
    shown = dict(advice_sheet.facts(row(evidence, violation_bound=Decimal("0.0123"))))
    assert shown["Risk of acting"] == "very low: by the market's interruptions too few are there 1.2 % of the time"


@pytest.mark.parametrize(
    ("evidence", "ends", "said"),
    [
        (
            {"range_from": "the weeks of the bill"},
            ("80", "95"),
            "80.00 – 95.00 USD a month, as likely above as below 90.00 (P50)",
        ),
        ({"range_from": "none: its weeks do not differ"}, (None, None), "no range: its weeks do not differ"),
        ({"range_from": "none: its weeks do not differ"}, ("90", "90"), "no range: its weeks do not differ"),
        ({}, (None, None), "– (no range is known)"),
    ],
)
def test_a_saving_without_a_range_says_why(
    evidence: dict[str, Any], ends: tuple[str | None, str | None], said: str
) -> None:
    p10, p90 = (None if end is None else Decimal(end) for end in ends)
    shown = dict(advice_sheet.savings(row(evidence, saving_p10=p10, saving_p90=p90)))
    assert shown["Likely between (P10, P90)"] == said
