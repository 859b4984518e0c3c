"""Analyze what changed: one transaction for each provider's month, so that cost follows the month, not the history.

A month is analyzed again when its *fingerprint* differs: what its bills, the telemetry of its days, the names and SKU
classes, the user's rules and tag keys, and this analyzer's version were when it was last done. A crash leaves the
month as it was or as it should be, never half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, Engine, text

from aispend.clock import Clock, next_month
from aispend.money import exact_sum
from aispend.settings import Settings
from aispend.store.locks import exclusive
from aispend.store.partitions import ensure_partitions
from analyzer.attribution import Attributor
from analyzer.charges import stage_charges
from analyzer.decisions import decide_charges
from analyzer.fingerprint import fingerprint, settings_words
from analyzer.hours import place_by_hour
from analyzer.shares import divide, drop_slices, make_share_tables, replace_slices, weigh_whole_charges
from analyzer.siblings import learn_from_siblings
from analyzer.spreading import spread_credits_and_fees
from analyzer.unit_costs import write_unit_costs
from analyzer.usage import place_by_usage

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, order=True)
class ProviderMonth:
    """The unit of analysis."""

    provider: str
    month: date


@dataclass(frozen=True)
class Coverage:
    """Effective cost (billed, where effective is unknown) that one rung placed for one reason; AI spend or not."""

    is_ai: bool
    rung: str
    reason: str
    currency: str
    cost: Decimal


@dataclass(frozen=True)
class AnalysisReport:
    """What :func:`analyze` did. ``coverage`` is of the months just analyzed."""

    analyzed: tuple[ProviderMonth, ...]
    unchanged: int
    charges: int
    shares: int
    coverage: tuple[Coverage, ...]

    def attributed_share(self, currency: str) -> Decimal | None:
        """Part of the AI spend of that currency that is somebody's or explained, 0 to 1; None without AI spend."""
        ours = [row for row in self.coverage if row.is_ai and row.currency == currency]
        total = sum((row.cost for row in ours), Decimal(0))
        nobody = sum((row.cost for row in ours if row.reason == "unattributed"), Decimal(0))
        return 1 - nobody / total if total else None


def analyze(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    *,
    months: Iterable[date] | None = None,
    progress: Progress | None = None,
) -> AnalysisReport:
    """Bring shares, roll-ups and unit costs up to date with what is loaded.

    ``months`` (first days) restricts the work; None means every month. Raises ``BusyError`` when another analysis
    is running.
    """
    attributor = Attributor(settings.rules, settings.tags)
    words = settings_words(settings)
    wanted = None if months is None else set(months)
    with engine.begin() as connection:
        exclusive(connection, "analyze")
        known = _provider_months(connection)
        _forget(connection, known)
    chosen = [item for item in known if wanted is None or item.month in wanted]
    report = _Tally()
    for number, item in enumerate(chosen):
        if progress is not None:
            progress(f"{item.provider} {item.month:%Y-%m}", number, len(chosen))
        with engine.begin() as connection:
            exclusive(connection, "analyze")
            scope = _scope(connection, item)
            print_now = fingerprint(
                connection, month=item.month, slices=scope.slices, first=scope.first, last=scope.last, settings=words
            )
            if print_now != _print_then(connection, item):
                report.add(connection, item, *_analyze_month(connection, scope, attributor, settings))
                _remember(connection, item, print_now, clock)
    if progress is not None:
        progress("analyzed", len(chosen), len(chosen))
    return report.finished(len(chosen))


@dataclass(frozen=True)
class _Scope:
    """A provider's month as loaded: its slices, and the first and last day of their charges."""

    item: ProviderMonth
    slices: list[int]
    first: date
    last: date


class _Tally:
    """The report in the making."""

    def __init__(self) -> None:
        self.analyzed: list[ProviderMonth] = []
        self.charges = 0
        self.shares = 0
        self.coverage: dict[tuple[bool, str, str, str], Decimal] = {}

    def add(self, connection: Connection, item: ProviderMonth, charges: int, shares: int) -> None:
        """Count a month just analyzed, whose tables are still at hand."""
        self.analyzed.append(item)
        self.charges += charges
        self.shares += shares
        for is_ai, rung, reason, currency, cost in connection.execute(text(_COVERAGE)):
            key = (is_ai, rung, reason, currency)
            self.coverage[key] = exact_sum((self.coverage.get(key, Decimal(0)), cost))

    def finished(self, chosen: int) -> AnalysisReport:
        """The report."""
        rows = tuple(Coverage(*key, cost) for key, cost in sorted(self.coverage.items()))
        done = tuple(self.analyzed)
        return AnalysisReport(done, chosen - len(done), self.charges, self.shares, rows)


