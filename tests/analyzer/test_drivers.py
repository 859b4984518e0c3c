"""From charges to what changed: pools, demand, periods; through a real analysis."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from aispend.errors import UsageError
from analyzer.drivers import drivers
from analyzer.variance import explain
from reports import views
from reports.change_words import behind, headline, leading_effects
from reports.views import Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
OCTOBER, NOVEMBER = Window(date(2026, 10, 1), date(2026, 11, 1)), Window(date(2026, 11, 1), date(2026, 12, 1))
COSTLY = {**GPU_HOUR, "sku_id": "p5", "instance_type": "p5.48xlarge"}
SPOT = {"kind": {"pricing_category": "Dynamic"}}


def changes(ledger: Ledger, *by: str, before: Window = OCTOBER, after: Window = NOVEMBER, ai_only: bool = True):  # type: ignore[no-untyped-def]
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        found = views.changes(connection, before, after, by=by, ai_only=ai_only)
        for window, side in ((before, "before"), (after, "after")):
            query = views.SpendQuery(by=(), window=window, ai_only=ai_only)
            spent = {total.currency: total.costs.effective_cost for total in views.spend(connection, query).totals}
            assert {total.currency: getattr(total, side) for total in found.totals if getattr(total, side)} == spent
    for row in (*found.rows, *found.totals):
        assert sum(row.effects.values()) == row.change
    return found


def machine(ledger: Ledger, day: str, cost: str, hours: str, *, model: str = "chat", **columns: object) -> None:
    """An eight-GPU machine for so many hours."""
    ledger.charge(
        day, cost, resource_id=f"i-{model}", gpus=8, tags={"model": model, "stage": "inference_online"}, quantity=hours,
        **{**COSTLY, **columns},  # type: ignore[arg-type]
    )  # fmt: skip


def test_more_requests_on_few_more_machine_hours(ledger: Ledger) -> None:
    """10 to 12 hours at 40 while requests go from 1,000 to 1,500: +200 for the requests, −120 for what each took."""
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-11-05", "480", "12")
    for day, requests in (("2026-10-05", 1000), ("2026-11-05", 1500)):
        ledger.usage({"requests": requests}, alias="i-chat", model="chat", day=day)
    found = changes(ledger, "model")
    (row,) = found.rows
    assert (row.cut, row.before, row.after) == (("chat",), D(400), D(480))
    assert row.effects == {"volume": D(200), "efficiency": D(-120)}
    volume, efficiency = found.drivers["USD"]
    assert behind(volume) == "chat +200.00: requests 1,000 → 1,500 (+50 %)"
    assert behind(efficiency) == "chat -120.00: accelerator hours per 1,000 requests 80 → 64"
    assert headline(found.totals[0], found.drivers["USD"]) == (
        "+80.00 USD (+20.0 %): +200.00 more use (chat), -120.00 less per request (chat)."
    )
    assert leading_effects(row) == "more use +200.00, less per request -120.00"


def test_figures_are_those_of_what_carries_the_effect(ledger: Ledger) -> None:
    """A model is served alike (10 hours at 40, fewer requests) and trained for 30 hours instead of 10: +800 more use,
    which is no matter of requests. 40 hours for 1,000 requests each month would be 400 for 900: +40 per request."""
    for day, hours, requests in (("2026-10-05", "10", 1000), ("2026-11-05", "30", 900)):
        machine(ledger, day, "400", "10")
        ledger.usage({"requests": requests}, alias="i-chat", model="chat", day=day)
        tags = {"model": "chat", "stage": "training"}
        ledger.charge(
            day,
            str(40 * int(hours)),
            resource_id="i-train",
            gpus=8,
            tags=tags,
            quantity=hours,
            account_id="a",
            **COSTLY,
        )
    found = changes(ledger, "model")
    (row,) = found.rows
    assert row.effects == {"volume": D(760), "efficiency": D(40)}
    volume, efficiency = found.drivers["USD"]
    assert behind(volume) == "chat +760.00: accelerator hours 80 → 240 (+200 %)"
    assert behind(efficiency) == "chat +40.00: accelerator hours per 1,000 requests 80 → 88.9"


def test_what_leaves_spot_is_mix_and_the_share_is_told(ledger: Ledger) -> None:
    """10 machine hours both months: 5 on spot at 10 and 5 at 40, then 1 and 9: 250 to 370, for another mix alone."""
    for day, spot in (("2026-10-05", 5), ("2026-11-05", 1)):
        machine(ledger, day, str(10 * spot), str(spot), **SPOT)
        machine(ledger, day, str(40 * (10 - spot)), str(10 - spot))
    found = changes(ledger, "model")
    assert found.rows[0].effects == {"mix": D(120)}
    assert behind(found.drivers["USD"][0]).endswith(": spot share of accelerator hours 50 % → 10 %")
    assert found.demand_known == {"USD": False}


def test_tokens_of_all_classes_are_one_pool(ledger: Ledger) -> None:
    """Twice the tokens at the same prices; half the input read from the cache at a tenth: volume, then mix."""
    api = {"model": "claude", "units_per_pricing_unit": 1000, "pricing_unit": "1K tokens"}
    ledger.charge("2026-10-05", "100", quantity="100", sku_id="in", unit_class="input", **api)
    ledger.charge("2026-11-05", "100", quantity="100", sku_id="in", unit_class="input", **api)
    ledger.charge("2026-11-05", "10", quantity="100", sku_id="hit", unit_class="cached_input", **api)
    (row,) = changes(ledger, "model").rows
    assert row.effects == {"volume": D(100), "mix": D(-90)}


def test_idle_hours_are_told_apart(ledger: Ledger) -> None:
    """A machine of 24 hours: all eight GPUs held, then four: half of its 240 is idle."""
    for day, held in (("2026-10-05", 8), ("2026-11-05", 4)):
        ledger.charge(day, "240", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        ledger.workload("all", "i-1", "w", requested=held, model="chat", stage="training", day=day)
    total = changes(ledger, "model").totals[0]
    assert (total.change, total.effects) == (D(0), {"volume": D(-120), "idle": D(120)})


def test_credits_tax_and_other_spend_are_effects_of_their_own(ledger: Ledger) -> None:
    for day, credit, tax, other in (("2026-10-05", "-10", "5", "100"), ("2026-11-05", "-4", "8", "130")):
        machine(ledger, day, "400", "10")
        ledger.charge(day, credit, category="Credit", resource_id="i-chat", **COSTLY)
        ledger.charge(day, tax, category="Tax", is_ai=False)
        ledger.charge(day, other, is_ai=False, service_name="Storage", quantity="3")
    total = changes(ledger, ai_only=False).totals[0]
    assert total.effects == {"credits": D(6), "tax": D(3), "other": D(30)}


def test_currencies_are_apart_and_unknown_costs_are_said(ledger: Ledger) -> None:
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-11-05", "400", "10", currency="EUR")
    ledger.charge("2026-11-05", ("1", None, "1", "1"), sku_id="new", tags={"model": "chat"}, currency="EUR")
    found = changes(ledger, "model")
    assert [(row.currency, row.change, row.partly_unknown) for row in found.rows] == [
        ("EUR", D(400), True),
        ("USD", D(-400), False),
    ]


def test_a_month_under_way_is_held_against_the_same_days(ledger: Ledger) -> None:
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-10-25", "400", "10")
    machine(ledger, "2026-11-05", "400", "10")
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        before, after = views.month_against_month(connection) or (None, None)
    assert (before, after) == (
        Window(date(2026, 10, 1), date(2026, 10, 6)),
        Window(date(2026, 11, 1), date(2026, 11, 6)),
    )


def test_periods_to_compare() -> None:
    assert views.same_days_before(NOVEMBER) == (OCTOBER, NOVEMBER)
    march = Window(date(2026, 3, 1), date(2026, 3, 31))
    assert views.same_days_before(march)[0] == Window(date(2026, 2, 1), date(2026, 3, 1))
    week = Window(date(2026, 11, 9), date(2026, 11, 16))
    assert views.same_days_before(week)[0] == Window(date(2026, 11, 2), date(2026, 11, 9))
    assert views.same_days_from(date(2026, 2, 1), NOVEMBER) == Window(date(2026, 2, 1), date(2026, 3, 1))
    assert views.same_days_from(date(2026, 2, 3), week) == Window(date(2026, 2, 3), date(2026, 2, 10))


def test_a_cut_there_is_not_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="no cut by 'day'"):
        changes(ledger, "day")


def test_a_charge_that_became_free_is_a_lower_price_for_each_of_its_users(ledger: Ledger) -> None:
    """Ten hours of eight accelerators for 400 and then for nothing, used by two alike: no hour more, 200 less each."""
    for day, cost in (("2026-10-05", "400"), ("2026-11-05", "0")):
        ledger.charge(day, cost, resource_id="i-1", gpus=8, quantity="10", hours=all_hours(*range(10)), **COSTLY)
        for name in ("a", "b"):
            ledger.workload(range(10), "i-1", name, day=day, requested=4, model="chat", team=name)
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        found = drivers(connection, (OCTOBER.first, OCTOBER.end), (NOVEMBER.first, NOVEMBER.end))
    effects = {key.team: kinds for pool in found.pools for key, kinds in explain(pool).items()}
    assert set(effects) == {"a", "b"}
    for kinds in effects.values():
        assert {name: amount for name, amount in kinds.items() if amount} == {"price": D(-200)}
