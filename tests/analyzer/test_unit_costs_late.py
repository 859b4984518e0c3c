"""Days of one month that the next month's bill charges: their usage goes with the charge, whichever bill it is in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import text

from reports import views
from reports.views import Window
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_drivers import machine

D = Decimal
BOTH = Window(date(2026, 10, 1), date(2026, 12, 1))
NOVEMBER = "2026-11-01"
DAYS = ("2026-10-30", "2026-10-31", "2026-11-01")


def served(ledger: Ledger, *, alias: str | None = "i-chat", model: str = "chat") -> None:
    """1,000 requests and a million tokens on each of the three days."""
    for day in DAYS:
        ledger.usage({"requests": 1000, "failed_requests": 10, "output": 1_000_000}, alias=alias, model=model, day=day)


def unit_cost(ledger: Ledger, window: Window = BOTH) -> views.UnitCost:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.unit_costs(connection, window, basis="allocation").rows
    return row


def rates(row: views.UnitCost) -> tuple[Decimal | None, ...]:
    return (row.requests, row.unpriced_requests, row.cost_per_1k_requests, row.cost_per_1m_output_tokens)


def bought(ledger: Ledger, day: str, cost: str, thousands: str, **columns: str) -> None:
    """Tokens of an API, priced by the thousand."""
    api = {"model": "gpt", "sku_id": "out", "unit_class": "output", "units_per_pricing_unit": 1000}
    ledger.charge(day, cost, quantity=thousands, pricing_unit="1K tokens", **api, **columns)  # type: ignore[arg-type]


def test_a_day_billed_with_the_next_month_keeps_its_usage(ledger: Ledger) -> None:
    """Three days at 300 for 1,000 requests and a million tokens each: 300, and all requests have met their charge."""
    machine(ledger, "2026-10-30", "300", "10")
    machine(ledger, "2026-10-31", "300", "10", month=NOVEMBER)
    machine(ledger, "2026-11-01", "300", "10")
    served(ledger)
    found = unit_cost(ledger)
    assert rates(found) == (D(3000), None, D(300), D(300))
    assert found.failed_requests == D(30)
    assert rates(unit_cost(ledger, Window(date(2026, 10, 1), date(2026, 11, 1)))) == (D(2000), None, D(300), D(300))
    with ledger.store.engine.connect() as connection:
        (drawn,) = views.energy(connection, BOTH).rows
    assert (drawn.requests, drawn.days_left_out) == (D(3000), 0)


def test_usage_goes_where_the_charge_came_last(ledger: Ledger) -> None:
    """Unmet before November's bill comes, with its 300 then; and with October's once that has a part of the day."""
    machine(ledger, "2026-10-30", "300", "10")
    served(ledger)
    assert rates(unit_cost(ledger)) == (D(3000), D(2000), D(300), D(300))
    machine(ledger, "2026-11-01", "300", "10")
    machine(ledger, "2026-10-31", "200", "7", month=NOVEMBER)
    # 800 for three days
    assert rates(unit_cost(ledger)) == (D(3000), None, D("266.666666666667"), D("266.666666666667"))
    machine(ledger, "2026-10-31", "100", "3")
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET loaded_at = loaded_at + interval '1 hour' WHERE period < '2026-11-01'")
        )
    assert rates(unit_cost(ledger)) == (D(3000), None, D(300), D(300))
    of_bills = ledger.rows(
        "SELECT billing_month, requests FROM unit_cost WHERE day = '2026-10-31' AND basis = 'usage' ORDER BY 1"
    )
    assert of_bills == [(date(2026, 10, 1), D(1000)), (date(2026, 11, 1), D(0))]
    assert ledger.attribute().analyzed == ()


def test_a_part_of_a_day_billed_late_is_no_hole_in_the_log(ledger: Ledger) -> None:
    """100 of the 31st in October's bill and 200 in November's, of the 1st 100 in October's; the cards worked: 300."""
    machine(ledger, "2026-10-30", "300", "10")
    machine(ledger, "2026-10-31", "100", "4")
    machine(ledger, "2026-10-31", "200", "6", month=NOVEMBER)
    machine(ledger, "2026-11-01", "100", "4", month="2026-10-01")
    machine(ledger, "2026-11-01", "200", "6")
    for day in DAYS:
        ledger.activity(range(10), "i-chat", 0.5, day=day, gpus=8)
    served(ledger)
    assert rates(unit_cost(ledger)) == (D(3000), None, D(300), D(300))


def test_a_log_that_names_no_server_goes_with_the_late_machine(ledger: Ledger) -> None:
    machine(ledger, "2026-10-30", "300", "10")
    machine(ledger, "2026-10-31", "300", "10", month=NOVEMBER)
    machine(ledger, "2026-11-01", "300", "10")
    served(ledger, alias=None)
    assert rates(unit_cost(ledger)) == (D(3000), None, D(300), D(300))


def test_tokens_of_an_api_billed_late_are_counted_once(ledger: Ledger) -> None:
    """3 a day for a million tokens, of the 31st 1.20 for 400,000 in October's bill: 3 for a thousand and a million."""
    bought(ledger, "2026-10-30", "3", "1000")
    bought(ledger, "2026-10-31", "1.20", "400")
    bought(ledger, "2026-10-31", "1.80", "600", month=NOVEMBER)
    bought(ledger, "2026-11-01", "3", "1000")
    served(ledger, alias=None, model="gpt")
    found = unit_cost(ledger)
    assert found.output_tokens == D(3_000_000)
    assert rates(found) == (D(3000), None, D(3), D(3))


def test_an_api_billed_late_beside_a_machine_in_time(ledger: Ledger) -> None:
    """All of the API's 31st is in November's bill; a machine that serves another model is in October's."""
    for day in DAYS:
        machine(ledger, day, "300", "10")
    bought(ledger, "2026-10-30", "3", "1000")
    bought(ledger, "2026-10-31", "3", "1000", month=NOVEMBER)
    bought(ledger, "2026-11-01", "3", "1000")
    served(ledger)
    served(ledger, alias=None, model="gpt")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        chat, gpt = views.unit_costs(connection, BOTH, basis="allocation").rows
    assert rates(chat) == (D(3000), None, D(300), D(300))
    assert rates(gpt) == (D(3000), None, D(3), D(3))


def test_each_account_keeps_its_own_usage(ledger: Ledger) -> None:
    """Of the 31st prod's API is in October's bill at 3 and lab's in November's at 5, 1,000 requests each."""
    bought(ledger, "2026-10-31", "3", "1000", account_id="prod", stage="inference_online")
    bought(ledger, "2026-10-31", "5", "1000", account_id="lab", month=NOVEMBER, stage="inference_online")
    for name in ("prod", "lab"):
        ledger.usage({"requests": 1000, "output": 1_000_000}, model="gpt", day="2026-10-31", account_id=name)
    ledger.attribute()
    of_bills = ledger.rows(
        "SELECT effective_cost, requests, output_tokens, unpriced_requests FROM unit_cost"
        " WHERE basis = 'allocation' ORDER BY billing_month"
    )
    assert of_bills == [(D(3), D(1000), D(1_000_000), None), (D(5), D(1000), D(1_000_000), None)]