def _scope(connection: Connection, item: ProviderMonth) -> _Scope:
    found = {"provider": item.provider, "month": item.month}
    slices = list(connection.scalars(text(_SLICES), found))
    first, last = connection.execute(text(_DAYS), {"month": item.month, "slices": slices}).one()
    return _Scope(item, slices, min(first or item.month, item.month), max(last or item.month, _last_day(item.month)))


def _last_day(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def _analyze_month(
    connection: Connection, scope: _Scope, attributor: Attributor, settings: Settings
) -> tuple[int, int]:
    """Charges to shares and unit costs of one provider's month; returns how many charges and shares."""
    month, slices = scope.item.month, scope.slices
    end = scope.last + timedelta(days=1)
    ensure_partitions(connection, [month])
    decide_charges(connection, attributor, month=month, slices=slices, first=scope.first, last=scope.last)
    charges = stage_charges(connection, month=month, slices=slices, by_resource=attributor.reads_resource)
    learn_from_siblings(connection)
    make_share_tables(connection)
    place_by_hour(connection, first=scope.first, last=end)
    place_by_usage(connection, first=scope.first, last=end)
    weigh_whole_charges(connection)
    divide(connection)
    spread_credits_and_fees(connection)
    divide(connection)
    shares = replace_slices(connection, month=month, slices=slices)
    write_unit_costs(
        connection,
        provider=scope.item.provider,
        month=month,
        first=month,
        last=next_month(month),
        currency=connection.scalar(text(_MAIN_CURRENCY)) or settings.reporting_currency,
    )
    return charges, shares


_SLICES = (
    "SELECT slice_id FROM slice WHERE kind = 'bill' AND provider = :provider AND period = :month ORDER BY slice_id"
)

_DAYS = """
    SELECT min(charge_date), max(greatest(charge_date, charge_end_date - 1))
    FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices)"""

_COVERAGE = """
    SELECT t.is_ai, t.rung, t.reason, c.currency, sum(coalesce(s.effective_cost, s.billed_cost, 0))
    FROM share_now s JOIN charge_now c USING (cid) JOIN target_now t USING (target_key)
    GROUP BY 1, 2, 3, 4"""


_MAIN_CURRENCY = "SELECT currency FROM charge_now GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 1"

_BILLED_OR_USED = """
    SELECT provider, period FROM slice WHERE kind = 'bill'
    UNION
    SELECT DISTINCT lower(provider), date_trunc('month', hour AT TIME ZONE 'UTC')::date
    FROM inference_hour WHERE provider IS NOT NULL"""


def _provider_months(connection: Connection) -> list[ProviderMonth]:
    """Every provider's month with a bill, and every month with usage of a provider."""
    return sorted(ProviderMonth(provider, month) for provider, month in connection.execute(text(_BILLED_OR_USED)))


def _forget(connection: Connection, known: Iterable[ProviderMonth]) -> None:
    """Drop shares of bills, and unit costs and the memory of months, that are no longer loaded."""
    gone = connection.execute(
        text(
            "SELECT DISTINCT billing_month, slice_id FROM spend_day d"
            " WHERE NOT EXISTS (SELECT FROM slice s WHERE s.slice_id = d.slice_id AND s.kind = 'bill')"
        )
    ).all()
    for month, slice_id in gone:
        drop_slices(connection, month=month, slices=[slice_id])
    listed = [f"{item.provider} {item.month}" for item in known]
    for table, month in (("unit_cost", "billing_month"), ("analysis_state", "period")):
        connection.execute(
            text(f"DELETE FROM {table} WHERE provider || ' ' || {month} <> ALL(:listed)"), {"listed": listed}
        )


def _print_then(connection: Connection, item: ProviderMonth) -> str | None:
    found: str | None = connection.scalar(
        text("SELECT fingerprint FROM analysis_state WHERE provider = :provider AND period = :month"),
        {"provider": item.provider, "month": item.month},
    )
    return found


def _remember(connection: Connection, item: ProviderMonth, print_now: str, clock: Clock) -> None:
    connection.execute(
        text(
            "INSERT INTO analysis_state (provider, period, fingerprint, analyzed_at)"
            " VALUES (:provider, :month, :print_now, :now) ON CONFLICT (provider, period)"
            " DO UPDATE SET fingerprint = excluded.fingerprint, analyzed_at = excluded.analyzed_at"
        ),
        {"provider": item.provider, "month": item.month, "print_now": print_now, "now": clock()},
    )
