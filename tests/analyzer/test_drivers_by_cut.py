"""Each team, account and region is told by what it used and served itself; the total is told as without a cut."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from reports.change_words import behind
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_drivers import COSTLY, changes, machine

D = Decimal
API = {"model": "claude", "sku_id": "in", "unit_class": "input", "units_per_pricing_unit": 1000}
SMALL = {"sku_id": "g5", "instance_type": "g5.xlarge", "accelerators": D(1)}


def effects(found: Any) -> dict[str | None, Mapping[str, Decimal]]:
    return {row.cut[0]: row.effects for row in found.rows}


@pytest.mark.parametrize("logged", [True, False])
@pytest.mark.parametrize(("cut", "one", "other"), [("account", "acc-a", "acc-b"), ("team", "a", "b")])
def test_tokens_that_go_from_one_to_another_at_one_price_are_less_and_more_use(
    ledger: Ledger, cut: str, one: str, other: str, *, logged: bool
) -> None:
    """30 and 10 million tokens at 3, then 10 and 30: -60 and +60, whether requests are known or not."""
    for day, amounts in (("2026-10-05", (30, 10)), ("2026-11-05", (10, 30))):
        for name, millions in zip("ab", amounts, strict=True):
            ledger.charge(
                day,
                str(3 * millions),
                account_id=f"acc-{name}",
                quantity=str(1000 * millions),
                pricing_unit="1K tokens",
                tags={"team": name},
                **API,
            )
            if logged:
                counts = {"requests": 100 * millions, "input": 1_000_000 * millions}
                ledger.usage(counts, model="claude", team=name, account_id=f"acc-{name}", day=day)
    found = changes(ledger, cut)
    assert found.demand_known == {"USD": True}
    assert effects(found) == {one: {"volume": D(-60)}, other: {"volume": D(60)}}
    assert found.totals[0].effects == {}


def shared_machine(ledger: Ledger, *, named: bool = True) -> None:
    """Eight accelerators for 240 a day: t1 holds five for 1,000 requests, then two for 500; t2 the others, for 600,
    then 1,500."""
    for day, held, requests in (("2026-10-05", (5, 3), (1000, 600)), ("2026-11-05", (2, 6), (500, 1500))):
        ledger.charge(day, "240", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        for team, accelerators, count in zip(("t1", "t2"), held, requests, strict=True):
            ledger.workload(
                "all", "i-1", f"of-{team}", day=day, requested=accelerators, model="chat", team=team,
                stage="inference_online",
            )  # fmt: skip
            ledger.usage({"requests": count}, alias="i-1", model="chat", team=team if named else None, day=day)


def test_a_team_is_told_by_its_own_requests(ledger: Ledger) -> None:
    """t1, 150 to 60: half of the requests is -75, and each took a fifth less, -15. t2, 90 to 180: 2.5 times the
    requests is +135, twice the hours for them -45. In all 1,600 to 2,000 requests on the same hours: +60 and -60."""
    shared_machine(ledger)
    found = changes(ledger, "team")
    assert effects(found) == {
        "t1": {"volume": D(-75), "efficiency": D(-15)},
        "t2": {"volume": D(135), "efficiency": D(-45)},
    }
    assert found.totals[0].effects == {"volume": D(60), "efficiency": D(-60)}
    assert found.demand_by_cut == {"USD": True}


def test_where_nobody_says_whose_the_requests_were_a_team_is_told_by_its_hours(ledger: Ledger) -> None:
    """120 accelerator hours at 1.25 become 48, 72 become 144."""
    shared_machine(ledger, named=False)
    found = changes(ledger, "team")
    assert effects(found) == {"t1": {"volume": D(-90)}, "t2": {"volume": D(90)}}
    assert found.totals[0].effects == {"volume": D(60), "efficiency": D(-60)}
    assert (found.demand_known, found.demand_by_cut) == ({"USD": True}, {"USD": False})


def two_machines(ledger: Ledger, **of_b: str) -> None:
    """a's machine runs 12 hours at 50, then 9, b's 6 hours; each serves 1,000 requests a day."""
    for day, hours in (("2026-10-05", 12), ("2026-11-05", 9)):
        for team, ran, region in (("a", hours, "north"), ("b", 6, "south")):
            tags = {"model": "chat", "team": team, "stage": "inference_online"}
            ledger.charge(
                day, str(50 * ran), resource_id=f"i-{team}", gpus=8, tags=tags, quantity=str(ran), region=region,
                account_id=f"acc-{team}", **COSTLY,
            )  # fmt: skip
            ledger.usage({"requests": 1000}, alias=f"i-{team}", model="chat", account_id=None, day=day, **of_b)


@pytest.mark.parametrize(
    ("cut", "one", "other"), [("team", "a", "b"), ("account", "acc-a", "acc-b"), ("region", "north", "south")]
)
def test_where_nothing_changed_no_cause_is_told(ledger: Ledger, cut: str, one: str, other: str) -> None:
    """Nobody names a team with the requests: whose they were, the machine says. 3 hours less are -150 per request."""
    two_machines(ledger)
    found = changes(ledger, cut)
    assert effects(found) == {one: {"efficiency": D(-150)}, other: {}}
    assert found.totals[0].effects == {"efficiency": D(-150)}


def test_a_machine_that_goes_to_another_team_takes_its_requests_along(ledger: Ledger) -> None:
    """Two machines of a at 400, of which b has one in November: half the requests of a are -400, those of b new."""
    for day, team in (("2026-10-05", "a"), ("2026-11-05", "b")):
        for name, owner in (("i-1", "a"), ("i-2", team)):
            tags = {"model": "chat", "team": owner, "stage": "inference_online"}
            ledger.charge(day, "400", resource_id=name, gpus=8, tags=tags, quantity="10", **COSTLY)
            ledger.usage({"requests": 1000}, alias=name, model="chat", day=day)
    found = changes(ledger, "team")
    assert effects(found) == {"a": {"volume": D(-400)}, "b": {"volume": D(400)}}
    assert (found.totals[0].effects, found.demand_by_cut) == ({}, {"USD": True})


def test_what_one_alone_paid_for_is_its_own_whatever_the_usage_says(ledger: Ledger) -> None:
    """A model served at once and in batches, 1,000 requests each a day, then 1,500 at once, all in one account."""
    for day, requests in (("2026-10-05", 1000), ("2026-11-05", 1500)):
        for stage, count in (("inference_online", requests), ("inference_batch", 1000)):
            tags = {"model": "chat", "stage": stage}
            ledger.charge(day, "400", resource_id=f"i-{stage}", gpus=8, tags=tags, quantity="10", **COSTLY)
            ledger.usage({"requests": count}, alias=f"i-{stage}", model="chat", day=day)
    found = changes(ledger, "account")
    assert effects(found) == {"prod": {"volume": D(200), "efficiency": D(-200)}}
    assert found.demand_by_cut == {"USD": True}


def test_what_moves_between_services_is_use_of_each(ledger: Ledger) -> None:
    """10 hours at 40 of one service become 5, 5 of another 10."""
    for day, amounts in (("2026-10-05", (10, 5)), ("2026-11-05", (5, 10))):
        for service, hours in zip(("Compute", "Managed"), amounts, strict=True):
            machine(ledger, day, str(40 * hours), str(hours), service_name=service)
    found = changes(ledger, "service")
    assert effects(found) == {"Compute": {"volume": D(-200)}, "Managed": {"volume": D(200)}}
    assert found.totals[0].effects == {}


@pytest.mark.parametrize("cut", ["team", "account", "region", "service", "stage", "resource", "tag:team"])
def test_the_total_is_told_as_without_a_cut(ledger: Ledger, cut: str) -> None:
    two_machines(ledger)
    machine(ledger, "2026-11-05", "30", "30", account_id="acc-c", region="west", **SMALL)
    whole, found = changes(ledger), changes(ledger, cut)
    assert whole.rows[0].effects == whole.totals[0].effects == found.totals[0].effects
    assert [behind(one) for one in found.drivers["USD"]] == [behind(one) for one in whole.drivers["USD"]]
    assert sum(row.change for row in found.rows) == found.totals[0].change == D(-120)


def test_figures_count_what_is_new_and_the_mix_names_what_moved(ledger: Ledger) -> None:
    """80 accelerator hours at 5 for 1,000 requests, then 40 more at 1: half more per request is +200. At the mix of
    before all 120 hours would be 600, they are 440: it is the small machine's doing."""
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-11-05", "400", "10")
    machine(ledger, "2026-11-05", "40", "40", **SMALL)
    for day in ("2026-10-05", "2026-11-05"):
        ledger.usage({"requests": 1000}, alias="i-chat", model="chat", day=day)
    found = changes(ledger, "model")
    assert found.rows[0].effects == {"efficiency": D(200), "mix": D(-160)}
    efficiency, mix = found.drivers["USD"]
    assert behind(efficiency) == "chat +200.00: accelerator hours per 1,000 requests 80 → 120"
    assert behind(mix) == "g5.xlarge -160.00"


