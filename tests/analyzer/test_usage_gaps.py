"""Days of which nobody counted the requests: they dilute no rate, and are no fall in demand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reports import views
from reports.views import Window
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_drivers import changes, machine

D = Decimal
API = {"model": "gpt", "sku_id": "out", "unit_class": "output", "units_per_pricing_unit": 1000}
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))


def unit_cost(ledger: Ledger) -> views.UnitCost:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.unit_costs(connection, OCTOBER, basis="allocation").rows
    return row


def bought(ledger: Ledger, day: str, *, requests: int | None) -> None:
    """100,000 tokens for 100, for so many requests; None where the gateway's log is missing."""
    ledger.charge(day, "100", quantity="100", pricing_unit="1K tokens", tags={"stage": "inference_online"}, **API)
    if requests is not None:
        ledger.usage({"requests": requests, "output": 100_000}, model="gpt", day=day)


def test_tokens_the_bill_alone_counts_are_not_of_the_requests_that_were_counted(ledger: Ledger) -> None:
    """Two days at 100, 1,000 requests known of the first: 100 for a thousand, not 200; 1,000 for a million tokens."""
    bought(ledger, "2026-10-05", requests=1000)
    bought(ledger, "2026-10-06", requests=None)
    found = unit_cost(ledger)
    assert (found.effective_cost, found.requests, found.output_tokens) == (D(200), D(1000), D(200_000))
    assert (found.cost_per_1k_requests, found.cost_per_1m_tokens) == (D(100), D(1000))


def test_days_after_the_last_usage_are_unknown_and_days_between_are_idle(ledger: Ledger) -> None:
    """Requests on the 5th and the 7th, none on the 6th: its 400 is theirs. Nothing is known of the 8th: 1,200 for
    2,000 requests and 4 million tokens."""
    for day in ("05", "06", "07", "08"):
        machine(ledger, f"2026-10-{day}", "400", "10")
    for day in ("05", "07"):
        ledger.usage({"requests": 1000, "output": 2_000_000}, alias="i-chat", model="chat", day=f"2026-10-{day}")
    found = unit_cost(ledger)
    assert (found.effective_cost, found.requests) == (D(1600), D(2000))
    assert (found.cost_per_1k_requests, found.cost_per_1m_tokens) == (D(600), D(300))


def test_a_log_that_ends_is_no_fall_in_requests(ledger: Ledger) -> None:
    """The same tokens for the same money in both months; of November's second day no requests are known."""
    for day, requests in (("2026-10-05", 1000), ("2026-10-06", 1000), ("2026-11-05", 1000), ("2026-11-06", None)):
        bought(ledger, day, requests=requests)
    assert changes(ledger, "model").totals[0].effects == {}


def test_days_of_which_nothing_is_known_tell_no_demand(ledger: Ledger) -> None:
    """A machine of 10 hours on two days, then on three, the last beyond all usage: 400 more use, nobody knows for how
    many requests."""
    for day, requests in (
        ("2026-10-05", 1000), ("2026-10-06", 1000), ("2026-11-04", 1000), ("2026-11-05", 1000), ("2026-11-06", None),
    ):  # fmt: skip
        machine(ledger, day, "400", "10")
        if requests is not None:
            ledger.usage({"requests": requests}, alias="i-chat", model="chat", day=day)
    found = changes(ledger, "model")
    assert found.totals[0].effects == {"volume": D(400)}
    assert found.demand_known == {"USD": False}


def test_energy_per_request_is_of_the_days_whose_requests_were_counted(ledger: Ledger) -> None:
    """An API serves 100,000 tokens a day, 1,000 requests known of the first day alone: half of the energy is theirs.
    A machine whose use is unknown after the first day, likewise."""
    api = {**API, "model": "llama-3.1-8b"}
    for day in ("2026-10-05", "2026-10-06"):
        ledger.charge(day, "100", quantity="100", tags={"stage": "inference_online"}, **api)
        machine(ledger, day, "400", "10", accelerator_type="nvidia-h100-80gb")
    ledger.usage({"requests": 1000, "output": 100_000}, model="llama-3.1-8b")
    ledger.usage({"requests": 1000}, alias="i-chat", model="chat")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        rows = {row.model: row for row in views.energy(connection, OCTOBER).rows}
    api_row, machine_row = rows["llama-3.1-8b"], rows["chat"]
    assert api_row.kwh is not None
    assert api_row.requests == 1000
    assert api_row.wh_per_1k_requests is not None
    assert abs(api_row.wh_per_1k_requests - api_row.kwh.mid / 2 * 1000) < D("0.01")
    assert machine_row.kwh is not None
    assert (machine_row.requests, machine_row.wh_per_1k_requests) == (1000, machine_row.kwh.mid / 2 * 1000)
    assert (api_row.days_left_out, machine_row.days_left_out) == (1, 1)
