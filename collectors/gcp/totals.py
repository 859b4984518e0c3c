"""What Google itself adds up: per project, service and invoice month, to hold the ledger against, never added to it.

Two questions to the export, both apart from the roll-up. Of each month, what must change whenever its lines do: the
newest export time, the number of lines and their cost. And of one month its totals, which also say that state again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aispend.clock import next_month
from aispend.money import cost as rounded_cost
from aispend.money import exact_sum
from collectors.gcp.roll_up import month as month_sql
from collectors.gcp.roll_up import within
from collectors.gcp.tables import LINE, ExportTable, plain

COST, CREDITS, NET = "Cost", "Credits", "NetCost"
"""Metrics; FOCUS has the last alone, as billed cost."""
SETTLED_AFTER = timedelta(days=15)
"""After its end, until Google has closed an invoice month."""


@dataclass(frozen=True)
class MonthState:
    """A month's lines: newest export, number and cost before credits; and the partitions they lie in, if any."""

    newest: datetime | None
    lines: int
    cost: Decimal
    first: datetime | date | None = None
    last: datetime | date | None = None

    @property
    def token(self) -> str:
        """Changes whenever the lines do."""
        newest = f"{self.newest:%Y-%m-%dT%H:%M:%S.%fZ}" if self.newest else "-"
        return f"{newest} {self.lines} {self.cost:f}"


def states_sql(table: ExportTable) -> str:
    """The state of each month from ``from_month`` to ``to_month``; reads four narrow columns."""
    bounds = f"MIN({table.partition}) AS first, MAX({table.partition}) AS last" if table.partition else "1 AS one"
    partitions = f"{table.partition} >= @first AND " if table.partition else ""
    return (
        f"SELECT {month_sql(table)} AS month, {_state(table)}, {bounds}\nFROM `{table.name}` AS {LINE}\n"
        f"WHERE {partitions}{month_sql(table)} BETWEEN @from_month AND @to_month\nGROUP BY month"
    )


def totals_sql(table: ExportTable) -> str:
    """The totals of one month by account, service and currency, with the state of the lines of each."""
    if table.kind == "focus":
        account, service, currency = f"{LINE}.SubAccountId", f"{LINE}.ServiceName", f"{LINE}.BillingCurrency"
        owner = f"{LINE}.BillingAccountId"
        amounts = [f"SUM({plain(table, 'BilledCost')}) AS {NET}"]
    else:
        account, service, currency = f"{LINE}.project.id", f"{LINE}.service.description", f"{LINE}.currency"
        owner = f"{LINE}.billing_account_id"
        credit = "SAFE_CAST(CAST(credit.amount AS STRING) AS BIGNUMERIC)"
        credits_ = f"(SELECT SUM({credit}) FROM UNNEST({LINE}.credits) AS credit)" if table.has("credits[]") else "0"
        amounts = [f"SUM({plain(table, 'cost')}) AS {COST}", f"SUM(COALESCE({credits_}, 0)) AS {CREDITS}"]
    return (
        f"SELECT {owner} AS billing_account, {account} AS project, {service} AS service, {currency} AS currency,\n"
        f"  {', '.join(amounts)}, {_state(table)}\nFROM `{table.name}` AS {LINE}\nWHERE {within(table)}\n"
        "GROUP BY billing_account, project, service, currency"
    )


def _state(table: ExportTable) -> str:
    cost, exported = ("BilledCost", "x_ExportTime") if table.kind == "focus" else ("cost", "export_time")
    newest = f"MAX({LINE}.{exported})" if table.has(exported) else "CAST(NULL AS TIMESTAMP)"
    return f"{newest} AS state_newest, COUNT(*) AS state_lines, SUM({plain(table, cost)}) AS state_cost"


def state_of(rows: Iterable[Mapping[str, Any]]) -> MonthState:
    """The state that rows of either question say, together."""
    listed = list(rows)
    newest = [one["state_newest"] for one in listed if one["state_newest"] is not None]
    costs = [Decimal(one["state_cost"]) for one in listed if one["state_cost"] is not None]
    return MonthState(
        newest=max(newest, default=None),
        lines=sum(int(one["state_lines"]) for one in listed),
        cost=rounded_cost(exact_sum(costs)),
        first=min((one["first"] for one in listed if one.get("first") is not None), default=None),
        last=max((one["last"] for one in listed if one.get("last") is not None), default=None),
    )


def totals(rows: Iterable[Mapping[str, Any]], month: date, now: datetime) -> list[dict[str, Any]]:
    """Rows of ``provider_total`` from the answer to :func:`totals_sql`.

    What is of no project (tax, fees of commitments) is of the billing account, as in the bill.
    """
    end = next_month(month)
    found = []
    for row in rows:
        known = {name: row[name] for name in (COST, CREDITS, NET) if row.get(name) is not None}
        amounts = {name: Decimal(amount) for name, amount in known.items()}
        if COST in amounts:
            amounts[NET] = exact_sum([amounts[COST], amounts.get(CREDITS, Decimal(0))])
        found += [
            {
                "provider": "gcp",
                "account": row["project"] or row["billing_account"],
                "period_start": month,
                "period_end": end,
                "metric": metric,
                "dimensions": {"project": row["project"], "service": row["service"]},
                "amount": rounded_cost(amount),
                "currency": str(row["currency"]).upper(),
                "estimated": now.date() < end + SETTLED_AFTER,
                "as_of": now,
            }
            for metric, amount in amounts.items()
        ]
    return found