def test_hours_that_grow_by_a_new_machine_are_told_whole(ledger: Ledger) -> None:
    """Without requests the hours are the use: 80 become 120."""
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-11-05", "400", "10")
    machine(ledger, "2026-11-05", "40", "40", **SMALL)
    volume, _ = changes(ledger, "model").drivers["USD"]
    assert behind(volume) == "chat +200.00: accelerator hours 80 → 120 (+50 %)"


@pytest.mark.parametrize("others", ["0", "10"])
def test_a_charge_without_effective_cost_is_left_out_with_its_hours(ledger: Ledger, others: str) -> None:
    """Two days at 400 for 10 hours; of the last nobody knows what it cost: 400 less of what is known, no commitment
    and no more per request; another machine that is known all days alters nothing."""
    for day in ("2026-10-05", "2026-10-06", "2026-11-05", "2026-11-06"):
        known = None if day == "2026-11-06" else "400"
        ledger.charge(
            day, ("400", known, "400", "400"), resource_id="i-chat", gpus=8, quantity="10",
            tags={"model": "chat", "stage": "inference_online"}, **COSTLY,
        )  # fmt: skip
        if others != "0":
            machine(ledger, day, "400", others, account_id="other")
        ledger.usage({"requests": 1000}, alias="i-chat", model="chat", day=day)
    found = changes(ledger, "model")
    (row,) = found.rows
    assert (row.change, row.effects, row.partly_unknown) == (D(-400), {"volume": D(-400)}, True)
    hours = "160 → 80 (-50 %)" if others == "0" else "320 → 240 (-25 %)"
    assert behind(found.drivers["USD"][0]) == f"chat -400.00: accelerator hours {hours}"


def test_of_what_is_unknown_altogether_nothing_was_used(ledger: Ledger) -> None:
    """The only charge of November has no effective cost: all that was known before is gone."""
    machine(ledger, "2026-10-05", "400", "10")
    machine(ledger, "2026-11-05", "9", "1", model="rank", **SMALL)
    ledger.charge(
        "2026-11-05", ("400", None, "400", "400"), resource_id="i-chat", gpus=8, quantity="10",
        tags={"model": "chat", "stage": "inference_online"}, **COSTLY,
    )  # fmt: skip
    (row,) = (row for row in changes(ledger, "model").rows if row.cut == ("chat",))
    assert (row.after, row.effects, row.partly_unknown) == (D(0), {"volume": D(-400)}, True)
