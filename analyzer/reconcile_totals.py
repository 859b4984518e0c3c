"""Imported AWS bills against what AWS itself adds up in Cost Explorer (promise 1).

Method
    Per source of totals, account, month and currency, billed cost is held against unblended cost and effective cost
    against amortised cost, each on one basis: bills in FOCUS have private discounts inside, as the *net* costs have.
    A Cost and Usage Report has them inside or on lines of their own, which its load says. Where it does not: if
    AWS's two totals are one, either will do; if they differ, the one that the bill equals is the bill's basis, and a
    bill that equals neither is not compared.

Cases
    - No difference is tolerated but the rounding of lines and totals to the ten decimals AWS writes, and that is named.
    - A total older than the bill is stale; one that AWS still calls an estimate is no total yet; a bill delivered
      before AWS closes the month may lack late data. Such a difference is shown and no fault of the bill.
    - A source with an account in the bills of a month sees their payer, or a part of it: what else it has of that month
      must be there too. Totals of a month without a bill say nothing of bills.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.clock import next_month
from analyzer.findings import Finding, minus, plain

PROMISE = "matches AWS's own totals"
CLOSED_AFTER = timedelta(days=15)
"""After a month's end, until AWS has closed it."""

_HALF_OF_LAST_DECIMAL = Decimal("0.00000000005")
_BASES = {
    "billed_cost": ("NetUnblendedCost", "UnblendedCost"),
    "effective_cost": ("NetAmortizedCost", "AmortizedCost"),
}
"""What a cost is held against: with private discounts inside, and without."""

_PLACE = {"net": 0, "unblended": 1}
"""Which of the two it is."""

_TOTALS = """
    SELECT source, account, period_start AS month, currency, metric, sum(amount) AS amount, count(*) AS amounts,
           coalesce(bool_or(estimated), false) AS estimated, min(as_of) AS as_of
    FROM provider_total
    WHERE provider = 'aws' AND account IS NOT NULL AND period_start = date_trunc('month', period_start)
      AND metric = ANY(:metrics)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 2, 4, 5"""

_BILLED = """
    WITH loaded AS (
        SELECT DISTINCT ON (slice_id) slice_id, CASE
            WHEN flags @> '[{"flag": "net_cost"}]' THEN 'net'
            WHEN flags @> '[{"flag": "unblended_cost"}]' THEN 'unblended' END AS basis
        FROM load WHERE outcome = 'loaded' ORDER BY slice_id, load_id DESC)
    SELECT coalesce(a.sub_account_id, a.billing_account_id) AS account, s.period AS month,
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
    WHERE s.kind = 'bill' AND s.provider = 'aws'
      AND s.period IN (SELECT period_start FROM provider_total WHERE provider = 'aws')
    GROUP BY 1, 2, 3"""

_Row = Mapping[str, Any]


