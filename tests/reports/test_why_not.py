"""Why there is no advice: the reason that matters of each resource, and what is not measured."""

from __future__ import annotations

from decimal import Decimal

from reports.advice_words import payback_line, unmeasured_line
from reports.views import Undecided, WhyNot, undecided, unmeasured
from tests.reports.samples import NOW


def reason(resource: str, kind: str, why: str, cost: str | None = "100", currency: str = "USD") -> WhyNot:
    known = None if cost is None else Decimal(cost)
    return WhyNot(resource, kind, why, f"{why} of {resource}.", known, currency, NOW, None, "aws")


def test_what_is_not_measured_decides_then_whether_it_is_idle_then_the_first_kind() -> None:
    found = undecided(
        [
            reason("i-1", "schedule", "telemetry_missing"),
            reason("i-1", "rightsize", "telemetry_grade"),
            reason("i-1", "stop_idle", "busy"),
            reason("i-2", "schedule", "always_needed", None),
            reason("i-2", "stop_idle", "busy", "70"),
            reason("tokens:1/eu/gpt-4o/it/standard", "route", "not_set"),
            reason("i-1", "stop_idle", "off", currency="EUR"),
        ]
    )

    assert [(one.decides.resource_id, one.decides.kind, one.decides.reason) for one in found] == [
        ("i-1", "rightsize", "telemetry_grade"),
        ("i-2", "stop_idle", "busy"),
        ("tokens:1/eu/gpt-4o/it/standard", "route", "not_set"),
        ("i-1", "stop_idle", "off"),
    ]
    assert [len(one.others) for one in found] == [2, 1, 0, 0]
    assert found[1].monthly_cost == Decimal(70)


def test_what_is_not_measured_is_summed_up_by_reason_and_currency() -> None:
    """Two machines of 8,400 together; a service costs what its machines do and is not added."""
    rows = [
        reason("i-1", "stop_idle", "telemetry_missing", "8000"),
        reason("i-2", "stop_idle", "telemetry_missing", "400"),
        reason("i-3", "stop_idle", "telemetry_stale", None),
        reason("i-4", "stop_idle", "busy", "9000"),
    ]
    service = WhyNot("service:1/r/m/s", "consolidate", "telemetry_missing", "x", Decimal(9), "USD", NOW, billed=False)
    found = unmeasured([*undecided(rows), Undecided(service, ())])

    assert [unmeasured_line(one) for one in found] == [
        "2 resources, 8,400.00 USD a month, have too little utilization to judge by. The costliest, i-1: "
        "telemetry_missing of i-1.",
        "1 resource, of unknown cost, has utilization that is too old: telemetry_stale of i-3.",
    ]


def test_what_pays_back_too_late_is_counted() -> None:
    rows = [reason("i-1", "relocate", "payback"), reason("i-2", "stop_idle", "busy")]
    line = payback_line(rows, "USD")
    assert line is not None
    assert line.startswith("Not proposed: 1 would take longer to pay back")
    assert payback_line(rows, "EUR") is None
