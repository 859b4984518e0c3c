"""Bills from the billing export in BigQuery: standard, detailed (by resource) or FOCUS, invoice month by invoice month.

*Assumes* that the table is appended to and never changed otherwise, as Google documents; an invoice month gets lines
until some two weeks after its end, and corrections come under a later one, to which they belong.

*Method.* What the table is costs nothing to ask: its columns, its partitions, and when it was last changed. Where it
was, one narrow query says of each month the newest export time, the number of lines and their cost, and in which
partitions they lie; a month for which that differs from its last success is read and replaced whole. Months before
the first that has lines are not looked for again once no line can come to them. BigQuery rolls a month's lines up
(``roll_up``), reading only those partitions, and the rows are streamed into a file that takes the way of an import.
Google's totals of the month are asked for beside it (``totals``).

*Half-way.* A query sees one state of the table. If the totals, asked last, are of another number of lines, time or cost
than the roll-up, the table was changed between them: nothing is used, and it is tried again.

*What it costs.* BigQuery charges by the bytes of the columns and partitions it reads. Each query is estimated first,
and not run where the day's budget has less left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

from aispend.clock import Clock, month_of
from aispend.errors import AispendError, NotReadyError, SettingsError
from aispend.money import cost as rounded_cost
from aispend.money import exact_sum
from collectors.answers import READS_AGAIN
from collectors.base import finding_of
from collectors.contract import Files, Finding, Part, Progress, Reading, Rows, Seen, Slice, Window
from collectors.days import months_of
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.finding import account_of, chosen, tables_of
from collectors.gcp.permissions import FIND_TABLES
from collectors.gcp.queries import Parameters, estimate, rows
from collectors.gcp.roll_up import STATE, columns_with_credits, roll_up, with_credits
from collectors.gcp.tables import ExportTable, of_resource
from collectors.gcp.totals import MonthState, state_of, states_sql, totals, totals_sql
from collectors.table_file import table_file

_NAME_ONE = "Name it, or its dataset, under [[gcp.export]]: docs/connect-gcp.md shows how to make one."
_LATE = timedelta(hours=48)
_QUIET = timedelta(hours=2)
"""So long after a change the table may not yet say that it was changed."""

_FIRST = " first"
"""Ends the token of the first month that has lines: those before it had none when it was read."""

_BEFORE = timedelta(days=2)
"""Lines of a month may be appended so long before it begins in UTC: none should be; asking costs next to nothing."""


class Bills(GcpCollector):
    """See the module's text."""

    kind = "bills"
    reach = timedelta(days=400)
    restated_for = timedelta(days=62)
    operations = (
        *("bigquery.tables.get", "bigquery.jobs.insert", "bigquery.jobs.get", "bigquery.jobs.getQueryResults"),
        FIND_TABLES,
    )

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._remarks: dict[str, str] = {}
        self._tables: dict[str, ExportTable] = {}
        self._states: dict[str, MonthState] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per table and invoice month that has lines, the newest first."""
        self._tables.clear()
        for name, location in self._exports().items():
            table = self._table(name, location)
            wanted = [month for month in months_of(window) if not self._settled(table, month, window, seen)]
            known = {month: seen[key] for month in wanted if (key := _key(table, month)) in seen}
            if window.usual and known and _unchanged(table, wanted, known):
                for month, one in known.items():
                    yield Slice(_key(table, month), one.token, _title(table, month))
                continue
            states = self._ask_states(table, wanted) if wanted else {}
            first, _ = _first(table, seen) or (min(states, default=None) if window.usual else None, None)
            for month in wanted:
                if month in states:
                    self._states[_key(table, month)] = states[month]
                    token = f"{states[month].token}{_FIRST if month == first else ''}"
                    yield Slice(_key(table, month), token, _title(table, month))

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The month as BigQuery rolls it up, in a file; and Google's totals of it."""
        name, _, text = piece.key.rpartition(" ")
        month, table = date.fromisoformat(f"{text}-01"), self._tables[name]
        given = _of_month(table, month, self._states[piece.key])
        path = folder / f"{table.name}-{month:%Y-%m}.parquet"
        rolled_up = self._rolled_up(table, given, path, piece.title, progress)
        listed = list(rows(self.clients, table, totals_sql(table), given, f"{piece.title}: totals"))
        state = state_of(listed)
        if state.token != rolled_up.token:
            raise NotReadyError(
                "The billing export changed while it was read.",
                where=f"{piece.title}: {rolled_up.lines:,} lines of {rolled_up.cost}, "
                f"then {state.lines:,} of {state.cost}",
                next_step=READS_AGAIN,
            )
        summed = totals(listed, month, self.clock())
        token = f"{state.token}{_FIRST if piece.token.endswith(_FIRST) else ''}"
        parts: list[Part] = [
            Files("bills", [path], rows=rolled_up.lines, export=table.name),
            Rows("provider_total", summed),
        ]
        said = self._remarks.pop(table.name, "")  # once in a run
        return Reading(parts, (said,) if said else (), token=token)

    def examine(self) -> Iterator[Finding]:
        """Each table, when it was appended to last, and what reading its newest month would cost; nothing is read."""
        try:
            with self.explained(self.name):
                for name, location in self._exports().items():
                    if said := self._remarks.get(name):
                        yield Finding("note", said)
                    yield self._examined(self._table(name, location))
                yield from self._missing()
        except AispendError as error:
            yield finding_of(error, self.name)

    def _examined(self, table: ExportTable) -> Finding:
        now = self.clock()
        month = month_of(now.date())
        given = _of_month(table, month, MonthState(None, 0, Decimal(0), _instant(month - _BEFORE), now))
        size = estimate(self.clients, table, roll_up(table).text, given)
        said = f"{table.kind} export {table.name}: reading {month:%Y-%m} takes {size / 1e9:,.3f} GB"
        allowed = self.clients.connection.bigquery_gb_per_day
        if size > allowed * 1_000_000_000:
            told = f"{said}, and a day may read bigquery_gb_per_day = {allowed}"
            return Finding("broken", told, "Raise it in aispend.toml: no day's budget is enough for the month.")
        if table.modified is None:
            return Finding("good", said)
        said += f"; appended to {table.modified.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if now - table.modified > _LATE:
            return Finding("note", said, "Google appends several times a day: look at Billing export in the console.")
        return Finding("good", said)

    def _exports(self) -> dict[str, str | None]:
        """The tables to read, with the location the settings give; remarks on those chosen from several are kept."""
        given = self.clients.connection.exports
        if not given:
            raise SettingsError("No table of the billing export is named.", where=self.name, next_step=_NAME_ONE)
        found = {one.table: one.location for one in given if one.table}
        named = {account_of(table) for table in found}
        for one in given:
            if one.dataset is None:
                continue
            there = chosen(tables_of(self.clients, one.dataset), self.clients.connection.billing_accounts)
            if not there:
                raise SettingsError(
                    "In the dataset is no table of a billing export.",
                    where=f"{self.name}: {one.dataset}",
                    next_step="Google makes it some hours after the export is enabled. A table of another name: "
                    "give it as table under [[gcp.export]].",
                )
            for best in there:
                if best.account not in named:
                    found[best.table] = one.location
                    self._remarks[best.table] = best.said
        return found

    def _table(self, name: str, location: str | None) -> ExportTable:
        if name not in self._tables:
            found = self.clients.bigquery().get_table(name, retry=None).to_api_repr()
            if location:
                found |= {"location": location}
            self._tables[name] = of_resource(name, found)
        return self._tables[name]

    def _settled(self, table: ExportTable, month: date, window: Window, seen: Mapping[str, Seen]) -> bool:
        """Whether a month was collected, or had no lines, after Google had stopped changing it."""
        one = seen.get(_key(table, month))
        if one is None and (known := _first(table, seen)) is not None and month < known[0]:
            one = known[1]
        return window.usual and one is not None and one.at.date() > month + self.restated_for

    def _ask_states(self, table: ExportTable, months: list[date]) -> dict[date, MonthState]:
        first, last = min(months), max(months)
        given: dict[str, Any] = {"from_month": f"{first:%Y%m}", "to_month": f"{last:%Y%m}"}
        if table.partition:
            given["first"] = _as(table, _instant(first - _BEFORE))
        what = f"{table.name}: what changed since {first:%Y-%m}"
        return {
            date(int(row["month"][:4]), int(row["month"][4:6]), 1): state_of([row])
            for row in rows(self.clients, table, states_sql(table), given, what)
        }

    def _rolled_up(
        self, table: ExportTable, given: Parameters, path: Path, title: str, progress: Progress | None
    ) -> MonthState:
        """Write the roll-up to a file; returns the state of the lines it is of."""
        query = roll_up(table)
        focus = table.kind == "focus"
        columns = dict(query.columns) if focus else columns_with_credits(query.columns)
        newest: datetime | None = None
        lines, cost = 0, Decimal(0)

        def made() -> Iterator[Mapping[str, Any]]:
            nonlocal newest, lines, cost
            for number, row in enumerate(rows(self.clients, table, query.text, given, title)):
                if progress and number % 10_000 == 0:
                    progress(f"{title}: rows", number, None)
                if (said := row.get("x_ExportTime" if focus else "export_time")) is not None:
                    newest = max(newest, said) if newest else said
                lines += int(row["x_lines"])
                cost = exact_sum((cost, row[STATE] or Decimal(0)))
                yield row if focus else with_credits(row)

        with table_file(path, columns) as write:
            write(made())
        return MonthState(newest, lines, rounded_cost(cost))


