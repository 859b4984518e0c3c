"""Anomalies through the ledger: told once, with what is behind them, the same ones on every run."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.errors import UsageError
from analyzer.anomaly_drivers import day_weights, taken_apart
from analyzer.anomaly_found import Found
from analyzer.anomaly_life import WatchReport, decide
from analyzer.anomaly_told import without_explained
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FIRST = date(2026, 8, 31)  # a Monday
DAYS = 80


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def company(ledger: Ledger, *, runaway: range = range(60, 63)) -> None:
    """Two models of two teams on one service; one of them runs away for some days, on one resource."""
    for number in range(DAYS):
        chat = "900" if number in runaway else "100"
        ledger.charge(
            day(number), chat, hours=all_hours(), resource_id="i-chat", tags={"model": "chat", "team": "support"}
        )
        ledger.charge(
            day(number), "100", hours=all_hours(), resource_id="i-rank", tags={"model": "rank", "team": "search"}
        )


def judged(ledger: Ledger, **anomaly: Any) -> WatchReport:
    """What the watch of a whole analysis found, made to look again though nothing may have changed."""
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM made_from WHERE part = 'outlook'")
    outlook = ledger.analyze(anomaly=anomaly).outlook
    assert outlook is not None
    return outlook.watched


def stored(ledger: Ledger, columns: str = "kind, cut, value, first_day, last_day, state") -> list[Any]:
    return ledger.rows(f"SELECT {columns} FROM anomaly ORDER BY first_day, cut, value")


def decided(ledger: Ledger, decision: Any, reason: str | None = "as planned") -> None:
    ((name,),) = stored(ledger, "id")
    with ledger.store.engine.begin() as connection:
        decide(connection, name[:8], decision, who="ada", reason=reason, clock=ledger.clock)


def test_a_runaway_is_told_once_by_its_model_with_what_is_behind_it_on_every_run(ledger: Ledger) -> None:
    company(ledger)
    assert judged(ledger) == WatchReport(found=1, new=1, gone=0)
    assert stored(ledger) == [("rise", "model", "chat", date(2026, 10, 30), date(2026, 11, 1), "open")]
    ((actual, expected, impact, team, service, resource, share, words),) = stored(
        ledger, "actual, round(expected, 6), round(impact, 6), team, service, resource_id, resource_share, explanation"
    )
    assert (actual, expected, impact) == (D(2700), D(300), D(2400))
    assert (team, service, resource, share) == ("support", "Compute", "i-chat", D(1))
    assert words.startswith("Model chat cost 2,700.00 USD on 3 days from 2026-10-30, 300.00 expected.")
    ((drivers,),) = stored(ledger, "drivers")
    for parts in drivers.values():
        assert sum(D(part["change"]) for part in parts) == D(2400)

    before = stored(ledger, "id, found_at")
    assert judged(ledger) == WatchReport(found=1, new=0, gone=0)
    assert stored(ledger, "id, found_at") == before
    assert ledger.rows("SELECT event FROM anomaly_event") == [("found",)]


def test_its_life_is_kept_with_who_and_why(ledger: Ledger) -> None:
    company(ledger)
    judged(ledger)
    assert judged(ledger, min_impact="100000").gone == 1
    assert [row[-1] for row in stored(ledger)] == ["gone"]
    judged(ledger)
    assert [row[-1] for row in stored(ledger)] == ["open"]
    assert ledger.rows("SELECT event FROM anomaly_event ORDER BY event_id") == [("found",), ("gone",), ("found",)]

    decided(ledger, "acknowledged", "asked the team")
    judged(ledger)
    assert [row[-1] for row in stored(ledger)] == ["acknowledged"]
    assert ledger.rows("SELECT event, who, reason FROM anomaly_event WHERE who IS NOT NULL") == [
        ("acknowledged", "ada", "asked the team")
    ]
    with pytest.raises(UsageError, match="cannot become acknowledged"):
        decided(ledger, "acknowledged")
    with pytest.raises(UsageError, match="needs a reason"):
        decided(ledger, "expected", None)


def test_what_is_expected_is_learned_and_told_no_more(ledger: Ledger) -> None:
    company(ledger, runaway=range(75, DAYS))
    judged(ledger)
    assert stored(ledger, "lasting, last_day") == [(True, date(2026, 11, 18))]
    decided(ledger, "expected")
    for number in (DAYS, DAYS + 1):
        for model, team, cost in (("chat", "support", "900"), ("rank", "search", "100")):
            ledger.charge(day(number), cost, hours=all_hours(), tags={"model": model, "team": team})
    assert judged(ledger) == WatchReport(found=1, new=0, gone=0)
    assert stored(ledger, "state, last_day, impact") == [("expected", date(2026, 11, 18), D(4000))]


def test_first_spend_on_a_model_is_told_and_explains_its_service(ledger: Ledger) -> None:
    company(ledger, runaway=range(0))
    for number in range(70, 74):
        ledger.charge(day(number), "300", hours=all_hours(), tags={"model": "giant", "team": "search"})
    judged(ledger)
    assert stored(ledger, "kind, cut, value, actual, expected") == [("new", "model", "giant", D(1200), D(0))]


def test_a_price_that_rises_while_use_does_not_is_a_rate(ledger: Ledger) -> None:
    for number in range(DAYS):
        cost = "100" if number < 70 else "130"
        ledger.charge(day(number), cost, hours=all_hours(), quantity="50", charge_description="GPU hour", sku_id="g")
    judged(ledger)
    assert stored(ledger, "kind, cut, value, first_day, actual, round(expected, 6)") == [
        ("rate", "sku", "GPU hour", date(2026, 11, 9), D(1300), D(1000))
    ]


def test_without_a_bill_nothing_is_judged(ledger: Ledger) -> None:
    assert judged(ledger) == WatchReport(0, 0, 0)


def test_each_day_is_held_against_four_of_its_weekdays_before() -> None:
    weights = day_weights(FIRST + timedelta(days=30), FIRST + timedelta(days=30), FIRST)
    assert weights == {FIRST + timedelta(days=30 - 7 * week): D(1) if week == 0 else D("-0.25") for week in range(5)}
    skipped = day_weights(FIRST + timedelta(days=35), FIRST + timedelta(days=35), FIRST, {FIRST + timedelta(days=28)})
    assert sorted(skipped) == [FIRST + timedelta(days=number) for number in (0, 7, 14, 21, 35)]
    long = day_weights(FIRST + timedelta(days=40), FIRST + timedelta(days=52), FIRST)
    assert sum(long.values()) == 0
    assert all(one == 1 for when, one in long.items() if when >= FIRST + timedelta(days=40))


def test_of_two_that_explain_each_other_the_model_is_told() -> None:
    cell = ("aws", "prod", "Bedrock", "chat", "support", None, "tokens", "i-1")
    behind = taken_apart([(cell, D(90)), ((*cell[:3], "rank", "search", *cell[5:]), D(10))])
    assert behind.largest("model").value == "chat"  # type: ignore[union-attr]
    assert [part.change for part in behind.parts["team"]] == [D(90), D(10)]

    def rise(cut: str, value: str, **changes: Any) -> Found:
        values = {"actual": D(200), "expected": D(100), "first": FIRST, "last": FIRST} | changes
        return Found("rise", cut, value, "USD", lasting=False, distance=9.0, drivers=behind, **values)

    service, team, model = rise("service", "Bedrock"), rise("team", "support"), rise("model", "chat")
    assert without_explained([service, team, model], 0.8) == [model]
    assert without_explained([service, model], 0.95) == [model, service]
    later = rise("service", "Bedrock", first=FIRST + timedelta(days=1), last=FIRST + timedelta(days=1))
    assert without_explained([later, model], 0.8) == [model, later]


def write_down(ledger: Ledger) -> None:
    """Own costs: people paid once a month, and a licence whose price doubles; neither is billed by a cloud."""
    words: dict[str, Any] = {"provider": OWN, "scope": "costs", "tags": {"model": "chat", "team": "support"}}
    for month in ("2026-09", "2026-10", "2026-11"):
        ledger.charge(f"{month}-03", "9000", service_name="People", **words)
    for number in range(DAYS):
        ledger.charge(
            day(number),
            "100" if number < 60 else "200",
            service_name="Licences",
            accelerator_type="nvidia-h100-80gb" if number >= 60 else None,
            quantity="1",
            **words,
        )


def test_own_costs_raise_nothing_while_a_cloud_service_that_doubles_does(ledger: Ledger) -> None:
    """People cost 9000 on the third of each month; the cloud service goes from 200 a day to 1000 by chat."""
    company(ledger)
    write_down(ledger)
    assert judged(ledger) == WatchReport(found=1, new=1, gone=0)
    assert stored(ledger, "kind, cut, value, service, actual, impact") == [
        ("rise", "model", "chat", "Compute", D(2700), D(2400))
    ]


def test_a_model_with_own_costs_is_new_when_a_cloud_bills_it(ledger: Ledger) -> None:
    for number in range(DAYS):
        ledger.charge(day(number), "100", hours=all_hours(), tags={"model": "rank"})
        if number >= 60:
            ledger.charge(day(number), "50", hours=all_hours(), tags={"model": "chat"}, service_name="API")
    write_down(ledger)
    judged(ledger)
    assert ("new", "model", "chat", date(2026, 10, 30)) in stored(ledger, "kind, cut, value, first_day")


def test_where_no_cloud_bills_anything_nothing_is_watched(ledger: Ledger) -> None:
    write_down(ledger)
    assert judged(ledger) == WatchReport(found=0, new=0, gone=0)
