"""New spend of whatever kind is told from its first days, once; another name for old spend is not new."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FIRST = date(2026, 8, 3)  # a Monday
DAYS = 100
BEGINS = 95
OLD: dict[str, Any] = {"sku_id": "p5", "charge_description": "p5 hour"}
BEDROCK: dict[str, Any] = {"service_name": "Bedrock", "sku_id": "in", "charge_description": "input tokens"}
OLD_TAGS = {"team": "search", "model": "rank"}


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def usual(ledger: Ledger) -> None:
    """500 a day of a machine, and 100 of tokens, both for team search."""
    for number in range(DAYS):
        ledger.charge(day(number), "500", hours=all_hours(), resource_id="i-1", tags=OLD_TAGS, **OLD)
        ledger.charge(day(number), "100", hours=all_hours(), tags=OLD_TAGS, **BEDROCK)


def begins(
    ledger: Ledger, cost: str, tags: dict[str, str], *, first: int = BEGINS, last: int = DAYS, **of: Any
) -> None:
    for number in range(first, last):
        ledger.charge(day(number), cost, hours=all_hours(), tags=tags, **of)


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    ledger.analyze()
    return ledger.rows("SELECT kind, cut, value, first_day, actual, expected FROM anomaly ORDER BY impact DESC")


VISION: dict[str, Any] = {"service_name": "Rekognition", "sku_id": "rek", "charge_description": "images processed"}


@pytest.mark.parametrize(
    ("tags", "of", "cut", "value"),
    [
        ({"team": "vision"}, VISION, "service", "Rekognition"),
        (OLD_TAGS, {**BEDROCK, "sku_id": "g", "charge_description": "guardrail units"}, "sku", "guardrail units"),
        ({"team": "vision"}, BEDROCK, "team", "vision"),
        (OLD_TAGS, {**BEDROCK, "account_id": "sandbox"}, "account", "sandbox"),
    ],
    ids=["service, SKU and team", "SKU", "team", "account"],
)
def test_new_spend_is_told_once_with_what_it_costs_a_day(
    ledger: Ledger, tags: dict[str, str], of: dict[str, Any], cut: str, value: str
) -> None:
    """300 a day for five days, beside 600: one anomaly of 1,500."""
    usual(ledger)
    begins(ledger, "300", tags, **of)
    assert told(ledger) == [("new", cut, value, date(2026, 11, 6), D(1500), D(0))]
    ((words,),) = ledger.rows("SELECT explanation FROM anomaly")
    assert words.startswith(f"First spend on {cut} {value}: 1,500.00 USD on 5 days from 2026-11-06 (300.00 a day).")


def test_new_spend_of_one_day_is_told_on_that_day(ledger: Ledger) -> None:
    usual(ledger)
    begins(ledger, "300", OLD_TAGS, first=DAYS - 1, **VISION)
    assert told(ledger) == [("new", "service", "Rekognition", date(2026, 11, 10), D(300), D(0))]


def test_many_new_skus_of_a_new_service_are_the_service(ledger: Ledger) -> None:
    usual(ledger)
    for number in range(4):
        begins(
            ledger, "50", OLD_TAGS, service_name="Comprehend", sku_id=f"c{number}", charge_description=f"kind {number}"
        )
    assert told(ledger) == [("new", "service", "Comprehend", date(2026, 11, 6), D(1000), D(0))]


@pytest.mark.parametrize("rename", ["sku", "name of sku", "team", "tag at last"])
def test_another_name_at_unchanged_cost_is_not_new(ledger: Ledger, rename: str) -> None:
    """300 a day of Bedrock under one name up to day 94 and another from day 95 on."""
    of = {**BEDROCK, "sku_id": "old", "charge_description": "old units"}
    new_of = {**of, "charge_description": "new units"}
    tags, new_tags = {"team": "ads"}, {"team": "ads"}
    if rename == "sku":
        new_of["sku_id"] = "new"
    elif rename == "team":
        new_of, new_tags = of, {"team": "adverts"}
    elif rename == "tag at last":
        new_of, tags = of, {}
    usual(ledger)
    begins(ledger, "300", tags, first=0, last=BEGINS, **of)
    begins(ledger, "300", new_tags, **new_of)
    assert [row for row in told(ledger) if row[0] == "new"] == []


def test_what_costs_more_under_a_new_name_is_told_with_what_it_takes_the_place_of(ledger: Ledger) -> None:
    """100 a day ended as 400 a day began: 2,000 in five days, of which 500 are no news."""
    usual(ledger)
    of = {**BEDROCK, "sku_id": "old", "charge_description": "old units"}
    begins(ledger, "100", OLD_TAGS, first=0, last=BEGINS, **of)
    begins(ledger, "400", OLD_TAGS, **{**of, "sku_id": "new", "charge_description": "new units"})
    assert told(ledger)[0] == ("new", "sku", "new units", date(2026, 11, 6), D(2000), D(500))
    ((words,),) = ledger.rows("SELECT explanation FROM anomaly WHERE kind = 'new'")
    assert "(400.00 a day), 500.00 of it in place of what ended then." in words


def test_less_than_is_worth_a_word_is_not_told(ledger: Ledger) -> None:
    usual(ledger)
    begins(ledger, "19", {"team": "vision"}, **VISION)  # 95 in five days
    assert told(ledger) == []


def test_nothing_is_new_in_the_first_four_weeks(ledger: Ledger) -> None:
    for number in range(27):
        ledger.charge(day(number), "500", hours=all_hours(), tags=OLD_TAGS, **OLD)
    begins(ledger, "300", OLD_TAGS, first=20, last=27, **VISION)
    assert [row for row in told(ledger) if row[0] == "new"] == []


def test_what_no_cut_shows_by_itself_is_told_of_all_spend(ledger: Ledger) -> None:
    """Ten teams, services and models of 9 a day double: none has an impact above 10 on a day, all together have 90."""
    for number in range(DAYS):
        for one in range(10):
            ledger.charge(
                day(number),
                "9" if number < DAYS - 1 else "18",
                hours=all_hours(),
                tags={"team": f"t{one}", "model": f"m{one}"},
                service_name=f"s{one}",
                sku_id=f"k{one}",
                account_id=f"a{one}",
            )
    assert told(ledger) == [("rise", "ai", None, date(2026, 11, 10), D(180), D(90))]
    ((words,),) = ledger.rows("SELECT explanation FROM anomaly")
    assert words.startswith("All AI spend cost 180.00 USD on 2026-11-10, 90.00 expected.")


def test_all_spend_is_left_out_where_those_told_of_a_cut_are_all_of_its_rise(ledger: Ledger) -> None:
    """Two models of 100 a day rise to 200 each: half of +200 is each of theirs."""
    for number in range(DAYS):
        for one in ("a", "b"):
            cost = "100" if number < DAYS - 2 else "200"
            tags = {"team": f"team {one}", "model": f"model {one}"}
            ledger.charge(day(number), cost, hours=all_hours(), tags=tags, service_name=f"s{one}", sku_id=one)
    assert [row[:3] for row in told(ledger)] == [("rise", "model", "model-a"), ("rise", "model", "model-b")]


def test_a_job_that_is_usual_by_itself_is_none_of_all_spend_either(ledger: Ledger) -> None:
    """200 on a day now and then, the last of them two days ago, beside 600 a day that never change."""
    usual(ledger)
    for number in (40, 45, 53, 61, 66, 72, 86, 94, 98):
        begins(ledger, "200", {"team": "batch", "model": "job"}, first=number, last=number + 1, **VISION)
    assert told(ledger) == []
