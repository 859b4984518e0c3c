"""What pages write: names as they are, long ones shortened, evidence in words with units."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import layout, models
from reports import evidence
from reports.advice_columns import EVIDENCE
from reports.formats import saving_range
from reports.views import Basis, Costs, Spend, SpendQuery, SpendRow, SpendTotal, UnitCost


@pytest.mark.parametrize(
    ("resource_id", "shown"),
    [
        ("i-0abc", "i-0abc"),
        ("arn:aws:sagemaker:us-east-1:222:endpoint/sentiment-v1", "sentiment-v1"),
        ("/subscriptions/x/virtualmachines/vm-01/", "vm-01"),
        ("a" * 20 + "b" * 20, "a" * 17 + "…" + "b" * 16),
    ],
)
def test_a_resource_is_called_by_the_end_of_its_id(resource_id: str, shown: str) -> None:
    assert layout.shortened(resource_id) == shown
    assert layout.resource(None, resource_id) == layout.Lines(shown, "", resource_id)


def test_a_resource_with_a_name_is_called_by_it_and_its_id_stands_below() -> None:
    arn = "arn:aws:sagemaker:us-east-1:222:endpoint/sentiment-v1"

    assert layout.resource("moe-scratch", "i-0abc") == layout.Lines("moe-scratch", "i-0abc", "i-0abc")
    assert layout.resource("sentiment-v1", arn) == layout.Lines("sentiment-v1", "", arn)
    assert layout.called("", "i-0abc") == "i-0abc"


def test_every_reason_has_words_of_its_own_and_none_of_ours() -> None:
    reasons = ("direct", "used", "idle", "shared", "commitment_unused", "credit", "tax", "support", "unattributed")
    shown = [layout.reason(reason).shown for reason in reasons]

    assert len(set(shown)) == len(reasons)
    assert [text for text in shown if "_" in text or text in reasons] == []
    assert all(layout.reason(reason).below for reason in ("direct", "used", "idle", "commitment_unused"))


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [("1050.65", "1050.65", "–"), ("80", "95", "80.00 – 95.00"), (None, "3", "–"), ("0.00", "0", "–")],
)
def test_a_range_of_one_number_is_no_range(low: str | None, high: str, shown: str) -> None:
    assert saving_range(None if low is None else Decimal(low), Decimal(high)) == shown


def test_an_hour_of_use_without_measured_load_has_no_price_and_the_reason_is_said() -> None:
    """4 of 8 hours used is half; 0 of 8 gives no price; never measured neither."""
    assert hours_line(used="4", load="0.5", price="2") == "8 accelerator hours paid, 4 used: load 50 %."
    assert hours_line(used="0", load="0", price=None) == (
        "8 accelerator hours paid, 0 used: load 0 %. With no load measured, an hour of use has no price."
    )
    assert hours_line(used=None, load=None, price=None) == (
        "8 accelerator hours paid; no load measured, so an hour of use has no price."
    )


def hours_line(*, used: str | None, load: str | None, price: str | None) -> str:
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(UnitCost))
    values |= {"accelerator_hours_paid": Decimal(8)}
    given = {"accelerator_hours_used": used, "load": load, "cost_per_accelerator_hour_used": price}
    values |= {name: Decimal(value) for name, value in given.items() if value is not None}
    return models.hours_line(UnitCost(**values))


@given(st.text(alphabet="abc-_./:é漢", min_size=1))
def test_a_shortened_name_is_never_longer_than_it_may_be(name: str) -> None:
    assert len(layout.shortened(name)) <= 34


def test_nothing_of_a_text_is_markdown() -> None:
    assert layout.markdown_safe("a_b *c* $d$ [e](f) <g> :h:") == (r"a\_b \*c\* \$d\$ \[e\]\(f\) \<g\> \:h\:")


def test_unknown_is_a_dash_and_a_partly_unknown_amount_has_a_star() -> None:
    costs = Costs(Decimal(1), Decimal("1234.5"), None, Decimal(2))
    row = SpendRow((), costs, "USD", None, ("effective_cost",))

    assert layout.amount(row, "billed_cost") == "1.00"
    assert layout.amount(row, "effective_cost") == "1,234.50*"
    assert layout.amount(row, "list_cost") == "–"
    assert layout.part(None, Decimal(3)) == "–"
    assert layout.part(Decimal(1), Decimal(0)) == "–"
    assert layout.part(Decimal(1), Decimal(3)) == "33.3 %"


def test_a_total_that_leaves_something_out_has_a_star() -> None:
    costs = Costs(Decimal(1), Decimal("1234.5"), None, Decimal(2))
    total = SpendTotal("USD", costs, costs, None, ("effective_cost",), ())
    basis = Basis("usage", None, "effective_cost", "all spend", (), ("USD",), None, None, {}, (), (), 0)
    spend = Spend(SpendQuery(), (), (total,), basis)

    assert layout.total(spend, "USD", "billed_cost") == "1.00"
    assert layout.total(spend, "USD", "effective_cost") == "1,234.50*"
    assert layout.total(spend, "USD", "list_cost") == "–"
    assert layout.total(spend, "EUR", "billed_cost") == "–"


_VALUES: dict[str, tuple[Any, str]] = {
    "window_days": (14, "14 days"),
    "window_hours": (336, "336 hours"),
    "window_end": ("2026-11-21T00:00:00+00:00", "2026-11-21 00:00 UTC"),
    "coverage": (0.985, "98.5 %"),
    "counter": ("gpu_utilization", "GPU utilization"),
    "signals": (3, "3"),
    "state": ("allocated-unused", "next to no memory held, no work"),
    "since": ("2026-11-07T12:30:00+00:00", "2026-11-07 12:30 UTC"),
    "activity_p99": (0.0, "0.0 %"),
    "activity_max": (0.0033, "0.3 %"),
    "active_hours": (0, "0"),
    "requests": (None, "unknown"),
    "power_at_idle_floor": (True, "yes"),
    "load_p50": (0.92, "0.92 accelerators' worth"),
    "load_p95": (1.0645, "1.06 accelerators' worth"),
    "load_p99_5": (1.16, "1.16 accelerators' worth"),
    "load_max": (1.3, "1.30 accelerators' worth"),
    "concurrent_max": (3, "3"),
    "memory_used_max_bytes": (51778682800, "48.2 GiB"),
    "replay_hours": (168, "168 hours"),
    "replay_violation_minutes": (0, "0 minutes"),
    "replay_risk_minutes": (5, "5 minutes"),
    "replay_worst_overload": (0.25, "25.0 %"),
    "current_price": ("5.672", "5.672 USD an hour"),
    "proposed_price": ("0.8048", "0.8048 USD an hour"),
    "price_currency": ("USD", ""),
    "price_date": ("2026-07-20", "2026-07-20"),
    "price_source": ("a price list", "a price list"),
    "cost_basis": ("effective cost of the bill's last days", "effective cost of the bill's last days"),
    "cost_until": ("2026-11-20", "2026-11-20"),
}


def test_every_item_of_evidence_has_words_and_a_unit() -> None:
    assert {column.name for column in EVIDENCE} == set(_VALUES)
    shown = list(evidence.in_words({name: value for name, (value, _) in _VALUES.items()}))

    assert sorted(value for _, value in shown) == sorted(text for _, text in _VALUES.values() if text)
    assert all("_" not in title for title, _ in shown)


def test_evidence_nobody_described_is_shown_all_the_same() -> None:
    assert list(evidence.in_words({"queue_depth": 4, "note": None})) == [("Note", "unknown"), ("Queue depth", "4")]


def test_a_state_is_a_word_beside_its_colour_and_data_in_it_is_text() -> None:
    shown = layout._shown(layout.Mark("Critical", "bad", "<b>120 % spent</b>"))

    assert ">Critical" not in shown
    assert "■</span> Critical<small>&lt;b&gt;120 % spent&lt;/b&gt;</small>" in shown


def test_a_band_is_two_amounts_and_how_surely_or_none() -> None:
    assert layout.band(Decimal(170), Decimal(210), Decimal("0.8")) == "80 %: 170.00 – 210.00"
    assert layout.band(None, Decimal(210), Decimal("0.8")) == "no band yet"


def test_a_class_within_a_class_of_tokens_has_its_price_below_where_it_is_known() -> None:
    row = UnitCost(**dict.fromkeys(field.name for field in fields(UnitCost)))
    assert models.with_part(row, Decimal(5), "reasoning", None) == "5.000"
    assert models.with_part(row, Decimal(5), "reasoning", Decimal(5)) == layout.Lines("5.000", "reasoning 5.000")
