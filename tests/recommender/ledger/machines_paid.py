"""Machines that are paid for by the hour, and advice about them: what the tests of the savings ledger are made of.

A machine costs 10 an hour (list 12.50) unless told otherwise. Bills of August to October 2026 are final, November's is
provisional; each is known to the last day that ``known_to`` says, by a machine that runs all the time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select, update

from aispend.clock import Clock
from aispend.schema import recommendation, resource, saving, saving_baseline
from recommender.ledger.floors import Floor
from recommender.ledger.months import update_ledger
from recommender.life import Doing, change_state
from tests.reports.ledger import Ledger, Share

AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (8, 9, 10, 11))
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
TYPE = "p4d.24xlarge"


def now() -> datetime:
    """The clock of these tests."""
    return NOW


class Paid:
    """A database with bills; every method adds to it."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.ledger = connection, Ledger(connection)
        self.slices = {
            month: self.ledger.bill("aws", "111", month, state="provisional" if month == NOVEMBER else "final")
            for month in (AUGUST, SEPTEMBER, OCTOBER, NOVEMBER)
        }

    def known_to(self, *days: date, list_rate: str = "12.5") -> None:
        """Another machine of the same type is paid for on these days, so the bill has them and a list price."""
        for day in days:
            self.hours("i-other", day, day + timedelta(days=1), list_rate=list_rate)

    def hours(
        self,
        name: str,
        first: date,
        end: date,
        *,
        rate: str | None = "10",
        list_rate: str | None = "12.5",
        hours: str = "24",
        instance_type: str = TYPE,
        **words: Any,
    ) -> None:
        """A machine is paid for by day from ``first`` to before ``end``."""
        for number in range((end - first).days):
            day = first + timedelta(days=number)
            cost = None if rate is None else str(Decimal(rate) * Decimal(hours))
            listed = None if list_rate is None else str(Decimal(list_rate) * Decimal(hours))
            self.ledger.charge(
                self.slices[day.replace(day=1)],
                day,
                [Share((cost, cost, listed, cost))],
                provider="aws",
                service="Amazon EC2",
                region="us-east-1",
                resource_id=name,
                pricing_quantity=hours,
                sku_columns={"pricing_unit": "Hours", "instance_type": instance_type, "platform": "gpu_vm"},
                **words,
            )

    def know(self, name: str, **columns: Any) -> None:
        """Say more of a resource."""
        self.connection.execute(update(resource).where(resource.c.resource_id == name).values(**columns))

    def advise(self, name: str, *resources: str, kind: str = "stop_idle", net: str = "7300", **columns: Any) -> str:
        """An open recommendation, with a range from nine tenths to eleven tenths of its net saving."""
        amount = Decimal(net)
        row = {
            "id": name,
            "kind": kind,
            "resource_key": 0,
            "resource_id": resources[0],
            "provider": "aws",
            "account": "111",
            "current": TYPE,
            "proposed": "less",
            "target": "stop",
            "monthly_cost": amount,
            "monthly_saving_list": amount,
            "monthly_saving_effective": amount,
            "monthly_saving_net": amount,
            "saving_p10": amount * Decimal("0.9"),
            "saving_p50": amount,
            "saving_p90": amount * Decimal("1.1"),
            "currency": "USD",
            "risk": 0,
            "confidence": "high",
            "effort": "low",
            "one_off_cost": 0,
            "evidence": {},
            "acts_on": {one: {"monthly_cost": "1", "counted_net": "1"} for one in resources},
            "gate": None,
            "hard_to_regain": False,
            "estimate_only": False,
            "reason": "it is so",
            "undo": "start it",
            "state": "open",
            "counted": True,
            "counted_effective": amount,
            "counted_net": amount,
            "created_at": NOW,
            "updated_at": NOW,
        }
        self.connection.execute(insert(recommendation).values(row | columns))
        return name

    def done(self, name: str, on: date, *, clock: Clock = now, planned_end: date | None = None) -> None:
        """It was done on that day."""
        change_state(self.connection, name, "done", who="ana", doing=Doing(on, planned_end), clock=clock)

    def taken_back(self, name: str, on: date) -> None:
        """What was done was taken back on that day."""
        change_state(
            self.connection,
            name,
            "reopened",
            who="ana",
            clock=lambda: datetime(on.year, on.month, on.day, 9, tzinfo=UTC),
        )

    def lines(self, name: str, *floors: Floor) -> dict[str, Any]:
        """The ledger brought up to date; its lines by month, as ``2026-10``."""
        update_ledger(self.connection, floors, NOW)
        rows = self.connection.execute(
            select(saving).where(saving.c.recommendation_id == name).order_by(saving.c.month)
        )
        return {f"{row.month:%Y-%m}": row for row in rows}

    def baseline(self, name: str) -> Any:
        """What is written down of it."""
        return self.connection.execute(select(saving_baseline).where(saving_baseline.c.recommendation_id == name)).one()

    def state(self, name: str) -> str:
        """State of a recommendation."""
        return str(self.connection.scalar(select(recommendation.c.state).where(recommendation.c.id == name)))
