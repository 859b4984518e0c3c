"""The sample company in the database: whether to load it, whether it is there, and loading it like a real bill."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.cli import doors
from aispend.cli.analysis import analysis_sentence, recommended, run_analysis

if TYPE_CHECKING:
    from aispend.cli.up import Steps
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.runner import SourceReport
    from sample.company import SampleCompany

SOURCE = "sample"
STALE_DAYS = 7
"""A sample this much older than today is made anew; a younger one is good enough to look at."""


@dataclass(frozen=True)
class Marker:
    """Which sample is loaded, and how to know that this database holds it: its slices and when the last came."""

    version: str
    seed: int
    scale: float
    day: str
    slices: int
    loaded_at: str


def wants_sample(store: Store, asked: bool | None) -> bool:
    """Whether to load the sample: as asked, else unless the database holds somebody's real bill."""
    from sqlalchemy import select

    from aispend.schema import slice_

    if asked is not None:
        return asked
    others = select(slice_.c.slice_id).where(slice_.c.kind == "bill", ~slice_.c.source.startswith(SOURCE)).limit(1)
    with store.engine.connect() as connection:
        return connection.scalar(others) is None


def load_sample(store: Store, settings: Settings, steps: Steps, *, seed: int, scale: float) -> Settings:
    """Make sure the sample is loaded, analyzed and advised on; returns the settings it was analyzed with."""
    from aispend.clock import system_clock
    from aispend.settings import load_settings
    from analyzer.agreements import drawn_so_far
    from recommender.run import recommend

    folder = settings.home / "sample"
    today = system_clock().date()
    loaded = _loaded(store, folder, seed, scale, today)
    if loaded is not None:
        with steps.step(f"sample company is loaded, to {date.fromisoformat(loaded.day) - timedelta(days=1)}"):
            pass
    else:
        _load(store, settings, steps, folder, seed=seed, scale=scale, today=today)
    found = load_settings(database_url=settings.database_url)
    settings = found.model_copy(update={"dashboard": settings.dashboard})
    door = doors.Door(settings, store)
    with steps.step("analyzed") as details, doors.progress_bars() as bars:
        details.append(analysis_sentence(run_analysis(door, bars), settings.reporting_currency))
    if loaded is None:
        with steps.step("recommended") as details, doors.progress_bars() as bars:
            report = recommend(store.engine, settings, system_clock, progress=bars, drawn=drawn_so_far)
            details.append(recommended(report))
        _write_marker(store, folder, seed, scale, today)
    return settings


def _load(
    store: Store, settings: Settings, steps: Steps, folder: Path, *, seed: int, scale: float, today: date
) -> None:
    from aispend.clock import system_clock
    from aispend.settings import load_settings
    from aispend.store.forgetting import forget_telemetry
    from collectors.files.inventory import import_inventory
    from collectors.files.invoices import import_invoices
    from collectors.files.metrics import import_metrics
    from collectors.files.usage import import_usage
    from collectors.files.workloads import import_workloads
    from sample.company import generate

    with steps.step("sample company generated") as details, doors.progress_bars() as bars:
        if folder.exists():
            shutil.rmtree(folder)
        company = generate(folder, seed=seed, scale=scale, today=today, progress=bars)
        details.append(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in company.rows.items()))
    with store.engine.begin() as connection:
        forget_telemetry(connection, SOURCE)  # an older sample's days lie between those of this one
    if not _has_settings_file(settings):
        shutil.copy(company.settings_file, settings.home / "aispend.toml")
        settings = load_settings(database_url=settings.database_url)
    with steps.step("AWS bill collected from S3") as details, doors.progress_bars() as bars:
        for delivery in (company.restated_first / "aws", company.bills[0]):
            collected = collect_aws(delivery, store, settings, bars)
        details.append(f"{collected.loaded} billing months, {collected.requests_sent} requests")
    _load_azure(company, store, settings, steps)
    _load_google(company, store, settings, steps)
    if company.invoices.is_file():
        import_invoices(company.invoices, store, system_clock, entered_by=SOURCE)
    telemetry: list[tuple[str, Any, Path]] = [
        ("inventory", import_inventory, company.inventory),
        ("metrics", import_metrics, company.metrics),
        ("usage", import_usage, company.usage),
        ("workloads", import_workloads, company.workloads),
    ]
    for name, load, path in telemetry:
        with steps.step(f"{name} imported") as details, doors.progress_bars() as bars:
            report = load([path], store, settings, system_clock, source=SOURCE, progress=bars)
            details.append(f"{report.rows_in:,} rows" if name != "inventory" else f"{report.aliases:,} names")


