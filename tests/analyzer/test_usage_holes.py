"""Holes inside a log of requests: a busy server of which nothing was logged, and a day nobody collected."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import insert, update

from aispend.schema import collection, slice_
from reports import views
from reports.formats import left_out_line
from reports.views import Window
from reports.views.unit_rates import token_costs
from tests.analyzer.bills import GPU_HOUR, LOADED
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_drivers import changes, machine

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
SERVER = {"gpus": 8, "quantity": "10", "tags": {"model": "chat", "stage": "inference_online"}, **GPU_HOUR}


def served(
    ledger: Ledger, day: str, *, alias: str = "i-chat", model: str | None = "chat", requests: int = 1000
) -> None:
    ledger.usage({"requests": requests, "output": 1_000_000}, alias=alias, model=model, day=day)


def active(ledger: Ledger, day: str, mean: float, *, alias: str = "i-chat") -> None:
    ledger.activity(range(10), alias, mean, day=day, gpus=8)


def unit_costs(ledger: Ledger, model: str = "chat") -> views.UnitCost:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.unit_costs(connection, OCTOBER, model=model, basis="allocation").rows
    return row


def test_a_busy_day_without_any_request_is_unknown_and_an_idle_one_waited(ledger: Ledger) -> None:
    """400 a day for four days; on the 6th the cards worked at a half and nothing was logged, on the 7th they stood
    still: 1,200 for 2,000 requests and 2 million tokens, not 1,600."""
    for day, mean in (("2026-10-05", 0.5), ("2026-10-06", 0.5), ("2026-10-07", 0), ("2026-10-08", 0.5)):
        machine(ledger, day, "400", "10")
        active(ledger, day, mean)
        if day[-1] in "58":
            served(ledger, day)
    found = unit_costs(ledger)
    assert (found.effective_cost, found.requests) == (D(1600), D(2000))
    assert (found.cost_per_1k_requests, found.cost_per_1m_tokens) == (D(600), D(600))
    assert found.cost_per_1m_output_tokens == D(600)


def test_activity_below_what_is_idle_everywhere_else_is_waiting(ledger: Ledger) -> None:
    """At 0.9 % the server waited: 1,200 for 2,000 requests; at 1 % it worked: 800."""
    for mean, price in ((0.009, D(600)), (0.01, D(400))):
        for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
            if mean < 0.01:
                machine(ledger, day, "400", "10")
                served(ledger, day) if day[-1] in "57" else None
        with ledger.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM accelerator_hour")
            connection.exec_driver_sql("DELETE FROM slice WHERE kind = 'metrics'")
        active(ledger, "2026-10-06", mean)
        assert unit_costs(ledger).cost_per_1k_requests == price


def test_a_log_that_ends_while_those_of_other_models_go_on(ledger: Ledger) -> None:
    """Of chat nothing is logged after the 5th, while it worked on: 400 for 1,000. Rank is logged on all days: 100."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        machine(ledger, day, "400", "10")
        active(ledger, day, 0.5)
        machine(ledger, day, "100", "10", model="rank")
        served(ledger, day, alias="i-rank", model="rank")
    served(ledger, "2026-10-05")
    assert unit_costs(ledger).cost_per_1k_requests == D(400)
    assert unit_costs(ledger, "rank").cost_per_1k_requests == D(100)


def test_a_hole_in_the_log_of_one_of_two_servers(ledger: Ledger) -> None:
    """Two servers of a model at 400 a day, each 1,000 requests a day; of the second nothing was logged on the 6th: its
    400 of that day are in no rate, 1,200 for 3,000. The hours of both are paid."""
    for day in ("2026-10-05", "2026-10-06"):
        for server in ("i-1", "i-2"):
            ledger.charge(day, "400", resource_id=server, **SERVER)
            active(ledger, day, 0.5, alias=server)
            if (day, server) != ("2026-10-06", "i-2"):
                served(ledger, day, alias=server)
    found = unit_costs(ledger)
    assert (found.effective_cost, found.requests, found.accelerator_hours_paid) == (D(1600), D(3000), D(320))
    assert (found.cost_per_1k_requests, found.cost_per_1m_tokens) == (D(400), D(400))


def test_the_log_of_one_of_two_servers_that_ended_the_month_before(ledger: Ledger) -> None:
    """The second server logged in September and works on unlogged: 400 a day for the 1,000 of the first, not 800."""
    for day in ("2026-09-30", "2026-10-05", "2026-10-06"):
        for server in ("i-1", "i-2"):
            ledger.charge(day, "400", resource_id=server, **SERVER)
            active(ledger, day, 0.5, alias=server)
            if server == "i-1" or day < "2026-10-01":
                served(ledger, day, alias=server)
    found = unit_costs(ledger)
    assert (found.effective_cost, found.cost_per_1k_requests) == (D(1600), D(400))


