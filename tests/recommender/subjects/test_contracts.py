"""Contracts out of own costs and agreements, imported as a person imports them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Agreement, Settings
from aispend.store import Store
from collectors.files.own_costs import import_own_costs
from recommender.subjects.contracts import Contract, load_contracts

AS_OF = datetime(2026, 9, 16, tzinfo=UTC)
HEADER = "from,to,category,description,amount,currency,team,seats,seats_used,drawn,drawn_on\n"


def contracts(store: Store, clock: Clock, folder: Path, lines: str, *agreements: Agreement) -> dict[str, Contract]:
    path = folder / "costs.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    import_own_costs([path], store, Settings(home=folder), clock)
    with store.engine.connect() as connection:
        return {one.resource_id: one for one in load_contracts(connection, AS_OF, 30, agreements)}


def test_seats_and_credits_come_with_what_is_used_of_them(database: Store, clock: Clock, tmp_path: Path) -> None:
    """3,000 for September's thirty days: fifteen of them by the 16th; a credit of 1,200 from July to September."""
    found = contracts(
        database,
        clock,
        tmp_path,
        "2026-09,,seat,Code assistant,3000,USD,search,100,60,,\n"
        "2026-07-01,2026-10-01,credit,Inference credits,1200,USD,,,,310,2026-08-31\n"
        "2026-09,,licence,Vector database,900,USD,,,,,\n"
        "2026-07,,seat,Over,100,USD,,10,1,,\n",
    )
    assert set(found) == {"contract:costs/Code assistant/search", "contract:costs/Inference credits"}
    seats = found["contract:costs/Code assistant/search"]
    assert (seats.what, seats.seats, seats.seats_used, seats.team) == ("seats", 100, 60, "search")
    assert (seats.first, seats.end) == (date(2026, 9, 1), date(2026, 10, 1))
    assert [cost.effective_cost for cost in seats.costs] == [Decimal(100)] * 15
    credit = found["contract:costs/Inference credits"]
    assert (credit.total, credit.drawn, credit.drawn_until) == (1200, 310, date(2026, 9, 1))
    # 310 in the 62 days of July and August
    assert credit.per_day == 5


def test_an_agreement_is_drawn_by_what_it_counts(database: Store, clock: Clock, tmp_path: Path) -> None:
    agreement = Agreement.model_validate(
        {"name": "floor", "provider": "own", "from": date(2026, 9, 1), "to": date(2026, 11, 1), "committed": 10_000}
    )
    later = agreement.model_copy(update={"name": "later", "valid_from": date(2026, 10, 1)})
    unknown = agreement.model_copy(update={"name": "unknown", "valid_from": date(2026, 1, 1)})
    lines = "2026-09,,hardware,Cellar,3000,USD,,,,,\n"
    found = contracts(database, clock, tmp_path, lines, agreement, later, unknown)
    assert set(found) == {"agreement:floor", "agreement:unknown"}
    floor = found["agreement:floor"]
    assert (floor.total, floor.drawn, floor.per_day) == (10_000, 1500, 100)
    assert found["agreement:unknown"].drawn is None


def test_what_the_bills_do_not_give_is_not_drawn(database: Store, clock: Clock, tmp_path: Path) -> None:
    agreement = Agreement.model_validate(
        {"name": "floor", "provider": "own", "from": date(2026, 9, 1), "to": date(2026, 11, 1), "committed": 10_000}
    )
    contracts(database, clock, tmp_path, "2026-09,,hardware,Cellar,3000,USD,,,,,\n", agreement)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET columns_known = ARRAY['effective_cost'] WHERE provider = 'own'"))
        connection.execute(text("UPDATE charge SET billed_cost = NULL"))
        (billed,) = (one for one in load_contracts(connection, AS_OF, 30, [agreement]) if one.what == "agreement")
        other = agreement.model_copy(update={"cost": "effective"})
        (effective,) = (one for one in load_contracts(connection, AS_OF, 30, [other]) if one.what == "agreement")
    assert (billed.drawn, billed.per_day) == (None, None)
    assert (effective.drawn, effective.per_day) == (1500, 100)
