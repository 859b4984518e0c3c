"""Energy per request: the energy and the requests of the same days, whatever else is known of them.

Eight H100 for ten hours that nobody measured, at 352.1 W in the middle and 150 W of a host each, are
(28.168 + 12) × 1.15 = 46.1932 kWh a day.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reports import views
from reports.energy_words import not_per_request_line
from reports.views import Window
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_drivers import machine

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
NO_EFFECTIVE = ("400", None, "400", "400")
H100 = {"accelerator_type": "nvidia-h100-80gb", "region": "us-east-1"}
A_DAY = D("46.1932")
API = {"model": "llama-3.1-8b", "sku_id": "out", "unit_class": "output", "units_per_pricing_unit": 1000}


def served(ledger: Ledger, day: str, requests: int = 1000) -> None:
    ledger.usage({"requests": requests, "output": 1_000_000}, alias="i-chat", model="chat", day=day)


def energy(ledger: Ledger, basis: views.UnitBasis = "allocation") -> views.EnergyUse:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        return views.energy(connection, OCTOBER, basis=basis)


def test_a_day_without_a_cost_has_its_requests_as_it_has_its_energy(ledger: Ledger) -> None:
    """Three days of 1,000 requests, the cost of two unknown: 46,193.2 Wh and 18,306.36516 g for a thousand."""
    for day, cost in (("2026-10-05", "400"), ("2026-10-06", NO_EFFECTIVE), ("2026-10-07", NO_EFFECTIVE)):
        machine(ledger, day, cost, "10", **H100)  # type: ignore[arg-type]
        served(ledger, day)
    found = energy(ledger)
    (row,) = found.rows
    assert row.kwh is not None
    assert (row.kwh.mid, row.requests, row.wh_per_1k_requests) == (3 * A_DAY, D(3000), D("46193.2"))
    assert row.g_per_1k_requests == D("18306.36516")  # 46.1932 kWh × 396.3 g
    assert row.days_left_out == 0
    assert not_per_request_line(found) is None


def test_a_day_of_unknown_use_leaves_its_energy_out_of_what_a_request_took(ledger: Ledger) -> None:
    """2,000 requests on two days, on the 6th nobody knows how many: energy of three days, the rate of two."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        machine(ledger, day, "400", "10", **H100)
        ledger.activity(range(10), "i-chat", 0.5, day=day, gpus=8, power_mean=500)
    served(ledger, "2026-10-05", 500)
    served(ledger, "2026-10-07", 1500)
    found = energy(ledger)
    (row,) = found.rows
    assert row.kwh is not None
    # 80 card hours at 500 W are 40 kWh: (40 + 12) × 1.15 = 59.8
    assert (row.kwh.mid, row.requests, row.wh_per_1k_requests) == (D("179.4"), D(2000), D(59_800))
    assert row.days_left_out == 1
    assert not_per_request_line(found) == (
        "Per request, days are left out of which nobody knows the requests or the energy: chat (AWS) 1 day."
    )
    (used,) = energy(ledger, "usage").rows
    assert (used.wh_per_1k_requests, used.days_left_out) == (D(59_800), 1)


def test_a_day_a_server_waited_is_in_what_a_request_took(ledger: Ledger) -> None:
    """Measured at nothing on the 6th, 80 W a card: (6.4 + 12) × 1.15 = 21.16 kWh beside 119.6, for 2,000 requests."""
    for day, mean, watts in (("2026-10-05", 0.5, 500), ("2026-10-06", 0, 80), ("2026-10-07", 0.5, 500)):
        machine(ledger, day, "400", "10", **H100)
        ledger.activity(range(10), "i-chat", mean, day=day, gpus=8, power_mean=watts)
    served(ledger, "2026-10-05")
    served(ledger, "2026-10-07")
    (row,) = energy(ledger).rows
    assert (row.wh_per_1k_requests, row.days_left_out) == (D(70_380), 0)


def test_requests_of_a_day_without_energy_are_in_no_rate(ledger: Ledger) -> None:
    """What the bill counts in no hours on the 6th drew nobody knows how much: 46.1932 kWh for the 1,000 of the 5th."""
    machine(ledger, "2026-10-05", "400", "10", **H100)
    machine(ledger, "2026-10-06", "400", "10", **{**H100, "consumed_unit": "GB", "sku_id": "by-size"})
    served(ledger, "2026-10-05")
    served(ledger, "2026-10-06", 9000)
    (row,) = energy(ledger).rows
    assert row.kwh is not None
    assert (row.kwh.mid, row.requests, row.wh_per_1k_requests) == (A_DAY, D(10_000), D("46193.2"))
    assert row.days_left_out == 1


def test_requests_whose_tokens_nobody_counted_take_no_energy_of_others(ledger: Ledger) -> None:
    """100,000 tokens of 1,000 requests; of 3,000 on the 6th no tokens, and on the 7th tokens of nobody knows how many:
    200,000 tokens in all, and half of their energy for a thousand."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        ledger.charge(day, "100", quantity="100", tags={"stage": "inference_online"}, **API)
    ledger.usage({"requests": 1000, "output": 100_000}, model="llama-3.1-8b", day="2026-10-05")
    ledger.usage({"requests": 3000}, model="llama-3.1-8b", day="2026-10-06")
    found = energy(ledger)
    (row,) = found.rows
    assert row.kwh is not None
    assert row.wh_per_1k_requests is not None
    assert (row.requests, row.output_tokens) == (D(4000), D(200_000))
    assert abs(row.wh_per_1k_requests - row.kwh.mid / 2 * 1000) < D("0.01")
    assert row.days_left_out == 2
    assert "llama-3.1-8b (AWS) 2 days" in str(not_per_request_line(found))
