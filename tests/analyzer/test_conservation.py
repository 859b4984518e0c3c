"""Whatever is loaded: shares add up exactly, every cut is the bill, doing it again changes nothing (I1, I6-I8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.money import COST_QUANTUM, exact_sum
from analyzer.reconcile import check
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger

COST = st.none() | st.integers(-(10**17), 10**17).map(lambda units: str(units * COST_QUANTUM))
RESOURCES = st.sampled_from([None, "i-1", "i-2", "ep-1"])
DAYS = st.sampled_from(["2026-10-05", "2026-10-06"])
TAGS = st.none() | st.dictionaries(st.sampled_from(["team", "model", "stage"]), st.sampled_from(["a", "b"]), max_size=2)


@st.composite
def charges(draw: st.DrawFn) -> dict[str, Any]:
    category = draw(st.sampled_from(["Usage"] * 5 + ["Credit", "Tax", "Purchase", "Adjustment"]))
    token = draw(st.booleans())
    return {
        "day": draw(DAYS),
        "cost": tuple(draw(COST) for _ in range(4)),
        "category": category,
        "resource_id": draw(RESOURCES),
        "tags": draw(TAGS),
        "hours": draw(st.none() | st.integers(1, (1 << 24) - 1)),
        "currency": draw(st.sampled_from(["USD", "USD", "EUR"])),
        "half": draw(st.sampled_from([0, 0, 0, 1, 2])),
        "end": draw(st.none() | st.just("2026-10-08")),
        "commitment_id": draw(st.none() | st.just("sp")),
        "kind": draw(st.sampled_from([{}, {}, {"commitment_discount_status": "Used"}])),
        "quantity": draw(st.sampled_from([None, "24"])),
        "is_ai": draw(st.sampled_from([True, True, True, False])),
        "instance_type": draw(st.sampled_from([None, "p5.48xlarge", "p99.48xlarge"])),
        "region": draw(st.sampled_from([None, "us-east-1"])),
        "charge_description": draw(st.sampled_from([None, None, "Instance Core", "Instance Ram"])),
        **({"model": "m", "unit_class": draw(st.sampled_from(["input", "output", "image"]))} if token else {}),
    }


WORKLOADS = st.fixed_dictionaries(
    {
        "alias": st.sampled_from(["i-1", "i-2"]),
        "workload": st.sampled_from(["w1", "w2", "w3"]),
        "day": DAYS,
        "hours": st.integers(0, 20).map(lambda start: range(start, start + 4)),
        "requested": st.none() | st.sampled_from([0.0, 0.3, 1.0, 8.0]),
        "used": st.none() | st.sampled_from([0.0, 0.7, 9.0]),
        "seconds": st.sampled_from([0.0, 17.0, 3600.0]),
        "cpus_requested": st.sampled_from([None, 0.0, 2.5, 300.0]),
        "cpus_used": st.sampled_from([None, 0.0, 7.0]),
        "memory_requested_bytes": st.sampled_from([None, 0.0, 1e9, 1e13]),
        "memory_used_bytes": st.sampled_from([None, 0.0, 3e9]),
        "accelerator_profile": st.sampled_from([None, None, "3g.40gb", "1/4"]),
        "model": st.none() | st.sampled_from(["a", "b"]),
        "team": st.none() | st.sampled_from(["a", "b"]),
    }
)
USAGE = st.fixed_dictionaries(
    {
        "alias": st.sampled_from([None, "ep-1", "i-2"]),
        "day": DAYS,
        "model": st.sampled_from([None, "m", "n"]),
        "team": st.sampled_from([None, "a", "b"]),
        "quantities": st.dictionaries(
            st.sampled_from(["requests", "input", "cached_input", "output"]), st.integers(0, 10**9), max_size=3
        ),
    }
)


SHARED = st.fixed_dictionaries(
    {
        "to": st.sampled_from(["team", "model"]),
        "by": st.sampled_from(["even", "proportional", "requests", "tokens"]),
        "targets": st.sampled_from([(), ("a",), ("a", "c")]),
        "ai": st.sampled_from([None, True, False]),
    }
).map(lambda source: {"name": "shared", "match": {"tags": {"stage": "a"}}, **source})
ALLOCATION = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["residual", "aws_accelerated", "95_3_2", "aws_plain", "accelerators"]),
        "idle": st.sampled_from(["separate", "weighted", "even", "owner"]),
        "idle_owner": st.sampled_from([None, "a"]),
        "stranded": st.sampled_from(["holders", "idle"]),
        "shared": st.lists(SHARED, max_size=1),
        "non_recoverable_tax": st.lists(
            st.fixed_dictionaries({"name": st.just("tax"), "percent": st.sampled_from(["100", "33.3", "0.7"])}),
            max_size=1,
        ),
    }
)


@hypothesis_settings(max_examples=25)
@given(
    st.lists(charges(), min_size=1, max_size=10),
    st.lists(WORKLOADS, max_size=4, unique_by=lambda row: (row["alias"], row["workload"], row["day"])),
    st.lists(USAGE, max_size=4),
    ALLOCATION,
)
@pytest.mark.long
def test_every_charge_is_shared_out_exactly(
    ledger: Ledger,
    bill: list[dict[str, Any]],
    workloads: list[dict[str, Any]],
    usage: list[dict[str, Any]],
    allocation: dict[str, Any],
) -> None:
    _empty(ledger)
    for charge in bill:
        machine = GPU_HOUR if charge.get("model") is None and charge["is_ai"] else {}
        day, cost = charge.pop("day"), charge.pop("cost")
        ledger.charge(day, cost, gpus=8 if charge["resource_id"] else None, **(machine | charge))
    for workload in workloads:
        ledger.workload(workload.pop("hours"), workload.pop("alias"), workload.pop("workload"), **workload)
    for used in usage:
        ledger.usage(used.pop("quantities"), **used)
    ledger.attribute(allocation=allocation)
    ledger.assert_conserved()
    with ledger.store.engine.connect() as connection:
        about_the_analysis = ("share", "spend", "saving", "one bill")
        found = [row for row in check(connection) if any(word in row.promise for word in about_the_analysis)]
        broken = [row for row in found if not row.holds]
    assert found
    assert not broken
    _assert_nobodys_spend_says_so(ledger)
    _assert_unit_costs_are_the_ai_spend(ledger)
    before = ledger.rows("SELECT * FROM cost_share ORDER BY 1, 2, 3, 4, 5")
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM analysis_state"))
    ledger.attribute()
    assert ledger.rows("SELECT * FROM cost_share ORDER BY 1, 2, 3, 4, 5") == before


def _assert_nobodys_spend_says_so(ledger: Ledger) -> None:
    query = """SELECT count(*) FROM cost_share JOIN share_target USING (target_key)
        WHERE (reason = 'unattributed') <> (rung = 'unattributed')
           OR reason = 'unattributed' AND (model IS NOT NULL OR team IS NOT NULL)
           OR reason IN ('direct') AND model IS NULL AND team IS NULL"""
    assert ledger.rows(query) == [(0,)]


def _assert_unit_costs_are_the_ai_spend(ledger: Ledger) -> None:
    """On the allocation basis, by currency; of a pair, the amortised half."""
    spent = dict(
        ledger.rows(
            """SELECT billing_currency, sum(s.effective_cost)
               FROM cost_share s JOIN share_target t USING (target_key)
               JOIN charge c USING (billing_month, slice_id, half, ordinal) JOIN charge_kind USING (charge_kind_key)
               WHERE is_ai AND (half <> 1 OR NOT EXISTS (SELECT FROM charge o WHERE o.slice_id = c.slice_id
                                                         AND o.half = 2))
               GROUP BY 1 HAVING sum(s.effective_cost) IS NOT NULL"""
        )
    )
    query = "SELECT currency, effective_cost FROM unit_cost WHERE basis = 'allocation' AND effective_cost IS NOT NULL"
    found: dict[str, Decimal] = {}
    for currency, cost in ledger.rows(query):
        found[currency] = exact_sum((found.get(currency, Decimal(0)), cost))
    assert found == spent


def _empty(ledger: Ledger) -> None:
    tables = (
        "charge, slice, workload_hour, accelerator_hour, inference_hour, cost_share, spend_day, spend_resource_month,"
        " unit_cost, analysis_state"
    )
    with ledger.store.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables}"))
    ledger.forget()
