"""Cost Management in Azure's double: what Azure itself adds up of the sample company's bills.

It knows the question the product asks, totals of some days by subscription and service, and answers from the exports
that were delivered: in floating point, a page at a time, and now and then with a limit that names no ``Retry-After``,
as Azure does. Each billing account answers for its own bill.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from sample.arrow import pa
from sample.azure_double import Azure, Call, RefusalError, Reply

QUERY = "POST /*/providers/Microsoft.CostManagement/query"
_PATH = re.compile(r"^/(?P<scope>.+)/providers/Microsoft\.CostManagement/query$", re.IGNORECASE)
_COLUMNS = {"ActualCost": "BilledCost", "AmortizedCost": "EffectiveCost"}
_PAGE = 5
_EVERY_FEW = 7
"""Each of so many questions is refused once."""
_WAIT = "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"

Totals = Mapping[tuple[str, str, str, str], Mapping[str, Decimal]]
"""Billed and effective cost by month, subscription, service and currency."""


class CostManagement:
    """Totals by billing account (``providers/Microsoft.Billing/billingAccounts/…``), from folders of exports."""

    def __init__(self, bills: Sequence[Path]) -> None:
        self.totals: dict[str, Totals] = {}
        for bill in bills:
            for account, found in _of_exports(bill).items():
                self.totals[account.strip("/").lower()] = found
        self.asked = 0
        self._azure: Azure | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The billing accounts there are."""
        return tuple(sorted(self.totals))

    def join(self, azure: Azure) -> None:
        """Answer for this server."""
        self._azure = azure
        azure.on(QUERY, self._answer)

    def rows(self, scope: str, question: Mapping[str, Any]) -> list[list[Any]] | None:
        """All rows of an answer; None for a scope nothing is known of."""
        known = self.totals.get(scope.lower())
        if known is None:
            return None
        first, last = (question["timePeriod"][name][:10] for name in ("from", "to"))
        column = _COLUMNS[question["type"]]
        return [
            [float(costs[column]), subscription, service, currency]
            for (month, subscription, service, currency), costs in sorted(known.items())
            if first <= f"{month}-01" <= last
        ]

    def _answer(self, call: Call) -> Any:
        match = _PATH.match(call.path)
        rows = self.rows(match["scope"], call.body) if match else None
        self.asked += 1
        if rows is None:
            return RefusalError(404, "NotFound", "unknown")
        if self.asked % _EVERY_FEW == 0:
            return RefusalError(429, "429", "Too many requests.", {_WAIT: "0"})
        return self._page(rows, call) if rows else Reply(status=204)

    def _page(self, rows: Sequence[Sequence[Any]], call: Call) -> Any:
        first = int(call.query.get("$skiptoken", "0"))
        last = first + _PAGE
        host = self._azure.url if self._azure else ""
        following = f"{host}{call.path}?api-version=2025-03-01&$skiptoken={last}" if last < len(rows) else None
        columns = [{"name": "Cost", "type": "Number"}]
        columns += [{"name": name, "type": "String"} for name in ("SubscriptionId", "ServiceName", "Currency")]
        properties = {"nextLink": following, "columns": columns, "rows": list(rows[first:last])}
        return {"name": "query", "type": "Microsoft.CostManagement/query", "properties": properties}


def _of_exports(bill: Path) -> dict[str, Totals]:
    found: dict[str, dict[tuple[str, str, str, str], dict[str, Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: dict.fromkeys(_COLUMNS.values(), Decimal(0)))
    )
    names = ["BillingAccountId", "BillingPeriodStart", "SubAccountId", "ServiceName", "BillingCurrency"]
    for path in sorted(bill.rglob("part_*")):
        table = _read(path, [*names, *_COLUMNS.values()])
        for row in table.group_by(names).aggregate([(name, "sum") for name in _COLUMNS.values()]).to_pylist():
            key = (
                str(row["BillingPeriodStart"])[:7],
                str(row["SubAccountId"] or "").rpartition("/")[2],
                str(row["ServiceName"] or ""),
                str(row["BillingCurrency"]),
            )
            for name in _COLUMNS.values():
                found[row["BillingAccountId"]][key][name] += row[f"{name}_sum"]
    return {account: dict(totals) for account, totals in found.items()}


def _read(path: Path, columns: list[str]) -> Any:
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path, columns=columns)
    costs = {name: pa.decimal128(38, 18) for name in _COLUMNS.values()}
    types = {**dict.fromkeys(columns, pa.string()), **costs}
    return pa.csv.read_csv(
        path,
        convert_options=pa.csv.ConvertOptions(
            include_columns=columns, column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    )