def _load_azure(company: SampleCompany, store: Store, settings: Settings, steps: Steps) -> None:
    from aispend.cli.trial_azure import azure_serving, collect_azure_rest, collect_azure_totals, other_kinds
    from aispend.cli.trial_cloud import collect_from
    from collectors.azure.cloud import Azure

    final = {"focus-usd": company.bills[1], "focus-eur": company.bills[2]}
    with azure_serving(final, company.azure) as azure:
        with steps.step("Azure bills collected from Blob storage") as details, doors.progress_bars() as bars:
            with azure_serving({"focus-usd": company.restated_first / "azure-usd"}) as before:
                collect_from(Azure(), before, store, settings, bars, kinds=("bills",))
            (spent,) = collect_from(Azure(), azure, store, settings, bars, kinds=("bills",))
            requests = spent.requests_sent + collect_azure_totals(azure, store, settings, bars).requests_sent
            details.append(f"{spent.loaded} billing months and Azure's own totals, {requests} requests")
        with steps.step(f"Azure {', '.join(other_kinds())} collected") as details, doors.progress_bars() as bars:
            reports = collect_azure_rest(azure, store, settings, bars)
            details.append(f"{sum(one.requests_sent for one in reports):,} requests")


def _load_google(company: SampleCompany, store: Store, settings: Settings, steps: Steps) -> None:
    from aispend.cli.trial_cloud import collect_from
    from aispend.cli.trial_gcp import google_serving, other_kinds
    from collectors.gcp.cloud import Gcp

    with google_serving(company) as google:
        with steps.step("Google Cloud bill collected from BigQuery") as details, doors.progress_bars() as bars:
            (spent,) = collect_from(Gcp(), google, store, settings, bars, kinds=("bills",))
            details.append(f"{spent.loaded} billing months, {spent.requests_sent} requests")
        with steps.step(f"Google Cloud {', '.join(other_kinds())} collected") as details, doors.progress_bars() as bars:
            reports = collect_from(Gcp(), google, store, settings, bars, kinds=other_kinds())
            details.append(f"{sum(one.requests_sent for one in reports):,} requests")


def collect_aws(folder: Path, store: Store, settings: Settings, bars: doors.Progress | None) -> SourceReport:
    """What a Data Export delivered, by the collector of real accounts, from a server that speaks S3's protocol."""
    import boto3

    from aispend.cli.trial_cloud import all_of
    from aispend.clock import system_clock
    from aispend.connections import AwsConnection
    from collectors.aws.bills import Bills
    from collectors.aws.clients import AwsClients
    from collectors.runner import Source, collect
    from sample.aws_files import BUCKET, EXPORT
    from sample.object_store import ObjectStore, serving

    with serving(ObjectStore({BUCKET: folder})) as url:
        export = {"bucket": BUCKET, "name": EXPORT, "region": "us-east-1"}
        connection = AwsConnection.model_validate({"name": SOURCE, "endpoint_url": url, "export": [export]})
        # the server asks nobody who they are; a machine without an AWS account has no credentials to give
        session = boto3.Session(aws_access_key_id=SOURCE, aws_secret_access_key=SOURCE)
        clients = AwsClients(connection, session=session)
        source = Source(Bills(clients, system_clock), SOURCE, clients.requests)
        (report,) = all_of(collect([source], store, settings, system_clock, progress=bars))
    return report


def _has_settings_file(settings: Settings) -> bool:
    places = (Path("aispend.toml"), settings.home / "aispend.toml")
    return bool(os.environ.get("AISPEND_CONFIG")) or any(place.is_file() for place in places)


def _loaded(store: Store, folder: Path, seed: int, scale: float, today: date) -> Marker | None:
    """The marker of the sample that is loaded, where it is the one asked for and not stale."""
    path = folder / "loaded.json"
    if not path.is_file():
        return None
    marker = Marker(**json.loads(path.read_text(encoding="utf-8")))
    wanted = Marker(version("aispend"), seed, scale, marker.day, *_in_database(store))
    fresh = (today - date.fromisoformat(marker.day)).days < STALE_DAYS
    return marker if marker == wanted and fresh else None


def _write_marker(store: Store, folder: Path, seed: int, scale: float, today: date) -> None:
    marker = Marker(version("aispend"), seed, scale, today.isoformat(), *_in_database(store))
    (folder / "loaded.json").write_text(json.dumps(asdict(marker)), encoding="utf-8")


def _in_database(store: Store) -> tuple[int, str]:
    from sqlalchemy import func, select

    from aispend.schema import slice_

    held = select(func.count(), func.max(slice_.c.loaded_at)).where(slice_.c.source.startswith(SOURCE))
    with store.engine.connect() as connection:
        count, newest = connection.execute(held).one()
    return int(count), newest.isoformat() if newest else ""
