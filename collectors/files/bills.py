"""``aispend import``: bills from files, delivery by delivery, each all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aispend.clock import Clock
from aispend.errors import AispendError

if TYPE_CHECKING:
    from aispend.engine.line import LineSql
    from aispend.engine.result import FlagCount, RolledSlice, RollUpSummary
    from aispend.engine.run import RollUp
    from aispend.engine.scan import Delivery
    from aispend.settings import Settings
    from aispend.store import Store
    from aispend.store.bills import Bill, Loaded
    from aispend.store.loads import Attempt, EarlierLoad

ROLL_UP_VERSION = "5"
"""Changes whenever the same lines may give other facts; a month imported before is then imported again."""

_BASES = {
    "net_cost": "Billed cost is net of private discounts.",
    "unblended_cost": "Billed cost is unblended: private discounts are lines of their own.",
}
"""By the name in a load's flags: what AWS's own totals are to be compared on."""

Progress = Callable[[str, int, int | None], None]
Outcome = Literal["loaded", "unchanged"]


@dataclass(frozen=True)
class LoadReport:
    """What loading one slice did. ``totals`` are per currency the sums of the raw lines, as decimal text.

    ``replaced_lines`` is the number of lines its earlier content had, None where there was none.
    ``lines`` became facts; ``rejected`` lines could not be read. A line that does not say whose it is counts with the
    largest slice of its delivery.
    """

    files: tuple[str, ...]
    dialect: str
    dataset: str
    provider: str
    scope: str
    month: date
    state: str
    lines: int
    facts: int
    rejected: int
    replaced_lines: int | None
    totals: Mapping[str, Mapping[str, str]]
    flags: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    outcome: Outcome
    seconds: float

    def __str__(self) -> str:
        money = ", ".join(
            f"{_shown_amount(costs)} {currency}" for currency, costs in sorted(self.totals.items()) if costs
        )
        what = f"{self.provider} {self.scope} {self.month:%Y-%m} ({self.dataset})"
        if self.outcome == "unchanged":
            return f"{what}: unchanged, {self.lines:,} lines, {money}"
        text = f"{what}: {self.lines:,} lines → {self.facts:,} facts, {money}, {self.state}, {self.seconds:.1f} s"
        if self.replaced_lines is not None:
            text += f"; replaced {self.replaced_lines:,} lines"
        if self.rejected:
            kept = "line could not be read and is" if self.rejected == 1 else "lines could not be read and are"
            text += f"; {self.rejected:,} {kept} kept in rejected_row"
        for flag in self.flags:
            if flag["flag"] in _BASES:
                continue  # of no concern where nothing is compared; net costs have a note of their own
            text += f"\n  {flag['flag']}: {flag['lines']:,} lines. {flag['explanation']}"
        return text + "".join(f"\n  note: {note}" for note in self.notes)


def import_bills(
    paths: Sequence[str | Path],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str | None = None,
    progress: Progress | None = None,
    accept_overlap: bool = False,
) -> list[LoadReport]:
    """Load bills from files, folders, globs and archives; one report per slice.

    Each delivery (the files that belong together) is loaded whole or not at all; deliveries before a failing one stay
    loaded. Loading the same content under the same settings again changes nothing.
    Raises ``InputError``, ``OverlapError``, ``BusyError``.
    """
    from aispend.engine.duck import DuckEngine
    from collectors.files import intake
    from collectors.files.workfolder import work_folder

    with work_folder(settings.home, "import-") as workdir:
        engine = DuckEngine(settings.engine, workdir)
        found = intake.deliveries(paths, workdir)
        reports: list[LoadReport] = []
        for place, delivery in enumerate(found):
            if progress:
                progress(_label(delivery), place, len(found))
            reports += _Import(engine, store, settings, clock, source or "import", accept_overlap).load(delivery)
        if progress:
            progress("bills", len(found), len(found))
        return reports


def _label(delivery: Delivery) -> str:
    more = f" and {len(delivery.files) - 1} more" if len(delivery.files) > 1 else ""
    return f"{Path(delivery.files[0].shown_as).name}{more}"


@dataclass(frozen=True)
class _Import:
    engine: Any
    store: Store
    settings: Settings
    clock: Clock
    source: str
    accept_overlap: bool

    def load(self, delivery: Delivery) -> list[LoadReport]:
        from aispend.store import loads

        attempt = loads.Attempt(
            dataset=delivery.line.dataset,
            change_token=change_token(delivery, self.settings),
            files=[{"name": f.shown_as, "bytes": f.path.stat().st_size, "rows": None} for f in delivery.files],
            started_at=self.clock(),
        )
        if earlier := loads.unchanged(self.store, attempt.change_token):
            loads.record_unchanged(self.store, earlier, attempt, self.clock())
            return [self._unchanged(delivery, one, attempt) for one in earlier]
        try:
            return self._roll_up_and_load(delivery, attempt)
        except AispendError as error:
            loads.record_failure(self.store, attempt, str(error), self.clock())
            raise

    def _roll_up_and_load(self, delivery: Delivery, attempt: Attempt) -> list[LoadReport]:
        from aispend.prices.classify import SkuDescription, classify
        from aispend.store.bills import replace_bill

        rolled: RollUp
        with self.engine.roll_up(
            delivery,
            lambda sku: classify(SkuDescription(**sku)),
            rules=self.settings.rules,
            tag_keys=self.settings.tags,
        ) as rolled:
            bill = _bill(delivery, rolled.summary, attempt, self.source)
            loaded = replace_bill(self.store, bill, rolled, clock=self.clock, accept_overlap=self.accept_overlap)
        return [
            self._loaded(delivery, bill, one, into) for one, into in zip(rolled.summary.slices, loaded, strict=True)
        ]

    def _seconds(self, started: datetime) -> float:
        return (self.clock() - started).total_seconds()

    def _loaded(self, delivery: Delivery, bill: Bill, one: RolledSlice, into: Loaded) -> LoadReport:
        place = [each.key for each in bill.slices].index(one.key)
        counted = bill.slices[place].counted
        return LoadReport(
            files=tuple(file.shown_as for file in delivery.files),
            dialect=delivery.dialect,
            dataset=into.dataset,
            provider=one.key.provider,
            scope=one.key.scope,
            month=one.key.month,
            state=into.state,
            lines=one.lines,
            facts=one.facts,
            rejected=counted.rejected,
            replaced_lines=into.replaced_lines,
            totals=counted.totals,
            flags=tuple(counted.flags),
            notes=delivery.line.notes if place == 0 else (),
            outcome="loaded",
            seconds=self._seconds(bill.attempt.started_at),
        )

    def _unchanged(self, delivery: Delivery, one: EarlierLoad, attempt: Attempt) -> LoadReport:
        provider, scope, month = one.key
        return LoadReport(
            files=tuple(file.shown_as for file in delivery.files),
            dialect=delivery.dialect,
            dataset=one.dataset,
            provider=provider,
            scope=scope,
            month=month,
            state=one.state,
            lines=one.lines,
            facts=one.facts,
            rejected=one.rejected,
            replaced_lines=None,
            totals=one.totals,
            flags=tuple(one.flags),
            notes=(),
            outcome="unchanged",
            seconds=self._seconds(attempt.started_at),
        )


def change_token(delivery: Delivery, settings: Settings) -> str:
    """What the facts of a delivery depend on: its content and mapping, the catalogue, the user's rules on AI spend."""
    from aispend.prices.classify import RULES_VERSION

    ruling = [rule.model_dump_json() for rule in settings.rules if rule.assign.ai is not None]
    words = repr((ROLL_UP_VERSION, RULES_VERSION, ruling, settings.tags.model))
    return f"{delivery.change_token}:{hashlib.sha256(words.encode()).hexdigest()[:16]}"


