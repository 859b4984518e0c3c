"""What a machine is paid in, and what its currency is worth."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from aispend.schema import charge_kind, exchange_rate
from aispend.store import Store
from recommender.subjects.machines import Machine, load_machines
from tests.recommender.subjects.conftest import AS_OF, DAYS, SPOT, write


def spot_machine(ledger: Store) -> Machine:
    with ledger.engine.connect() as connection:
        (found,) = (one for one in load_machines(connection, AS_OF, DAYS) if one.resource_key == 3)
    return found


def test_a_dollar_is_worth_what_the_newest_rate_says(ledger: Store) -> None:
    assert spot_machine(ledger).per_dollar == 1
    with ledger.engine.begin() as connection:
        connection.execute(
            charge_kind.update().where(charge_kind.c.charge_kind_key == SPOT).values(billing_currency="EUR")
        )
    assert spot_machine(ledger).per_dollar is None
    rates = ((date(2026, 1, 1), "0.5"), (date(2026, 11, 20), "0.8"), (date(2026, 11, 22), "0.9"))
    for day, rate in rates:
        write(ledger, exchange_rate, base="USD", quote="EUR", valid_from=day, rate=Decimal(rate), source="x")
    assert spot_machine(ledger).per_dollar == Decimal("0.8")
