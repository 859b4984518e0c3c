"""What of spend by stage is a shared cost's, of which no bill says the stage: unit costs put it where models served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from aispend.money import exact_sum
from reports.views.converted import spend_in
from reports.views.spend import CutValue, spend
from reports.views.spend_query import SpendQuery

_CUTS = ("stage", "reason", "model")


def shared_without_stage(
    connection: Connection, query: SpendQuery, currency: str | None = None
) -> Mapping[str, Decimal]:
    """The parts of shared costs that models carry and that stand under no known stage, by currency, in the query's
    cost; in ``currency`` alone if named, at the rate of each day. A currency without any is not there."""
    asked = replace(query, by=_CUTS)
    rows: Iterable[tuple[str, tuple[CutValue, ...], Decimal | None]]
    if currency is None:
        rows = ((row.currency, row.cut, row.costs.of(query.cost)) for row in spend(connection, asked).rows)
    else:
        rows = ((currency, row.cut, row.amount) for row in spend_in(connection, asked, currency).rows)
    sums: dict[str, list[Decimal]] = {}
    for code, (stage, reason, model, *_), amount in rows:
        if (stage, reason) == ("unknown", "shared") and model is not None and amount:
            sums.setdefault(code, []).append(amount)
    return {code: exact_sum(amounts) for code, amounts in sums.items()}