def test_a_server_whose_requests_another_one_logs_has_no_hole(ledger: Ledger) -> None:
    """Of two that serve together only the first keeps a log: 1,600 for 2,000."""
    for day in ("2026-10-05", "2026-10-06"):
        for server in ("i-1", "i-2"):
            ledger.charge(day, "400", resource_id=server, **SERVER)
            active(ledger, day, 0.5, alias=server)
        served(ledger, day, alias="i-1")
    assert unit_costs(ledger).cost_per_1k_requests == D(800)


def test_a_log_that_names_no_server_is_of_all_servers_of_the_model(ledger: Ledger) -> None:
    """The gateway's log of the 6th names the model alone, that of the 5th the second server too: 1,600 for 3,000."""
    for day in ("2026-10-05", "2026-10-06"):
        for server in ("i-1", "i-2"):
            ledger.charge(day, "400", resource_id=server, **SERVER)
            active(ledger, day, 0.5, alias=server)
        ledger.usage({"requests": 1000}, model="chat", day=day)
    ledger.usage({"requests": 1000}, alias="i-2", model="chat")
    assert unit_costs(ledger).cost_per_1k_requests == D("533.333333333333")


def test_a_model_waits_on_a_machine_that_worked_for_another(ledger: Ledger) -> None:
    """Four cards each; on the 6th the machine worked, and its log tells of chat alone: rank had none, 400 for 1,000."""
    for day in ("2026-10-05", "2026-10-06"):
        ledger.charge(day, "400", resource_id="i-1", gpus=8, quantity="10", hours=(1 << 10) - 1, **GPU_HOUR)
        active(ledger, day, 0.5, alias="i-1")
        for model in ("chat", "rank"):
            ledger.workload(
                range(10), "i-1", model, day=day, requested=4, model=model, stage="inference_online"
            )  # fmt: skip
        served(ledger, day, alias="i-1", model="chat")
    served(ledger, "2026-10-05", alias="i-1", model="rank")
    found = unit_costs(ledger, "rank")
    assert (found.effective_cost, found.requests, found.cost_per_1k_requests) == (D(400), D(1000), D(400))
    assert unit_costs(ledger).cost_per_1k_requests == D(200)


def test_what_a_model_shares_on_a_day_with_a_hole_is_in_no_rate(ledger: Ledger) -> None:
    """A share of a gateway, 50 a day, goes with the server's 400: 450 for the 1,000 requests of the 5th."""
    for day in ("2026-10-05", "2026-10-06"):
        machine(ledger, day, "400", "10")
        active(ledger, day, 0.5)
        ledger.charge(day, "50", tags={"model": "chat", "stage": "inference_online"}, sku_id="gateway")
    served(ledger, "2026-10-05")
    ledger.usage({"requests": 1}, model="rank", day="2026-10-07")
    found = unit_costs(ledger)
    assert (found.effective_cost, found.cost_per_1k_requests) == (D(900), D(450))


def test_a_hole_is_no_fall_in_requests_and_no_energy_of_those_counted(ledger: Ledger) -> None:
    """The same machine on two days of both months; on November's second it worked, unlogged: no demand is known."""
    card = {"accelerator_type": "nvidia-h100-80gb"}
    for day in ("2026-10-05", "2026-10-06", "2026-11-04", "2026-11-05", "2026-11-06"):
        machine(ledger, day, "400", "10", **card)
        active(ledger, day, 0.5)
        if day != "2026-11-05":
            served(ledger, day)
    found = changes(ledger, "model")
    assert found.totals[0].effects == {"volume": D(400)}
    assert found.demand_known == {"USD": False}
    with ledger.store.engine.connect() as connection:
        november = Window(date(2026, 11, 1), date(2026, 12, 1))
        (row,) = views.energy(connection, november).rows
        (october,) = views.energy(connection, OCTOBER).rows
    assert row.kwh is not None
    assert october.kwh is not None
    # two of November's three days alike, and both of October's
    assert (row.requests, row.wh_per_1k_requests, row.days_left_out) == (2000, row.kwh.mid / 3 * 1000, 1)
    assert (october.wh_per_1k_requests, october.days_left_out) == (october.kwh.mid / 2 * 1000, 0)


