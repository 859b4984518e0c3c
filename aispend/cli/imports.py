"""Commands that bring data in: import, import-*, invoice add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aispend.cli import doors, forms
from aispend.cli.analysis import run_analysis, say_analysis, say_notes
from aispend.cli.choices import one_of
from aispend.cli.doors import DatabaseOption, note
from aispend.errors import UsageError

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders or globs.", show_default=False)]
SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Name of where it comes from.", show_default=False)
]
TelemetrySource = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Where it comes from; resource names belong to it.")
]
AnalyzeOption = Annotated[
    bool, typer.Option("--analyze/--no-analyze", help="Work out the months it changes, right away.")
]
ScrapeOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        metavar="TIME",
        formats=["%Y-%m-%dT%H:%M:%SZ"],
        help="When a Prometheus scrape without timestamps was taken, UTC: 2026-11-20T10:15:00Z.",
        show_default=False,
    ),
]


class Unit(StrEnum):
    """What a utilization column counts in."""

    percent = "percent"
    ratio = "ratio"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("import")(import_bills)
    for name, function in (
        ("import-metrics", import_metrics),
        ("import-usage", import_usage),
        ("import-workloads", import_workloads),
        ("import-curves", import_curves),
        ("import-inventory", import_inventory),
    ):
        app.command(name)(function)
    invoices = typer.Typer(
        name="invoice", help="Invoice totals, which the bills are held against.", no_args_is_help=True
    )
    invoices.command("add")(invoice_add)
    invoices.command("import")(invoice_import)
    app.add_typer(invoices)


def import_bills(
    paths: Paths,
    source: SourceOption = None,
    accept_overlap: Annotated[
        bool,
        typer.Option(
            "--accept-overlap", help="This bill is the ledger now, where another one covers the same account and month."
        ),
    ] = False,
    analyze_after: AnalyzeOption = True,
    database: DatabaseOption = None,
) -> None:
    """Load a bill of any cloud.

    FOCUS 1.0 to 1.2, AWS CUR 1 and 2, Azure actual, amortised and FOCUS exports, Google Cloud standard
    and detailed exports; CSV, gzip, zip, Parquet, JSON lines, folders with manifests. The dialect is recognised
    by content, never by file name. Loading a month again replaces it whole; nothing is ever half loaded.

    Example: aispend import bills/2026-11/
    """
    from aispend.clock import system_clock
    from collectors.files.bills import import_bills as load

    with doors.opened(database) as door, doors.progress_bars() as bars:
        reports = load(
            paths,
            door.store,
            door.settings,
            system_clock,
            source=source,
            progress=bars,
            accept_overlap=accept_overlap,
        )
        analyzed = None
        if analyze_after and (any(report.outcome == "loaded" for report in reports) or _is_pending(door)):
            analyzed = run_analysis(door, bars)
    for report in reports:
        typer.echo(str(report))
    if analyzed is not None:
        say_analysis(analyzed, door.settings.reporting_currency)
        typer.echo("See: aispend spend --by model")


def import_metrics(
    paths: Paths,
    source: TelemetrySource = "files",
    unit: Annotated[
        Unit | None,
        typer.Option(
            "--utilization-unit",
            help="What gpu_utilization is, where the file leaves it open: percent (0 to 100) or ratio (0 to 1).",
            show_default=False,
            parser=one_of(Unit, "--utilization-unit"),
        ),
    ] = None,
    at: ScrapeOption = None,
    analyze_after: AnalyzeOption = True,
    database: DatabaseOption = None,
) -> None:
    from collectors.files.metrics import import_metrics as load

    moment = at.replace(tzinfo=UTC) if at else None
    chosen: Literal["percent", "ratio"] | None = unit.value if unit else None
    _telemetry(partial(load, utilization_unit=chosen, at=moment), paths, source, database, analyze_after)


def import_usage(
    paths: Paths,
    source: TelemetrySource = "files",
    replace: Annotated[
        bool, typer.Option("--replace", help="First forget this source's usage of the days in the files.")
    ] = False,
    at: ScrapeOption = None,
    analyze_after: AnalyzeOption = True,
    database: DatabaseOption = None,
) -> None:
    from collectors.files.usage import import_usage as load

    moment = at.replace(tzinfo=UTC) if at else None
    _telemetry(partial(load, replace=replace, at=moment), paths, source, database, analyze_after)


def import_workloads(
    paths: Paths,
    source: TelemetrySource = "files",
    analyze_after: AnalyzeOption = True,
    database: DatabaseOption = None,
) -> None:
    from collectors.files.workloads import import_workloads as load

    _telemetry(load, paths, source, database, analyze_after)


def import_curves(paths: Paths, source: TelemetrySource = "files", database: DatabaseOption = None) -> None:
    from collectors.files.curves import import_curves as load

    _telemetry(load, paths, source, database, analyze_after=False)


def import_inventory(
    paths: Paths,
    source: TelemetrySource = "files",
    analyze_after: AnalyzeOption = True,
    database: DatabaseOption = None,
) -> None:
    from aispend.clock import system_clock
    from collectors.files.inventory import import_inventory as load

    with doors.opened(database) as door, doors.progress_bars() as bars:
        report = load(paths, door.store, door.settings, system_clock, source=source, progress=bars)
        analyzed = run_analysis(door, bars) if analyze_after else None
    kept = [
        f"{number:,} {what}"
        for number, what in ((report.disks, "disks"), (report.checkpoints, "checkpoints"))
        if number
    ]
    typer.echo(", ".join((f"{report.resources:,} resources described", f"{report.aliases:,} names", *kept)))
    say_notes((*report.notes, *(analyzed.notes if analyzed else ())))


_FORMATS = "CSV, JSON lines or Parquet, gzip allowed; columns in any order, missing ones are unknown."
import_metrics.__doc__ = f"""Load accelerator utilization.

