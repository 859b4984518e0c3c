"""Analyze what changed: one transaction for each billing month, so that cost follows the month, not the history.

First the names of telemetry are joined to the resources of the bills, as both and the settings are now.

A month is analyzed again when its *fingerprint* differs: what its bills, the telemetry of its days, the names and SKU
classes, the user's rules and tag keys, and this analyzer's version were when it was last done. A crash leaves the
month as it was or as it should be, never half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, Engine, text

from aispend.clock import Clock, next_month
from aispend.money import exact_sum
from aispend.settings import Settings
from aispend.store.locks import exclusive
from aispend.store.partitions import ensure_partitions
from aispend.store.statistics import count_rows
from analyzer.adjustments import book_adjustments, book_months_gone
from analyzer.aliases import join_names
from analyzer.attribution import Attributor
from analyzer.charges import stage_charges
from analyzer.decisions import decide_charges
from analyzer.energy_hours import write_energy_hours
from analyzer.fingerprint import (
    Scope,
    end_of,
    fingerprint,
    forget_months,
    remember_allocation,
    scope_of,
    settings_words,
)
from analyzer.hours import place_by_hour
from analyzer.names import stage_names
from analyzer.outlook import OutlookReport, look_ahead
from analyzer.shared_memory import crowded_cards
from analyzer.shares import divide, drop_slices, make_share_tables, replace_slices, weigh_whole_charges
from analyzer.sharing import share_out
from analyzer.siblings import learn_from_siblings
from analyzer.spreading import spread_credits_and_fees
from analyzer.stage_signals import find_stage_signals, take_stage_signals
from analyzer.taxes import mark_lost_tax, spread_lost_tax
from analyzer.unchanged import find_unchanged
from analyzer.unit_costs import write_unit_costs
from analyzer.usage import place_by_usage

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, order=True)
class Coverage:
    """Effective cost (billed, where effective is unknown) that one rung placed for one reason; AI spend or not."""

    is_ai: bool
    rung: str
    reason: str
    currency: str
    cost: Decimal


@dataclass(frozen=True)
class AnalysisReport:
    """What :func:`analyze` did.

    ``coverage`` is of the months just analyzed; ``notes`` are sentences for a person on names that meet nothing
    and on shared accelerators whose memory ran full;
    ``outlook`` is None where nothing was to be made anew.
    """

    analyzed: tuple[date, ...]
    unchanged: int
    charges: int
    shares: int
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...] = ()
    outlook: OutlookReport | None = None

    def attributed_share(self, currency: str) -> Decimal | None:
        """Part of the AI spend of that currency that is somebody's or explained, 0 to 1; None without AI spend.

        Amounts count by their size: a credit that nobody owns is as unexplained as a cost that nobody owns.
        """
        ours = [row for row in self.coverage if row.is_ai and row.currency == currency]
        total = exact_sum(abs(row.cost) for row in ours)
        nobody = exact_sum(abs(row.cost) for row in ours if row.reason == "unattributed")
        return 1 - nobody / total if total else None


def analyze(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    *,
    months: Iterable[date] | None = None,
    progress: Progress | None = None,
) -> AnalysisReport:
    """Bring shares, roll-ups, unit costs and what is foreseen up to date with what is loaded.

    ``months`` (first days) restricts the work; None means every month. Raises ``BusyError`` when another analysis
    is running.
    """
    report = attribute(engine, settings, clock, months=months, progress=progress)
    if progress is not None:
        progress("forecasts and anomalies", 0, None)
    return replace(report, outlook=look_ahead(engine, settings, clock))


def attribute(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    *,
    months: Iterable[date] | None = None,
    progress: Progress | None = None,
) -> AnalysisReport:
    """:func:`analyze` without looking ahead: no forecast, no anomaly and no budget is made anew."""
    attributor = Attributor(settings.rules, settings.tags, settings.allocation.shared)
    words = settings_words(settings)
    wanted = None if months is None else set(months)
    with engine.begin() as connection:
        exclusive(connection, "analyze")
        known = list(connection.scalars(text(_MONTHS)))
        _forget(connection, known)
        book_months_gone(connection, known, settings, clock())
        count_rows(connection, _READ)
    if progress is not None:
        progress("joining names", 0, None)
    notes = join_names(engine, settings, clock)
    with engine.begin() as connection:
        count_rows(connection, ["resource_alias"])
    chosen = [month for month in known if wanted is None or month in wanted]
    tally = _Tally()
    found = find_unchanged(engine, chosen, words)
    with engine.begin() as connection:
        exclusive(connection, "analyze")
        found.keep(connection, clock())
        for month in found.news:
            # unchanged, it was made with the same settings: they are part of the fingerprint
            remember_allocation(connection, month, settings.allocation, clock())
    for number, month in enumerate(chosen):
        if month in found.unchanged:
            continue
        if progress is not None:
            progress(f"analyze {month:%Y-%m}", number, len(chosen))
        with engine.begin() as connection:
            exclusive(connection, "analyze")
            scope = scope_of(connection, month)
            print_now = fingerprint(connection, scope, words)
            print_then = connection.scalar(text(_PRINT_THEN), {"month": month})
            if print_now != print_then:
                charges, shares, said = _analyze_month(connection, scope, attributor, settings)
                tally.add(connection, month, charges, shares, is_new=print_then is None)
                notes = [*notes, *said]
                connection.execute(text(_REMEMBER), {"month": month, "print_now": print_now, "now": clock()})
                book_adjustments(connection, [month], settings, clock())
            remember_allocation(connection, month, settings.allocation, clock())
    if tally.analyzed:
        with engine.begin() as connection:
            count_rows(connection, _WRITTEN, anyway=tally.has_new)
    if progress is not None:
        progress("analyze", len(chosen), len(chosen))
    return tally.report(len(chosen), notes)


@dataclass
class _Tally:
    """The report in the making."""

    analyzed: list[date] = field(default_factory=list)
    has_new: bool = False
    charges: int = 0
    shares: int = 0
    coverage: dict[tuple[bool, str, str, str], Decimal] = field(default_factory=dict)

    def add(self, connection: Connection, month: date, charges: int, shares: int, *, is_new: bool) -> None:
        """Count a month just analyzed, whose tables are still at hand; ``is_new`` where it never was before."""
        self.analyzed.append(month)
        self.has_new |= is_new
        self.charges += charges
        self.shares += shares
        for is_ai, rung, reason, currency, cost in connection.execute(text(_COVERAGE)):
            key = (is_ai, rung, reason, currency)
            self.coverage[key] = exact_sum((self.coverage.get(key, Decimal(0)), cost))

    def report(self, chosen: int, notes: Sequence[str]) -> AnalysisReport:
        """The finished report over ``chosen`` months."""
        coverage = tuple(Coverage(*key, cost) for key, cost in sorted(self.coverage.items()))
        analyzed = tuple(self.analyzed)
        return AnalysisReport(analyzed, chosen - len(analyzed), self.charges, self.shares, coverage, tuple(notes))


def _analyze_month(
    connection: Connection, scope: Scope, attributor: Attributor, settings: Settings
) -> tuple[int, int, list[str]]:
    """Charges to shares and unit costs of one month; returns how many charges and shares, and what is to be said."""
    month, slices = scope.month, scope.slices
    end = end_of(scope)
    ensure_partitions(connection, [month])
    for setting in ("jit = off", "work_mem = '64MB'"):  # many short statements, of which some sort a month
        connection.execute(text(f"SET LOCAL {setting}"))
    decide_charges(connection, attributor, month=month, slices=slices, first=scope.first, last=scope.last)
    charges = stage_charges(connection, month=month, slices=slices, by_resource=attributor.reads_resource)
    mark_lost_tax(connection, settings.allocation.non_recoverable_tax)
    find_stage_signals(connection)
    take_stage_signals(connection, by_controller=True)
    learn_from_siblings(connection)
    take_stage_signals(connection, by_controller=False)
    make_share_tables(connection)
    stage_names(connection, first=scope.first, last=end)
    place_by_hour(connection, settings.allocation, first=scope.first, last=end)
    crowded = crowded_cards(connection, first=scope.first, last=end)
    place_by_usage(connection, first=scope.first, last=end)
    weigh_whole_charges(connection)
    divide(connection)
    if settings.allocation.shared:
        share_out(connection, settings.allocation.shared)
        divide(connection)
    spread_lost_tax(connection)
    spread_credits_and_fees(connection)
    divide(connection)
    shares = replace_slices(connection, month=month, slices=slices)
    write_unit_costs(
        connection,
        month=month,
        end=next_month(month),
        currency=settings.reporting_currency,
        targets=settings.latency_targets,
    )
    write_energy_hours(connection, month=month)
    return charges, shares, crowded


_MONTHS = """
    SELECT period FROM slice WHERE kind = 'bill'
    UNION SELECT date_trunc('month', period)::date FROM slice WHERE kind = 'usage'
    ORDER BY 1"""

_COVERAGE = """
    SELECT t.is_ai, t.rung, t.reason, c.currency, sum(coalesce(s.effective_cost, s.billed_cost, 0))
    FROM share_now s JOIN charge_now c USING (cid) JOIN target_now t USING (target_key)
    GROUP BY 1, 2, 3, 4"""

_PRINT_THEN = "SELECT fingerprint FROM analysis_state WHERE period = :month"

_READ = (
    *("slice", "charge", "account", "sku", "location", "resource", "tag_set", "commitment", "charge_kind"),
    *("accelerator_hour", "inference_hour", "workload_hour"),
)
"""What a load fills and an analysis joins."""

_WRITTEN = ("slice", "spend_day", "spend_resource_month")
"""What the first questions ask, which come right after the first load, before the server's own round would have counted
the rows. A month restated leaves them as large as they were; of a new month nothing is known until they are counted."""

_REMEMBER = """
    INSERT INTO analysis_state (period, fingerprint, analyzed_at) VALUES (:month, :print_now, :now)
    ON CONFLICT (period) DO UPDATE SET fingerprint = excluded.fingerprint, analyzed_at = excluded.analyzed_at"""

_GONE = """
    SELECT DISTINCT billing_month, slice_id FROM spend_day d
    WHERE NOT EXISTS (SELECT FROM slice s WHERE s.slice_id = d.slice_id AND s.kind = 'bill')"""


def _forget(connection: Connection, known: list[date]) -> None:
    """Drop shares of bills, and unit costs and the memory of months, that are no longer loaded."""
    for month, slice_id in connection.execute(text(_GONE)).all():
        drop_slices(connection, month=month, slices=[slice_id])
    for table in ("unit_cost", "energy_day"):
        connection.execute(text(f"DELETE FROM {table} WHERE billing_month <> ALL(:known)"), {"known": known})
    connection.execute(text("DELETE FROM analysis_state WHERE period <> ALL(:known)"), {"known": known})
    forget_months(connection, known)