def matches_the_providers_totals(connection: Connection) -> Iterator[Finding]:
    """Each account's month in the bill is what AWS adds up, or the difference has a name."""
    metrics = [metric for pair in _BASES.values() for metric in pair]
    totals: dict[tuple[str, date], dict[tuple[str, str], dict[str, _Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in connection.execute(text(_TOTALS), {"metrics": metrics}).mappings():
        totals[row["source"], row["month"]][row["account"], row["currency"]][row["metric"]] = dict(row)
    if not totals:
        return
    bills: dict[tuple[date, str], dict[str, _Row]] = defaultdict(dict)
    for row in connection.execute(text(_BILLED)).mappings():
        bills[row["month"], row["account"]][row["currency"]] = dict(row)
    for (source, month), accounts in totals.items():
        seen = [bill for account, _ in accounts for bill in bills.get((month, account), {}).values()]
        if not seen:
            continue  # of no bill that is loaded
        for (account, currency), theirs in accounts.items():
            scope = f"{source} {account}"
            billed = bills.get((month, account), {})
            if currency in billed:
                yield from _compare(scope, month, currency, billed[currency], theirs)
            elif billed:
                yield from _other_currency(scope, month, currency, sorted(billed), theirs)
            else:
                yield from _missing(scope, month, currency, seen, theirs)


def _compare(scope: str, month: date, currency: str, bill: _Row, theirs: Mapping[str, _Row]) -> Iterator[Finding]:
    for column, metrics in _BASES.items():
        ours = bill[column]
        if ours is None or not bill[f"knows_{column}"]:
            continue  # what the bill does not give is held against nothing
        total = _same_basis(bill, ours, [theirs.get(metric) for metric in metrics])
        label = column.replace("_", " ")
        if total is None:
            basis = _basis(bill)
            said = " or ".join(metrics if basis is None else [metrics[_PLACE[basis]]])
            cause = f"{label}: there is no total on the bill's basis ({said}): not compared"
            if basis is None and all(metric in theirs for metric in metrics):
                cause = f"{label}: {' and '.join(metrics)} differ, and the bill equals neither: not compared"
            yield Finding(PROMISE, scope, month, currency, ours, None, None, cause, True, attention=True)
            continue
        difference = minus(ours, total["amount"])
        rounding = (Decimal(bill["lines"]) + Decimal(total["amounts"])) * _HALF_OF_LAST_DECIMAL
        if abs(difference) <= rounding:
            cause = f"{plain(difference, sign=True)} is rounding to ten decimals" if difference else "equal"
            holds, attention = True, False
        else:
            cause, holds = _named(difference, month, total, bill["first_loaded"], bill["loaded"])
            attention = holds
        yield Finding(
            PROMISE,
            scope,
            month,
            currency,
            ours,
            total["amount"],
            difference,
            f"{label}, {total['metric']}: {cause}",
            holds,
            attention,
        )


def _same_basis(bill: _Row, ours: Decimal, pair: Sequence[_Row | None]) -> _Row | None:
    """The total on the bill's own basis; None where there is none, or it cannot be told."""
    net, gross = pair
    if basis := _basis(bill):
        return pair[_PLACE[basis]]
    if net is None or gross is None:
        return None
    if net["amount"] == gross["amount"]:
        return gross
    for total in (gross, net):
        if abs(minus(ours, total["amount"])) <= (bill["lines"] + total["amounts"]) * _HALF_OF_LAST_DECIMAL:
            return total
    return None


def _basis(bill: _Row) -> str | None:
    """Whether the bill is net of private discounts or not, where that is known of all of it."""
    if bill["is_focus"]:
        return "net"
    return bill["basis"] if bill["every_basis"] else None


def _named(difference: Decimal, month: date, total: _Row, first_loaded: datetime, loaded: datetime) -> tuple[str, bool]:
    """Why they differ, and whether that is no fault of the bill."""
    signed, asked = plain(difference, sign=True), f"{total['as_of'].astimezone(UTC):%Y-%m-%d %H:%M}"
    if total["estimated"]:
        return f"{signed}: the total of {asked} is still an estimate", True
    if total["as_of"] < loaded:
        return f"{signed}: the total of {asked} is stale, the bill was loaded {_at(loaded)}", True
    if first_loaded.astimezone(UTC).date() <= next_month(month) + CLOSED_AFTER:
        return (
            f"{signed}: late data; the bill was loaded {_at(first_loaded)}, before AWS closed the month: load it again",
            True,
        )
    return f"{signed} is unexplained", False


def _other_currency(
    scope: str, month: date, currency: str, others: Sequence[str], theirs: Mapping[str, _Row]
) -> Iterator[Finding]:
    amount = _any(theirs)["amount"]
    if amount:
        cause = f"the bill is in {', '.join(others)}: not compared"
        yield Finding(PROMISE, scope, month, currency, None, amount, None, cause, True, attention=True)


def _missing(
    scope: str, month: date, currency: str, seen: Sequence[_Row], theirs: Mapping[str, _Row]
) -> Iterator[Finding]:
    total = _any(theirs)
    if not total["amount"]:
        return
    difference = minus(Decimal(0), total["amount"])
    cause, holds = _named(
        difference,
        month,
        total,
        min(bill["first_loaded"] for bill in seen),
        max(bill["loaded"] for bill in seen),
    )
    cause = f"no charge of this account is loaded: {cause}"
    yield Finding(PROMISE, scope, month, currency, None, total["amount"], difference, cause, holds, attention=holds)


def _any(theirs: Mapping[str, _Row]) -> _Row:
    """What AWS bills: net where it says so."""
    named = (theirs[metric] for pair in _BASES.values() for metric in pair if metric in theirs)
    return next(named)


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"
