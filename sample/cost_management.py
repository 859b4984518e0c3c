"""A server that answers as Cost Management does: what Azure itself adds up of the sample company's bills.

It knows the question the product asks, totals of some days by subscription and service, and answers from the exports
that were delivered: in floating point, a page at a time, and now and then with a limit that names no ``Retry-After``,
as Azure does. Each billing account answers for its own bill.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from sample.arrow import pa
from sample.local_server import on_this_machine

_QUERY = re.compile(r"^/(?P<scope>.+)/providers/Microsoft\.CostManagement/query$", re.IGNORECASE)
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

    @property
    def scopes(self) -> tuple[str, ...]:
        """The billing accounts there are."""
        return tuple(sorted(self.totals))

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


@contextmanager
def serving(costs: CostManagement) -> Iterator[str]:
    """Serve on a free port of this machine; gives the URL of the management endpoint."""
    handler = type("Handler", (_Handler,), {"costs": costs})
    with on_this_machine(handler) as url:
        yield url


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet: the client would wait for the second one
    costs: CostManagement

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urllib.parse.urlsplit(self.path)
        asked = urllib.parse.parse_qs(split.query)
        match = _QUERY.match(urllib.parse.unquote(split.path))
        rows = self.costs.rows(match["scope"], json.loads(body)) if match else None
        self.costs.asked += 1
        if rows is None or "api-version" not in asked:
            self._answer(404, {"error": {"code": "NotFound", "message": "unknown"}})
        elif self.costs.asked % _EVERY_FEW == 0:
            self._answer(429, {"error": {"code": "429", "message": "Too many requests."}}, {_WAIT: "0"})
        elif not rows:
            self._answer(204, None)
        else:
            self._page(rows, int(asked.get("$skiptoken", ["0"])[0]))

    def _page(self, rows: Sequence[Sequence[Any]], first: int) -> None:
        last = first + _PAGE
        host = self.headers["Host"]
        path = urllib.parse.urlsplit(self.path).path
        following = f"http://{host}{path}?api-version=2025-03-01&$skiptoken={last}" if last < len(rows) else None
        columns = [{"name": "Cost", "type": "Number"}]
        columns += [{"name": name, "type": "String"} for name in ("SubscriptionId", "ServiceName", "Currency")]
        properties = {"nextLink": following, "columns": columns, "rows": list(rows[first:last])}
        self._answer(200, {"name": "query", "type": "Microsoft.CostManagement/query", "properties": properties})

    def _answer(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: who collects says what it does."""
