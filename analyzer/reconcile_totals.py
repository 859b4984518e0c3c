"""Bills against what their cloud itself adds up: Cost Explorer, Cost Management, Google's export (promise 1).

Method
    Per source of totals, account, month and currency, billed cost is held against unblended (Azure: actual) cost and
    effective cost against amortised cost, each on one basis. Azure has one basis. AWS has two: bills in FOCUS have
    private discounts inside, as the *net* costs have. A Cost and Usage Report has them inside or on lines of their own,
    which its load says. Where it does not: if AWS's two totals are one, either will do; if they differ, the one that
    the bill equals is the bill's basis, and a bill that equals neither is not compared. Google's is cost with credits,
    as BigQuery sums its export by project and service; how commitment fees are spread it does not say.

Cases
    - No difference is tolerated but the rounding of lines and totals to the ten decimals AWS writes, and of totals that
      Azure adds up in floating point (a millionth of a millionth of them), and that is named.
    - A total older than the bill is stale; one that is still called an estimate is no total yet; a bill delivered
      before the cloud closes the month may lack late data. Such a difference is shown and no fault of the bill.
    - A source with an account in the bills of a month sees their payer, or a part of it: what else it has of that month
      must be there too. Totals of a month without a bill say nothing of bills.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.clock import next_month
from analyzer.findings import Finding, minus, plain

PROMISE = "matches the cloud's own totals"
CLOSED_AFTER = timedelta(days=15)
"""After a month's end, until AWS has closed it."""

_Row = Mapping[str, Any]
_HALF_OF_LAST_DECIMAL = Decimal("0.00000000005")


@dataclass(frozen=True)
class _Cloud:
    """Whose totals: ``bases`` are the metrics each cost is held against, AWS's with private discounts inside first.

    ``inexact`` is the part of an amount by which adding up in floating point may miss, ``half`` what rounding may make
    of a line or total.
    """

    provider: str
    name: str
    bases: Mapping[str, tuple[str, ...]]
    rounding: str
    inexact: Decimal = Decimal(0)
    half: Decimal = _HALF_OF_LAST_DECIMAL

    @property
    def metrics(self) -> list[str]:
        return [metric for metrics in self.bases.values() for metric in metrics]

    def tolerance(self, bill: _Row, total: _Row) -> Decimal:
        """The most that rounding makes of it."""
        last = (Decimal(bill["lines"]) + Decimal(total["amounts"])) * self.half
        return last + Decimal(total["magnitude"]) * self.inexact


@dataclass(frozen=True)
class _Place:
    """One account's month in one currency; ``scope`` names it with the source of the totals."""

    cloud: _Cloud
    scope: str
    month: date
    currency: str

    def finding(
        self,
        ours: Decimal | None,
        theirs: Decimal | None,
        difference: Decimal | None,
        cause: str,
        *,
        holds: bool = True,
        attention: bool = False,
    ) -> Finding:
        return Finding(
            PROMISE, self.scope, self.month, self.currency, ours, theirs, difference, cause, holds, attention=attention
        )


_CLOUDS = (
    _Cloud(
        "aws",
        "AWS",
        {
            "billed_cost": ("NetUnblendedCost", "UnblendedCost"),
            "effective_cost": ("NetAmortizedCost", "AmortizedCost"),
        },
        rounding="rounding to ten decimals",
    ),
    _Cloud(
        "azure",
        "Azure",
        {"billed_cost": ("ActualCost",), "effective_cost": ("AmortizedCost",)},
        rounding="rounding in floating point",
        inexact=Decimal("1e-12"),
    ),
    _Cloud(
        "gcp",
        "Google",
        {"billed_cost": ("NetCost",)},
        rounding="rounding to twelve decimals",
        half=Decimal("0.0000000000005"),
    ),
)

_POSITION = {"net": 0, "unblended": 1}
"""Which of AWS's two it is."""