def _bill(delivery: Delivery, summary: RollUpSummary, attempt: Attempt, source: str) -> Bill:
    """The roll-up as the store takes it."""
    from aispend.engine.rollup import columns_given
    from aispend.store.bill_rates import BillRate
    from aispend.store.bills import Bill, BillSlice
    from aispend.store.loads import Counted, Rejected

    slices = [
        BillSlice(
            one.key,
            Counted(
                lines=one.lines,
                facts=one.facts,
                rejected=one.rejected,
                totals=_texts(one.totals),
                residuals=_texts(one.residuals),
                flags=[*_basis(delivery.line, one), *(_flag(flag) for flag in one.flags)],
            ),
            one.invoiced,
            [BillRate(**vars(rate)) for rate in one.rates],
        )
        for one in summary.slices
    ]
    return Bill(
        source=source,
        half=delivery.line.half,
        columns_known=columns_given(delivery.line),
        attempt=replace(attempt, files=[{"name": f.name, "bytes": f.bytes, "rows": f.lines} for f in summary.files]),
        slices=slices,
        rejected=[
            Rejected(r.key, r.file, r.line, r.column, r.value, r.reason, r.raw)
            for r in summary.rejected
            if r.key is not None
        ],
    )


def _texts(by_currency: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {
        currency: {name: format(amount, "f") for name, amount in costs.items()}
        for currency, costs in by_currency.items()
    }


def _basis(line: LineSql, one: RolledSlice) -> list[dict[str, object]]:
    """Of a source that has costs with and without private discounts: which ones this slice was billed by."""
    if line.net is None:
        return []
    name = "net_cost" if f"{one.key.scope}|{one.key.month}" in line.net else "unblended_cost"
    said: dict[str, object] = {
        "flag": name,
        "column": "billed_cost",
        "currency": None,
        "lines": one.lines,
        "amount": None,
    }
    return [said | {"explanation": _BASES[name]}]


def _flag(flag: FlagCount) -> dict[str, object]:
    return {
        "flag": flag.flag,
        "column": flag.column,
        "currency": flag.currency,
        "lines": flag.lines,
        "amount": None if flag.amount is None else format(flag.amount, "f"),
        "explanation": flag.explanation,
    }


def _shown_amount(costs: Mapping[str, str]) -> str:
    column = next(name for name in ("billed_cost", *costs) if name in costs)
    return f"{column.removesuffix('_cost')} {Decimal(costs[column]):,.2f}"