def _unchanged(table: ExportTable, wanted: list[date], known: Mapping[date, Seen]) -> bool:
    """Whether nothing was appended since all wanted months were seen last; those before and after them had no lines."""
    if table.modified is None or any(month not in known for month in wanted if min(known) < month < max(known)):
        return False
    return table.modified + _QUIET < min(one.at for one in known.values())


def _first(table: ExportTable, seen: Mapping[str, Seen]) -> tuple[date, Seen] | None:
    """The first month that has lines, as far as was looked, with its last success; None where it was not read yet."""
    found = [key for key, one in seen.items() if one.token.endswith(_FIRST) and key.startswith(f"{table.name} ")]
    return min(((date.fromisoformat(f"{key[-7:]}-01"), seen[key]) for key in found), default=None, key=itemgetter(0))


def _of_month(table: ExportTable, month: date, state: MonthState) -> Parameters:
    given: dict[str, Any] = {"month": f"{month:%Y%m}"}
    if table.partition and state.first is not None and state.last is not None:
        given |= {"first": _as(table, state.first), "last": _as(table, state.last)}
    return given


def _as(table: ExportTable, at: datetime | date) -> datetime | date:
    """A bound of partitions in the type they are of."""
    field = (table.partition or "").rpartition(".")[2]
    if table.columns.get(field) == "DATE":
        return at.date() if isinstance(at, datetime) else at
    return at if isinstance(at, datetime) else _instant(at)


def _key(table: ExportTable, month: date) -> str:
    return f"{table.name} {month:%Y-%m}"


def _title(table: ExportTable, month: date) -> str:
    return f"{table.name.rpartition('.')[2]}, {month:%Y-%m}"


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
