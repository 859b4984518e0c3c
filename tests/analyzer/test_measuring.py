"""Measuring is itself right: a wrong answer is told, in each currency, and so is what was not judged at all."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks import rightness
from benchmarks.__main__ import fleet_share, fleet_words
from benchmarks.rightness import FIELDS, Found, measures, outcomes

D = Decimal
DAY = date(2026, 10, 5)
REALLY = {"model": "chat", "team": "search", "stage": "inference_online"}
WITHOUT_SIGNAL, TAGGED = ("no_signal", D(20)), ("tagged", D(80))
NOBODY: dict[str, str | None] = dict.fromkeys(FIELDS)


def line(currency: str, resource: str) -> dict[str, Any]:
    return {"provider": "aws", "currency": currency, "charge_date": DAY, "resource": resource, "sku_id": "S1"}


def judged(*untold: tuple[str, list[tuple[dict[str, str | None], Decimal]]], tagged: str = "chat") -> list[Found]:
    """Of each currency a line of 80 whose tag is right, and one of 20 without a signal with what we say of it."""
    truth, ours = [], []
    for currency, said in untold:
        for difficulty, cost in (WITHOUT_SIGNAL, TAGGED):
            truth.append(line(currency, difficulty) | REALLY | {"difficulty": difficulty, "cost": cost})
        tags = {f"{field}_tag": value for field, value in REALLY.items()}
        ours.append(line(currency, "tagged") | REALLY | {"model": tagged, "cost": D(80)} | tags)
        untagged = dict.fromkeys(tags)
        ours += [line(currency, "no_signal") | names | {"cost": cost} | untagged for names, cost in said]
    tables: dict[str, list[dict[str, Any]]] = {
        "truth": truth,
        "ours": ours,
        "recorded": [{"resource": "tagged", "day": DAY}],
        "one_stage": [{"resource_id": "elsewhere"}],
        "names": [{"provider": "aws", "given": "elsewhere", "canonical": "elsewhere"}],
    }
    with duckdb.connect() as con:
        for name, rows in tables.items():
            con.register(f"{name}_rows", pa.Table.from_pylist(rows))
            con.execute(f"CREATE TABLE {name} AS FROM {name}_rows")
        con.execute(rightness._LINES)
        return outcomes(con)


def broken(found: list[Found]) -> dict[str, float]:
    return {one.name: round(one.value, 4) for one in measures(found) if not one.holds}


def test_nobody_where_there_is_no_signal_keeps_every_limit() -> None:
    found = judged(("USD", [(NOBODY, D(20))]), ("EUR", [(NOBODY, D(20))]))
    assert broken(found) == {}
    names = [one.name for one in measures(found)]
    assert len(names) == len(set(names)) == 2 * 3 * len(FIELDS)
    assert [name[:3] for name in names] == ["USD"] * 9 + ["EUR"] * 9


def test_what_a_rule_names_right_without_a_signal_keeps_it_too() -> None:
    assert broken(judged(("USD", [(dict(REALLY), D(20))]))) == {}


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP"])
@pytest.mark.parametrize("field", FIELDS)
def test_somebody_where_there_is_no_signal_is_told_in_any_currency(currency: str, field: str) -> None:
    """A cent of twenty is 0.05 %: no limit allows it. Of all hundred it is 0.01 %, which is within that limit."""
    wrong = [(NOBODY | {field: "another"}, D("0.01")), (NOBODY, D("19.99"))]
    found = judged(("USD", [(NOBODY, D(20))]), ("CHF", [(NOBODY, D(20))]))
    found += [one for one in judged((currency, wrong)) if one.ours.total]
    assert list(broken(found)) == [f"{currency}, {field} put upon somebody where no signal exists"]
    alone = broken(judged((currency, wrong)))
    assert alone == {f"{currency}, {field} put upon somebody where no signal exists": 0.05}


def test_a_wrong_answer_in_euros_is_not_hidden_by_dollars() -> None:
    dollars = judged(("USD", [(NOBODY, D(20))])) * 1000
    found = dollars + judged(("EUR", [(NOBODY, D(20))]), tagged="another")
    assert broken(found) == {
        "EUR, model not right where a signal exists": 100.0,
        "EUR, model put upon somebody else": 80.0,
    }


def test_what_was_not_judged_keeps_no_limit() -> None:
    assert len(broken([])) == 3 * len(FIELDS)
    without = [one for one in judged(("USD", [(NOBODY, D(20))])) if one.difficulty != "no_signal"]
    assert list(broken(without)) == [f"{field} where no signal exists" for field in FIELDS]


@pytest.mark.parametrize(
    ("scale", "large", "says"),
    [
        (1.0, False, "large fleet: 0.1 of 10,000 accelerators × 90 days; all of it: python -m benchmarks --large ("),
        (0.1, False, "large fleet: 0.01 of 10,000 accelerators"),
        (0.1, True, "large fleet: 0.1 of 10,000 accelerators"),
        (1.0, True, "large fleet: all of it, 10,000 accelerators × 90 days"),
    ],
)
def test_the_share_of_the_large_fleet_is_told(scale: float, large: bool, says: str) -> None:
    words = fleet_words(fleet_share(scale, large=large))
    assert words.startswith(says)
    assert ("python -m benchmarks.analyze_large" in words) == ("all of it:" in words)
