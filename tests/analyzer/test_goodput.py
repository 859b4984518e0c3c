"""Requests within a latency target, failures and reasoning, beside what is paid: by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from reports import views
from reports.views import UnitCost, Window
from tests.analyzer.conftest import Ledger

D = Decimal
TARGETS = [{"model": "chat*", "latency_ms": 1000}]


def served(ledger: Ledger, **settings: object) -> UnitCost:
    ledger.attribute(**settings)
    with ledger.store.engine.connect() as connection:
        (row,) = views.unit_costs(connection, Window(date(2026, 10, 5), date(2026, 10, 6)), basis="allocation").rows
    return row


def test_goodput_is_at_least_what_the_percentiles_prove(ledger: Ledger) -> None:
    """100 all fast, 200 with 95 % fast, 400 with half fast, 300 slow: at least 100 + 190 + 200 = 490 good for 49."""
    ledger.charge("2026-10-05", "49", resource_id="ep")
    for hour, (requests, p50, p95) in enumerate(
        ((100, 300, 300), (200, 300, 900), (400, 900, 5000), (300, 2000, 9000))
    ):
        ledger.usage(
            {"requests": requests}, alias="ep", model="chat-1", hour=hour, latency_p50_ms=p50, latency_p95_ms=p95
        )
    row = served(ledger, latency_target=TARGETS)
    assert (row.requests, row.good_requests) == (D(1000), D(490))
    assert (row.cost_per_1k_requests, row.cost_per_1k_good_requests) == (D(49), D(100))


@pytest.mark.parametrize(
    ("latency", "targets"),
    [
        ({}, TARGETS),
        ({"latency_p50_ms": 5}, TARGETS),
        ({"latency_p50_ms": 5, "latency_p95_ms": 5}, [{"model": "rank", "latency_ms": 1000}]),
        ({}, []),
    ],
)
def test_requests_without_percentiles_or_target_are_not_judged(
    ledger: Ledger, latency: dict[str, int], targets: list[object]
) -> None:
    ledger.charge("2026-10-05", "49", resource_id="ep")
    ledger.usage({"requests": 100}, alias="ep", model="chat-1", **latency)
    row = served(ledger, latency_target=targets)
    assert (row.requests, row.good_requests, row.cost_per_1k_good_requests) == (D(100), None, None)


def test_a_part_that_was_judged_does_not_stand_for_all(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "49", resource_id="ep")
    ledger.usage({"requests": 90}, alias="ep", model="chat", hour=1, latency_p50_ms=1, latency_p95_ms=1)
    ledger.usage({"requests": 10}, alias="ep", model="chat", hour=2)
    assert served(ledger, latency_target=TARGETS).good_requests is None


def test_failures_and_reasoning_stand_beside_and_divide_nothing(ledger: Ledger) -> None:
    """Output carries 2.5 × 4 M of 2.5 × 4 M + 10 M: half of 40; a quarter of the output is reasoning: 5."""
    ledger.charge("2026-10-05", "40", resource_id="ep")
    ledger.usage(
        {"requests": 80, "failed_requests": 20, "input": 10_000_000, "output": 4_000_000, "reasoning": 1_000_000},
        alias="ep",
        model="chat",
    )
    row = served(ledger)
    assert (row.requests, row.failed_requests, row.cost_per_1k_requests) == (D(80), D(20), D(500))
    assert (row.output_tokens, row.reasoning_tokens, row.reasoning_cost) == (D(4_000_000), D(1_000_000), D(5))
    assert (row.cost_per_1m_output_tokens, row.cost_per_1m_reasoning_tokens) == (D(5), D(5))
    assert row.cost_per_1m_tokens == round(D(40) / 14, 12)


def test_a_target_is_part_of_what_a_month_is_analyzed_from(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "49", resource_id="ep")
    ledger.usage({"requests": 100}, alias="ep", model="chat", latency_p50_ms=5, latency_p95_ms=5)
    assert served(ledger).good_requests is None
    assert served(ledger, latency_target=TARGETS).good_requests == D(100)
