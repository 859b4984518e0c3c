"""Units of throughput given up for fewer that are bought beside them: what is bought counts against what is saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.reports.ledger import Share

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
OLD, NEW = "arn:provisioned/old", "arn:provisioned/new"
MISSING = "what they cost is not known"


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def units(
    paid: Paid,
    name: str,
    first: date,
    end: date,
    *,
    number: int,
    model: str | None = "claude",
    region: str = "us-east-1",
    account: str = "111",
) -> None:
    """Units of throughput at 10 an hour each."""
    for ordinal in range((end - first).days):
        day = first + timedelta(days=ordinal)
        cost = str(240 * number)
        paid.ledger.charge(
            paid.slices[day.replace(day=1)],
            day,
            [Share((cost,) * 4)],
            provider="aws",
            service="Amazon Bedrock",
            region=region,
            billing_account=account,
            resource_id=name,
            pricing_quantity=str(24 * number),
            sku_columns={"pricing_unit": "Hours", "platform": "provisioned_throughput", "model": model},
        )
    paid.know(name, first_seen=first, account=account, region=region)


def fewer(paid: Paid, name: str = "fewer-1", resource: str = OLD, on: date = DONE, **more: Any) -> str:
    """Four units are advised to become one, and that was done."""
    paid.done(
        paid.advise(name, resource, kind="idle_capacity", **({"target": "fewer_units", "net": "21900"} | more)), on
    )
    return name


def four(paid: Paid) -> None:
    units(paid, OLD, BEFORE, DONE + timedelta(days=1), number=4)


@pytest.mark.parametrize("bought", [DONE - timedelta(days=7), DONE, DONE + timedelta(days=10)])
def test_fewer_units_bought_in_place_of_the_old_ones_count_against_them(paid: Paid, bought: date) -> None:
    """October: 744 hours × 40 would have been paid, 744 × 10 were: 22,320 saved, and not 29,760."""
    four(paid)
    units(paid, NEW, bought, NOVEMBER, number=1)
    line = paid.lines(fewer(paid))["2026-10"]
    assert (line.counterfactual_cost, line.actual_cost, line.realised) == (29760, 7440, 22320)
    assert line.remark is None
    # 21,900 per 730 hours are 22,320 for 744
    assert paid.baseline("fewer-1").outcome == "within"


@pytest.mark.parametrize(
    "other",
    [
        {"model": "llama"},
        {"region": "eu-west-1"},
        {"account": "222"},
    ],
)
def test_what_is_bought_elsewhere_or_of_another_model_takes_no_place(paid: Paid, other: dict[str, str]) -> None:
    """And where nothing took it, nobody knows what became of the units that are still needed."""
    four(paid)
    units(paid, NEW, DONE, NOVEMBER, number=1, **other)
    line = paid.lines(fewer(paid))["2026-10"]
    assert (line.realised, line.counterfactual_cost, line.actual_cost) == (None, None, 0)
    assert MISSING in line.remark
    assert paid.state("fewer-1") == "done"


@pytest.mark.parametrize("bought", [DONE - timedelta(days=15), DONE + timedelta(days=15)])
def test_what_is_bought_weeks_before_or_after_is_something_else(paid: Paid, bought: date) -> None:
    four(paid)
    units(paid, NEW, bought, NOVEMBER, number=1)
    assert paid.lines(fewer(paid))["2026-10"].realised is None


def test_units_of_an_unknown_model_may_be_those(paid: Paid) -> None:
    four(paid)
    units(paid, NEW, DONE, NOVEMBER, number=1, model=None)
    assert paid.lines(fewer(paid))["2026-10"].realised == 22320


def test_units_lowered_where_they_are_need_no_successor(paid: Paid) -> None:
    """A deployment keeps its name: 744 × 40 − 744 × 10."""
    four(paid)
    units(paid, OLD, DONE + timedelta(days=1), NOVEMBER, number=1)
    paid.know(OLD, first_seen=BEFORE)
    assert paid.lines(fewer(paid))["2026-10"].realised == 22320


def test_all_of_it_given_up_saves_all_of_it_unless_some_is_bought_again(paid: Paid) -> None:
    four(paid)
    fewer(paid, target="release")
    assert paid.lines("fewer-1")["2026-10"].realised == 29760
    units(paid, NEW, DONE + timedelta(days=3), NOVEMBER, number=1)
    assert paid.lines("fewer-1")["2026-10"].realised == 22320


def test_each_purchase_counts_once_with_the_nearest_that_has_none(paid: Paid) -> None:
    """Twice four units become one: 22,320 and 22,320."""
    second = "arn:provisioned/second"
    four(paid)
    units(paid, second, BEFORE - timedelta(days=3), DONE + timedelta(days=3), number=4)
    units(paid, NEW, DONE - timedelta(days=1), NOVEMBER, number=1)
    units(paid, "arn:provisioned/newer", DONE + timedelta(days=1), NOVEMBER, number=1)
    fewer(paid)
    fewer(paid, "fewer-2", second, DONE + timedelta(days=2))
    assert [paid.lines(name)["2026-10"].realised for name in ("fewer-1", "fewer-2")] == [22320, 22320]


def test_a_change_of_what_was_bought_ends_the_line(paid: Paid) -> None:
    """Four units to two on 10 September, to one on 1 October: 20 days × 480 are the first's, 30 days × 240 the other's.

    Together with the day between them that is all that October and September cost less.
    """
    four(paid)
    units(paid, NEW, DONE - timedelta(days=2), OCTOBER + timedelta(days=1), number=2)
    units(paid, "arn:provisioned/newest", OCTOBER, NOVEMBER, number=1)
    fewer(paid)
    fewer(paid, "fewer-2", NEW, OCTOBER)
    first = paid.lines("fewer-1")
    assert {month: line.realised for month, line in first.items()} == {"2026-09": 20 * 480}
    assert first["2026-09"].end_day == OCTOBER
    assert paid.lines("fewer-2")["2026-10"].realised == 30 * 240
    assert paid.baseline("fewer-2").quantity > 0
