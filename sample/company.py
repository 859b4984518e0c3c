"""Writes everything the fictional company would have: ``generate`` is the sample's one door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sample.aws_files import write_months
from sample.aws_machines import charge_machines
from sample.aws_other import charge_company, charge_other, charge_tokens
from sample.chance import Chance
from sample.demand import Demand, play
from sample.inventory import write_inventory
from sample.ledger import Ledger, Lines
from sample.machines import Running, expand
from sample.settings_file import SETTINGS
from sample.story import AWS_FLEETS, AZURE_FLEETS, GCP_FLEETS, PODS, SERIES
from sample.telemetry import write_metrics, write_workloads
from sample.timeline import Timeline
from sample.usage import write_usage

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class SampleCompany:
    """Where everything was written.

    ``bills`` are what ``aispend import`` is given, one per delivery. ``restated_first`` is an older delivery of
    a month that ``bills`` hold in its final form: import it first to see a month restated.
    ``truth`` is for tests alone; no product code opens it. ``rows`` counts what each part holds.
    """

    root: Path
    bills: list[Path]
    restated_first: Path
    metrics: Path
    usage: Path
    workloads: Path
    inventory: Path
    settings_file: Path
    invoices: Path
    truth: Path
    rows: dict[str, int] = field(default_factory=dict)


def generate(
    target: Path, *, seed: int = 7, scale: float = 1.0, today: date, progress: Progress | None = None
) -> SampleCompany:
    """Write the company's thirteen months up to the day before ``today`` into ``target``.

    The same ``seed``, ``scale`` and ``today`` give the same bytes. ``scale`` multiplies the machines and jobs
    of ordinary fleets (1 is about 400,000 bill lines); the told special cases exist at every scale.
    Raises ``ValueError`` for a scale that is not positive.
    """
    if scale <= 0:
        raise ValueError(f"scale must be positive, got {scale}")
    timeline, chance = Timeline(today), Chance(seed)
    say = progress or (lambda _label, _done, _total: None)
    company = SampleCompany(
        root=target,
        bills=[target / "bills" / "aws"],
        restated_first=target / "restated_first",
        metrics=target / "metrics",
        usage=target / "usage",
        workloads=target / "workloads" / "workloads.parquet",
        inventory=target / "inventory.csv",
        settings_file=target / "aispend.toml",
        invoices=target / "invoices.csv",
        truth=target / "truth",
    )
    target.mkdir(parents=True, exist_ok=True)
    say("sample: machines and demand", 0, 6)
    machines = expand(AWS_FLEETS + AZURE_FLEETS + GCP_FLEETS, timeline, chance, scale)
    demands = [play(series, timeline, chance) for series in SERIES]
    say("sample: AWS bill", 1, 6)
    aws = _aws(machines, demands, timeline, chance, scale)
    write_months(company.bills[0], aws, list(range(len(timeline.months))), timeline, chance)
    say("sample: telemetry", 4, 6)
    by_name = {demand.series.name: demand for demand in demands}
    company.rows.update(
        aws_lines=len(aws),
        metrics=write_metrics(company.metrics, machines, PODS, by_name, timeline, chance),
        workloads=write_workloads(company.workloads, machines, PODS, timeline),
        usage=write_usage(company.usage, demands, machines, timeline, chance),
        inventory=write_inventory(company.inventory, machines, timeline),
    )
    company.settings_file.write_text(SETTINGS, encoding="utf-8")
    say("sample: done", 6, 6)
    return company


def _aws(machines: list[Running], demands: list[Demand], timeline: Timeline, chance: Chance, scale: float) -> Lines:
    ledger = Ledger()
    charge_machines(ledger, [machine for machine in machines if machine.fleet.bill == "aws"], timeline, chance)
    charge_tokens(ledger, demands, chance)
    charge_other(ledger, timeline, chance, scale)
    charge_company(ledger, timeline, chance)
    return ledger.lines()