One row is one sample of one accelerator. {_FORMATS} Prometheus text of DCGM and vLLM exporters is read too.

{forms.described(forms.METRICS)}

Example: aispend import-metrics gpu-2026-11.csv
"""
import_usage.__doc__ = f"""Load inference records.

A row is a request or an aggregate. {_FORMATS} Input token classes are disjoint; reasoning is
part of output; a repeated request_id counts once.

{forms.described(forms.USAGE)}

Example: aispend import-usage gateway-2026-11.jsonl
"""
import_workloads.__doc__ = f"""Load what ran where.

Pods, job runs, endpoint replicas and notebooks, by period. {_FORMATS}

{forms.described(forms.WORKLOADS)}

Example: aispend import-workloads pods-2026-11.parquet
"""
import_curves.__doc__ = f"""Load how training runs got better.

One row is one value of a metric of a run, by time or by step. {_FORMATS} Advice on runs that went on
after they had stopped getting better needs them.

{forms.described(forms.CURVES)}

Example: aispend import-curves losses.csv
"""
import_inventory.__doc__ = f"""Load which name means which resource.

Needed where telemetry and bill use different names. {_FORMATS}

{forms.described(forms.INVENTORY)}

Example: aispend import-inventory machines.csv
"""


def invoice_add(
    provider: Annotated[str, typer.Option(help="aws, gcp or azure.")],
    number: Annotated[str, typer.Option("--id", metavar="NUMBER", help="The invoice's number, as the bill writes it.")],
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Billing month.")],
    net: Annotated[str, typer.Option(metavar="AMOUNT", help="Total before tax.")],
    tax: Annotated[str, typer.Option(metavar="AMOUNT", help="Tax.")] = "0",
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    issuer: Annotated[
        str | None,
        typer.Option(
            help="Who issued it. Default: the one known under the number, or the provider.", show_default=False
        ),
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Billing account. Default: the one loaded for the month.", show_default=False)
    ] = None,
    who: Annotated[str | None, typer.Option(help="Who enters it. Default: your login.", show_default=False)] = None,
    database: DatabaseOption = None,
) -> None:
    """Type in an invoice's total.

    'aispend reconcile' then holds the bill against it. An invoice is what one issuer says under one number: name the
    issuer where the bill has lines of several under it.

    Example: aispend invoice add --provider aws --id 2195 --month 2026-10 --net 41234.56 --tax 0
    """
    from aispend.clock import system_clock
    from aispend.store.invoices import Invoice, save_invoice

    with doors.opened(database) as door, door.store.engine.begin() as connection:
        saved = save_invoice(
            connection,
            Invoice(
                provider=provider.lower(),
                invoice_id=number,
                currency=currency.upper(),
                issuer=issuer,
                scope=scope,
                billing_month=doors.day("--month", month).replace(day=1),
                net=_amount("--net", net),
                tax=_amount("--tax", tax),
                source="typed",
                entered_by=who or login(),
            ),
            system_clock,
        )
    issued = "" if saved.issuer in (None, saved.provider) else f", issued by {saved.issuer},"
    typer.echo(
        f"Invoice {number} of {saved.provider} {saved.scope}{issued} for {saved.billing_month:%Y-%m}: "
        f"{net} net + {tax} tax {saved.currency}. Check with: aispend reconcile"
    )


def invoice_import(
    path: Annotated[Path, typer.Argument(help="A CSV file.", show_default=False)], database: DatabaseOption = None
) -> None:
    from aispend.clock import system_clock
    from collectors.files.invoices import import_invoices

    with doors.opened(database) as door:
        count = import_invoices(path, door.store, system_clock, entered_by=login())
    typer.echo(f"{count} invoices. Check with: aispend reconcile")


invoice_import.__doc__ = f"""Load invoice totals from a CSV file.

{forms.described(forms.INVOICES)}

Example: aispend invoice import invoices.csv
"""


def login() -> str:
    """The login name of whoever runs the command; "unknown" where there is none (a bare container)."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _amount(option: str, text: str) -> Any:
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise UsageError(
            "This is not an amount.", where=f"{option} {text}", next_step="Write digits and a point: 1234.56"
        )
    return amount


def _telemetry(
    load: Callable[..., Any], paths: Sequence[str], source: str, database: str | None, analyze_after: bool
) -> None:
    from aispend.clock import system_clock

    with doors.opened(database) as door, doors.progress_bars() as bars:
        report = load(paths, door.store, door.settings, system_clock, source=source, progress=bars)
        analyzed = run_analysis(door, bars) if analyze_after and report.outcome == "loaded" else None
    days = f", {report.first_day} to {report.last_day}" if report.first_day else ""
    typer.echo(
        f"{report.outcome}: {report.kind} of {len(report.files)} file(s), {report.rows_in:,} rows read, "
        f"{report.rows_out:,} written, {report.rows_rejected:,} unreadable{days}"
    )
    say_notes((*report.notes, *(analyzed.notes if analyzed else ())))
    if report.rows_rejected:
        note("See them with: aispend loads --rejected")


def _is_pending(door: doors.Door) -> bool:
    """Whether months are loaded but not analyzed: an import that was broken off, or told not to analyze."""
    from reports.views.basis import pending_bills

    with door.store.engine.connect() as connection:
        return pending_bills(connection) > 0