def test_training_needs_no_log_of_requests(ledger: Ledger) -> None:
    """A machine that trained on the 6th has no hole: no use is left out."""
    for day in ("2026-10-05", "2026-10-07"):
        machine(ledger, day, "400", "10")
        served(ledger, day)
    trains = SERVER | {"tags": {"model": "chat", "stage": "training"}}
    ledger.charge("2026-10-06", "400", resource_id="i-2", **trains)
    active(ledger, "2026-10-06", 0.5, alias="i-2")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        assert views.unit_costs(connection, OCTOBER).left_out == ()


def collected(ledger: Ledger, **days: str | None) -> None:
    """What was collected of these days of October: loaded, failed, or None where they were never asked for."""
    with ledger.store.engine.begin() as connection:
        connection.execute(update(slice_).where(slice_.c.kind == "usage").values(source="aws/usage"))
        for day, outcome in days.items():
            if outcome is not None:
                values = {"source": "aws/usage", "slice": f"2026-10-{day[1:]}", "attempted_at": LOADED}
                at = LOADED if outcome == "loaded" else None
                connection.execute(insert(collection).values(outcome=outcome, collected_at=at, **values))


def endpoint(ledger: Ledger) -> None:
    """An endpoint at 30 a day from the 5th to the 7th, with 1,000 requests on the first day and the last."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        tags = {"model": "chat", "stage": "inference_online"}
        ledger.charge(day, "30", resource_id="ep", platform="endpoint", tags=tags)
    for day in ("2026-10-05", "2026-10-07"):
        served(ledger, day, alias="ep")


def test_a_day_that_could_not_be_collected_is_unknown(ledger: Ledger) -> None:
    """60 for 2,000 requests: what was served on the 6th nobody knows."""
    endpoint(ledger)
    collected(ledger, d05="loaded", d06="failed", d07="loaded")
    assert unit_costs(ledger).cost_per_1k_requests == D(30)


def test_a_day_that_was_never_asked_for_is_unknown(ledger: Ledger) -> None:
    endpoint(ledger)
    collected(ledger, d05="loaded", d06=None, d07="loaded")
    assert unit_costs(ledger).cost_per_1k_requests == D(30)


def test_a_day_that_was_collected_and_told_nothing_waited(ledger: Ledger) -> None:
    """90 for 2,000: CloudWatch was asked for the 6th, and had no request."""
    endpoint(ledger)
    collected(ledger, d05="loaded", d06="loaded", d07="loaded")
    assert unit_costs(ledger).cost_per_1k_requests == D(45)


def test_cards_that_stood_still_vouch_for_a_day_nobody_collected(ledger: Ledger) -> None:
    """1,200 for 2,000: measured idle, the server waited, whatever was not collected."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        machine(ledger, day, "400", "10")
        active(ledger, day, 0)
    for day in ("2026-10-05", "2026-10-07"):
        served(ledger, day)
    collected(ledger, d05="loaded", d06="failed", d07="loaded")
    assert unit_costs(ledger).cost_per_1k_requests == D(600)


def test_what_is_left_out_says_how_many_days_and_why(ledger: Ledger) -> None:
    """Chat was busy and unlogged on the 6th and the 7th; nothing at all is logged after the 8th; rank was not collected
    on the 6th, and its cards were not measured."""
    for day in ("05", "06", "07", "08", "09"):
        machine(ledger, f"2026-10-{day}", "400", "10")
        active(ledger, f"2026-10-{day}", 0.5)
        machine(ledger, f"2026-10-{day}", "100", "10", model="rank")
    for day in ("05", "08"):
        served(ledger, f"2026-10-{day}")
        served(ledger, f"2026-10-{day}", alias="i-rank", model="rank")
    collected(ledger, d05="loaded", d06=None, d07="loaded", d08="loaded")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        left_out = views.unit_costs(connection, OCTOBER, basis="allocation").left_out
        (chat,) = token_costs(connection, OCTOBER, model="chat")
    assert [(one.model, one.why, one.days) for one in left_out] == [
        ("chat", "unlogged", 2),
        ("chat", "beyond", 1),
        ("rank", "not collected", 1),
        ("rank", "beyond", 1),
    ]
    assert left_out_line(left_out) == (
        "In no rate, for nobody knows what was served: chat (AWS) 2 days (accelerators worked, no request logged), "
        "1 day (before or after all requests logged); rank (AWS) 1 day (not collected), 1 day (before or after all "
        "requests logged)."
    )
    assert left_out_line(replace(one, model=name) for name in "abcde" for one in left_out[:1]) == (
        "In no rate, for nobody knows what was served: "
        + "; ".join(f"{name} (AWS) 2 days (accelerators worked, no request logged)" for name in "abc")
        + "; 2 more models."
    )
    assert left_out_line(()) is None
    assert (chat.days, chat.days_counted) == (Window(date(2026, 10, 5), date(2026, 10, 9)), 2)
