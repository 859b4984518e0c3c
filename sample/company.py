"""Writes everything the fictional company would have: ``generate`` is the sample's one door."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from sample import (
    aws_files,
    aws_machines,
    aws_other,
    azure_files,
    azure_holdings,
    azure_lines,
    gcp_files,
    gcp_lines,
    google_holdings,
)
from sample.catalogue import UNIT
from sample.chance import Chance
from sample.demand import Demand, Series, play
from sample.inventory import write_inventory
from sample.ledger import Ints, Ledger, Lines, Owner
from sample.losses import write_losses
from sample.machines import Fleet, Running, expand
from sample.settings_file import SETTINGS
from sample.story import AWS_FLEETS, AZURE_FLEETS, GCP_FLEETS, PAYER, PODS, VOLUMES
from sample.telemetry import write_metrics, write_workloads
from sample.timeline import Timeline
from sample.token_series import SERIES
from sample.truth import Bill, hourly_split, node_splits, write_charges, write_invoices, write_machines, write_stories
from sample.usage import write_usage

BILLS = {"aws": "USD", "azure-usd": "USD", "azure-eur": "EUR", "gcp": "USD"}
"""The four bills and their currencies."""
RESTATED_MONTH = 10
"""Number of the month that was delivered twice, the second time complete."""

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class SampleCompany:
    """Where everything was written.

    ``bills`` are what ``aispend import`` is given, one per delivery. ``restated_first`` is an older delivery of
    a month that ``bills`` hold in its final form: import it first to see a month restated.
    ``azure`` is what Azure's own interfaces tell beside the bills (``azure_holdings``); nothing of it is elsewhere too.
    ``google`` is what Google's other services tell (``google_holdings``), likewise.
    ``truth`` is for tests alone; no product code opens it. ``rows`` counts what each part holds.
    """

    root: Path
    bills: list[Path]
    restated_first: Path
    azure: Path
    google: Path
    metrics: Path
    usage: Path
    workloads: Path
    inventory: Path
    settings_file: Path
    invoices: Path
    truth: Path
    rows: dict[str, int] = field(default_factory=dict)


def generate(
    target: Path,
    *,
    seed: int = 7,
    scale: float = 1.0,
    today: date,
    more: Sequence[Fleet] = (),
    asked: Sequence[Series] = (),
    progress: Progress | None = None,
) -> SampleCompany:
    """Write the company's thirteen months up to the day before ``today`` into ``target``.

    The same ``seed``, ``scale`` and ``today`` give the same bytes. ``scale`` multiplies the machines and jobs
    of ordinary fleets (1 is about 400,000 bill lines); the told special cases exist at every scale. ``more`` are
    fleets beside the company's own, ``asked`` what is asked of those of them that follow a series.
    Raises ``ValueError`` for a scale that is not positive.
    """
    if scale <= 0:
        raise ValueError(f"scale must be positive, got {scale}")
    timeline, chance = Timeline(today), Chance(seed)
    say = progress or (lambda _label, _done, _total: None)
    company = SampleCompany(
        root=target,
        bills=[target / "bills" / name for name in BILLS],
        restated_first=target / "restated_first",
        azure=target / "azure",
        google=target / "google",
        metrics=target / "metrics",
        usage=target / "usage",
        workloads=target / "workloads" / "workloads.parquet",
        inventory=target / "inventory.csv",
        settings_file=target / "aispend.toml",
        invoices=target / "invoices.csv",
        truth=target / "truth",
    )
    target.mkdir(parents=True, exist_ok=True)
    say("sample: machines and demand", 0, 7)
    machines = expand([*AWS_FLEETS, *AZURE_FLEETS, *GCP_FLEETS, *more], timeline, chance, scale)
    demands = [play(series, timeline, chance) for series in (*SERIES, *asked)]
    months = list(range(len(timeline.months)))
    of = {bill: [machine for machine in machines if machine.fleet.bill == bill] for bill in BILLS}
    splits = node_splits(machines, PODS, timeline)

    say("sample: AWS bill", 1, 7)
    aws, shared = _aws(of["aws"], demands, timeline, chance, scale)
    splits |= {key: hourly_split(users, timeline) for key, users in shared.items()}
    aws_files.write_months(company.bills[0], aws.lines, months, timeline=timeline, chance=chance)
    aws_files.write_months(
        company.restated_first / "aws",
        _first_delivery(aws, timeline),
        [RESTATED_MONTH],
        timeline=timeline,
        chance=chance,
        run="first",
    )
    say("sample: Azure bills", 2, 7)
    azure = [_azure(name, of[name], demands, timeline, chance) for name in ("azure-usd", "azure-eur")]
    for bill, folder in zip(azure, company.bills[1:3], strict=True):
        azure_files.write_months(folder, bill.name, bill.lines, months, timeline=timeline, chance=chance)
    first = _first_delivery(azure[0], timeline)
    azure_files.write_months(
        company.restated_first / "azure-usd",
        azure[0].name,
        first,
        [RESTATED_MONTH],
        timeline=timeline,
        chance=chance,
        run="first",
    )
    say("sample: Google bill", 3, 7)
    gcp = _gcp(of["gcp"], demands, timeline, chance)
    gcp_files.write_months(company.bills[3], gcp.lines, timeline, chance)

    say("sample: utilization", 4, 7)
    bills = [aws, *azure, gcp]
    by_name = {demand.series.name: demand for demand in demands}
    company.rows.update({f"{bill.name.replace('-', '_')}_lines": len(bill.lines) for bill in bills})
    company.rows["metrics"] = write_metrics(company.metrics, machines, PODS, by_name, timeline=timeline, chance=chance)
    company.rows["workloads"] = write_workloads(company.workloads, machines, PODS, timeline)
    say("sample: usage, inventory", 5, 7)
    company.rows["usage"] = write_usage(company.usage, demands, machines, timeline, chance)
    named = google_holdings.not_listed(azure_holdings.not_named(machines), timeline)
    company.rows["inventory"] = write_inventory(company.inventory, named, VOLUMES, timeline, chance)
    company.rows["azure_points"] = azure_holdings.write(company.azure, machines, by_name, timeline, chance)
    company.rows["google_points"] = google_holdings.write(company.google, machines, by_name, timeline, chance)
    company.settings_file.write_text(SETTINGS, encoding="utf-8")
    say("sample: truth", 6, 7)
    write_invoices(company.invoices, _invoices(bills, timeline, chance))
    company.rows["truth"] = write_charges(company.truth / "charges.parquet", bills, splits, timeline)
    write_machines(company.truth, machines, timeline)
    write_losses(company.truth, machines, VOLUMES, timeline, chance)
    write_stories(company.truth / "stories.json", machines, RESTATED_MONTH, timeline)
    say("sample: done", 7, 7)
    return company


def _aws(
    machines: list[Running], demands: list[Demand], timeline: Timeline, chance: Chance, scale: float
) -> tuple[Bill, dict[str, list[tuple[Owner, Ints]]]]:
    ledger = Ledger()
    aws_machines.charge_machines(ledger, machines, timeline, chance)
    shared = aws_other.charge_tokens(ledger, demands, chance)
    aws_other.charge_other(ledger, timeline, chance, scale)
    aws_other.charge_company(ledger, timeline, chance)
    lines = ledger.lines()
    return Bill("aws", "USD", lines, timeline.month_of_hour[lines.start]), shared


def _azure(name: str, machines: list[Running], demands: list[Demand], timeline: Timeline, chance: Chance) -> Bill:
    ledger = Ledger()
    azure_lines.charge_machines(ledger, name, machines, timeline, chance)
    azure_lines.charge_tokens(ledger, name, demands, timeline, chance)
    azure_lines.charge_other(ledger, name, timeline, chance)
    lines = ledger.lines()
    return Bill(name, BILLS[name], lines, timeline.month_of_hour[lines.start])


def _gcp(machines: list[Running], demands: list[Demand], timeline: Timeline, chance: Chance) -> Bill:
    ledger = Ledger()
    gcp_lines.charge(ledger, machines, demands, timeline, chance)
    gcp_lines.charge_invoice(ledger, timeline)
    lines = ledger.lines()
    return Bill("gcp", "USD", lines, gcp_lines.invoice_month(lines, timeline))


def _first_delivery(bill: Bill, timeline: Timeline) -> Lines:
    """The restated month as it was first delivered: its last two days were not there yet, nor any tax or refund."""
    end = timeline.month_start(RESTATED_MONTH + 1)
    settled = np.array([item.charge_category in ("Tax", "Adjustment", "Credit") for item in bill.lines.items])
    return bill.lines.take((bill.month == RESTATED_MONTH) & (bill.lines.start < end - 48) & ~settled[bill.lines.item])


def _invoices(bills: list[Bill], timeline: Timeline, chance: Chance) -> Iterator[tuple[Any, ...]]:
    """Invoices of the months that are over, in whole cents; Microsoft adds tax that its export leaves out."""
    for bill in bills:
        is_tax = np.array([item.charge_category == "Tax" for item in bill.lines.items])[bill.lines.item]
        for month, first in enumerate(timeline.months[:-1]):
            here = bill.month == month
            net = _cents(int(bill.lines.billed[here & ~is_tax].sum()))
            tax = _cents(int(bill.lines.billed[here & is_tax].sum()))
            if bill.name == "aws":
                number, issuer = aws_files.invoice_id(month, timeline, chance), "Amazon Web Services, Inc."
                scope = PAYER
            elif bill.name == "gcp":
                number, issuer, scope = (
                    chance.digits(10, "gcp invoice", first),
                    "Google LLC",
                    gcp_files.billing_account(chance),
                )
            else:
                number, issuer = azure_files.invoice_id(bill.name, month, timeline, chance), "Microsoft"
                scope = azure_files.account_id(bill.name, chance)
                tax = (net * (21 if bill.currency == "EUR" else 6) / 100).quantize(Decimal("0.01"))
            yield (bill.name.split("-")[0], number, issuer, scope, first.isoformat(), bill.currency, net, tax)


def _cents(amount: int) -> Decimal:
    return (Decimal(amount) / UNIT).quantize(Decimal("0.01"))