_TOTALS = """
    SELECT source, lower(account) AS account, period_start AS month, currency, metric, sum(amount) AS amount,
           count(*) AS amounts, sum(abs(amount)) AS magnitude,
           coalesce(bool_or(estimated), false) AS estimated, min(as_of) AS as_of
    FROM provider_total
    WHERE provider = :provider AND account IS NOT NULL AND period_start = date_trunc('month', period_start)
      AND metric = ANY(:metrics)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 2, 4, 5"""

_BILLED = """
    WITH loaded AS (
        SELECT DISTINCT ON (slice_id) slice_id, CASE
            WHEN flags @> '[{"flag": "net_cost"}]' THEN 'net'
            WHEN flags @> '[{"flag": "unblended_cost"}]' THEN 'unblended' END AS basis
        FROM load WHERE outcome = 'loaded' ORDER BY slice_id, load_id DESC)
    SELECT regexp_replace(lower(coalesce(a.sub_account_id, a.billing_account_id)), '^/subscriptions/', '') AS account,
           s.period AS month,
           k.billing_currency AS currency, sum(c.billed_cost) AS billed_cost, sum(c.effective_cost) AS effective_cost,
           bool_and('billed_cost' = ANY(s.columns_known)) AS knows_billed_cost,
           bool_and('effective_cost' = ANY(s.columns_known)) AS knows_effective_cost,
           sum(c.line_count) AS lines, min(s.loaded_at) AS first_loaded, max(s.loaded_at) AS loaded,
           bool_and(s.dataset LIKE 'focus%') AS is_focus,
           CASE WHEN bool_and(l.basis = 'net') THEN 'net' WHEN bool_and(l.basis = 'unblended') THEN 'unblended' END
           AS basis, count(*) = count(l.basis) AS every_basis
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    LEFT JOIN loaded l ON l.slice_id = s.slice_id
    WHERE s.kind = 'bill' AND s.provider = :provider
      AND s.period IN (SELECT period_start FROM provider_total WHERE provider = :provider)
    GROUP BY 1, 2, 3"""


def matches_the_providers_totals(connection: Connection) -> Iterator[Finding]:
    """Each account's month in the bill is what the cloud adds up, or the difference has a name."""
    for cloud in _CLOUDS:
        yield from _of_cloud(connection, cloud)


def _of_cloud(connection: Connection, cloud: _Cloud) -> Iterator[Finding]:
    totals: dict[tuple[str, date], dict[tuple[str, str], dict[str, _Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in connection.execute(text(_TOTALS), {"metrics": cloud.metrics, "provider": cloud.provider}).mappings():
        totals[row["source"], row["month"]][row["account"], row["currency"]][row["metric"]] = dict(row)
    if not totals:
        return
    bills: dict[tuple[date, str], dict[str, _Row]] = defaultdict(dict)
    for row in connection.execute(text(_BILLED), {"provider": cloud.provider}).mappings():
        bills[row["month"], row["account"]][row["currency"]] = dict(row)
    for (source, month), accounts in totals.items():
        seen = [bill for account, _ in accounts for bill in bills.get((month, account), {}).values()]
        if not seen:
            continue  # of no bill that is loaded
        for (account, currency), theirs in accounts.items():
            place = _Place(cloud, f"{source} {account}", month, currency)
            billed = bills.get((month, account), {})
            if currency in billed:
                yield from _compare(place, billed[currency], theirs)
            elif billed:
                yield from _other_currency(place, sorted(billed), theirs)
            else:
                yield from _missing(place, seen, theirs)


def _compare(place: _Place, bill: _Row, theirs: Mapping[str, _Row]) -> Iterator[Finding]:
    for column, metrics in place.cloud.bases.items():
        ours = bill[column]
        if ours is None or not bill[f"knows_{column}"]:
            continue  # what the bill does not give is held against nothing
        total = _same_basis(place.cloud, bill, ours, [theirs.get(metric) for metric in metrics])
        label = column.replace("_", " ")
        if total is None:
            basis = _basis(bill) if len(metrics) > 1 else None
            said = " or ".join(metrics if basis is None else [metrics[_POSITION[basis]]])
            cause = f"{label}: there is no total on the bill's basis ({said}): not compared"
            if basis is None and all(metric in theirs for metric in metrics):
                cause = f"{label}: {' and '.join(metrics)} differ, and the bill equals neither: not compared"
            yield place.finding(ours, None, None, cause, attention=True)
            continue
        difference = minus(ours, total["amount"])
        if abs(difference) <= place.cloud.tolerance(bill, total):
            cause = f"{plain(difference, sign=True)} is {place.cloud.rounding}" if difference else "equal"
            holds, attention = True, False
        else:
            cause, holds = _named(place, difference, total, bill["first_loaded"], bill["loaded"])
            attention = holds
        cause = f"{label}, {total['metric']}: {cause}"
        yield place.finding(ours, total["amount"], difference, cause, holds=holds, attention=attention)


def _same_basis(cloud: _Cloud, bill: _Row, ours: Decimal, pair: Sequence[_Row | None]) -> _Row | None:
    """The total on the bill's own basis; None where there is none, or it cannot be told."""
    if len(pair) == 1:
        return pair[0]
    net, gross = pair
    if basis := _basis(bill):
        return pair[_POSITION[basis]]
    if net is None or gross is None:
        return None
    if net["amount"] == gross["amount"]:
        return gross
    for total in (gross, net):
        if abs(minus(ours, total["amount"])) <= cloud.tolerance(bill, total):
            return total
    return None


def _basis(bill: _Row) -> str | None:
    """Whether the bill is net of private discounts or not, where that is known of all of it."""
    if bill["is_focus"]:
        return "net"
    return bill["basis"] if bill["every_basis"] else None


def _named(
    place: _Place, difference: Decimal, total: _Row, first_loaded: datetime, loaded: datetime
) -> tuple[str, bool]:
    """Why they differ, and whether that is no fault of the bill."""
    signed, asked = plain(difference, sign=True), f"{total['as_of'].astimezone(UTC):%Y-%m-%d %H:%M}"
    if total["estimated"]:
        return f"{signed}: the total of {asked} is still an estimate", True
    if total["as_of"] < loaded:
        return f"{signed}: the total of {asked} is stale, the bill was loaded {_at(loaded)}", True
    if first_loaded.astimezone(UTC).date() <= next_month(place.month) + CLOSED_AFTER:
        said = f"the bill was loaded {_at(first_loaded)}, before {place.cloud.name} closed the month"
        return f"{signed}: late data; {said}: load it again", True
    return f"{signed} is unexplained", False


def _other_currency(place: _Place, others: Sequence[str], theirs: Mapping[str, _Row]) -> Iterator[Finding]:
    amount = _any(place.cloud, theirs)["amount"]
    if amount:
        cause = f"the bill is in {', '.join(others)}: not compared"
        yield place.finding(None, amount, None, cause, attention=True)


def _missing(place: _Place, seen: Sequence[_Row], theirs: Mapping[str, _Row]) -> Iterator[Finding]:
    total = _any(place.cloud, theirs)
    if not total["amount"]:
        return
    difference = minus(Decimal(0), total["amount"])
    first, last = min(bill["first_loaded"] for bill in seen), max(bill["loaded"] for bill in seen)
    cause, holds = _named(place, difference, total, first, last)
    cause = f"no charge of this account is loaded: {cause}"
    yield place.finding(None, total["amount"], difference, cause, holds=holds, attention=holds)


def _any(cloud: _Cloud, theirs: Mapping[str, _Row]) -> _Row:
    """What the cloud bills: net where it says so."""
    return next(theirs[metric] for metric in cloud.metrics if metric in theirs)


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"
