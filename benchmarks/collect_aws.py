"""What collecting from AWS takes: memory, requests and time, against servers that speak its protocols on this machine.

*Bills*: thirteen months of a Data Export (manifest and Parquet files), and again when nothing changed.
*Metrics*: a thousand GPUs, 125 machines of eight, with four metrics each, for three days and for thirty. The fewest
requests are what the API's limits leave: series by 500, queries by 500, points by 100,800, day by day.

Each run is ``aispend collect`` in a process of its own, with a database of its own. Memory is flat where more months or
days take no more of it than one.

``python -m benchmarks.collect_aws [--scale X]`` runs these alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import month_of
from aispend.settings import Settings
from aispend.store import open_store
from benchmarks import cloudwatch
from benchmarks.import_focus import Measure
from benchmarks.lines import write_focus
from sample.object_store import ObjectStore, serving

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MONTHS, LINES = 13, 300_000
MACHINES, DAYS, FEW_DAYS = 125, 30, 3
FLAT_LIMIT = 1.3
MEMORY_LIMIT_MIB = 1024
AGAIN_LIMIT = 6
"""Requests of a run that finds nothing new: the manifests AWS may still replace, and a month before the first."""
OVERHEAD_LIMIT = 1.1
"""Requests for points, against the fewest there can be."""
HOURLY_LIMIT = 50
"""Requests of the next hour for a thousand GPUs: which series there are, and today's points."""

_EXPORT, _BUCKET = "focus-hourly", "bills"
_PERIOD = 300
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
Run = dict[str, Any]


class Collecting:
    """One collector of one connection, and a database that fills run by run."""

    def __init__(self, collector: str, connection: Mapping[str, Any]) -> None:
        self._stack = ExitStack()
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="aispend-bench-")))
        self._home.chmod(0o711)  # the embedded server may run as another user, who must get through
        self._order = {"collector": collector, "connection": dict(connection)}

    def __enter__(self) -> Collecting:
        self._store = self._stack.enter_context(open_store(Settings(home=self._home)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, *, first: date | None = None, now: datetime = NOW) -> Run:
        """Collect once, from ``first`` or as far back as the collector goes; ends the program where it fails."""
        order = self._order | {"now": now.isoformat()} | ({"first": first.isoformat()} if first else {})
        command = [sys.executable, "-m", "benchmarks.child", "collect", self._store.uri, str(self._home)]
        done = subprocess.run(
            [*command, json.dumps(order)], capture_output=True, text=True, check=False, env=os.environ | _CREDENTIALS
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        result: Run = json.loads(done.stdout.splitlines()[-1])
        if result["troubles"]:
            raise SystemExit("\n".join(result["troubles"]))
        return result


def bills(folder: Path, scale: float) -> Iterator[Measure]:
    """Thirteen months from S3, one month, and thirteen that did not change."""
    months = _months(MONTHS)
    files = sum(_deliver(folder / "bucket", month, int(LINES * scale)) for month in months)
    with serving(ObjectStore({_BUCKET: folder / "bucket"})) as url:
        export = {"bucket": _BUCKET, "name": _EXPORT, "region": "us-east-1"}
        connection = {"endpoint_url": url, "export": [export]}
        with Collecting("bills", connection) as collecting:
            one = _of(collecting.run(first=months[-1]), 1)
        with Collecting("bills", connection) as collecting:
            many = _of(collecting.run(), MONTHS)
            again = _of(collecting.run(), 0)
    yield _flat(f"bills, memory of {MONTHS} months / 1 month", one, many, "lines")
    yield Measure(
        f"bills, peak memory of {MONTHS} months", many["peak_mib"], MEMORY_LIMIT_MIB, " MiB", "Parquet from S3"
    )
    # a month's manifest is looked at, read, and looked at again at the end; a file is looked at and read
    needed = 3 * MONTHS + 2 * files + 1
    yield Measure(
        f"bills, requests for {MONTHS} months", _requests(many), needed, "", f"{files} files; {_by_operation(many)}"
    )
    said = f"{again['seconds']:.1f} s; {_by_operation(again)}"
    yield Measure("bills, requests where nothing changed", _requests(again), AGAIN_LIMIT, "", said)


def metrics(scale: float) -> Iterator[Measure]:
    """A thousand GPUs for thirty days, for three, and an hour later."""
    machines = max(1, round(MACHINES * scale))
    gpus = machines * cloudwatch.GPUS
    with _cloudwatch(machines) as url:
        connection = {"endpoint_url": url, "accounts": [cloudwatch.ACCOUNT], "regions": ["us-east-1"]}
        with Collecting("utilization", connection) as collecting:
            few = _of(collecting.run(first=NOW.date() - timedelta(days=FEW_DAYS)), FEW_DAYS + 1)
        with Collecting("utilization", connection) as collecting:
            many = _of(collecting.run(), DAYS + 1)
            later = _of(collecting.run(now=NOW + timedelta(hours=1)), 1)
    a_day, until_now = 86_400 // _PERIOD, NOW.hour * 3600 // _PERIOD
    expected = gpus * (DAYS * a_day + until_now)
    if many["rows"] != expected:
        raise SystemExit(f"{many['rows']:,} samples were collected, where CloudWatch had {expected:,}.")
    yield _flat(f"metrics of {gpus:,} GPUs, memory of {DAYS} / {FEW_DAYS} days", few, many, "samples")
    yield Measure(
        f"metrics of {gpus:,} GPUs, peak memory of {DAYS} days",
        many["peak_mib"],
        MEMORY_LIMIT_MIB,
        " MiB",
        "CloudWatch",
    )
    series = gpus * len(cloudwatch.METRICS)
    fewest = DAYS * fewest_requests(series, a_day) + fewest_requests(series, until_now)
    asked = many["requests"]["cloudwatch.GetMetricData"]
    yield Measure(
        f"metrics of {gpus:,} GPUs, requests for points / fewest",
        asked / fewest,
        OVERHEAD_LIMIT,
        "",
        f"{_requests(many):,} requests for {DAYS} days and today: {_by_operation(many)}; fewest for points {fewest:,} "
        f"({fewest_requests(series, a_day)} for a day of {series:,} series)",
    )
    said = f"{later['seconds']:.1f} s; {_by_operation(later)}"
    yield Measure(f"metrics of {gpus:,} GPUs, requests an hour later", _requests(later), HOURLY_LIMIT, "", said)


def fewest_requests(series: int, points: int) -> int:
    """The fewest requests of GetMetricData that give so many points of so many series."""
    return max(
        math.ceil(series / cloudwatch.MOST_QUERIES),
        math.ceil(series * points / cloudwatch.MOST_POINTS),
    )


def measures(folder: Path, scale: float = 1.0) -> Iterator[Measure]:
    """All of them, each as it is found; the bills are made below ``folder``."""
    yield from bills(folder, scale)
    yield from metrics(scale)


def _flat(name: str, small: Run, large: Run, what: str) -> Measure:
    rate = large["rows"] / large["seconds"]
    details = (
        f"{small['peak_mib']:.0f} MiB and {large['peak_mib']:.0f} MiB; {large['rows']:,} {what} in "
        f"{large['seconds']:.1f} s ({rate:,.0f} {what}/s)"
    )
    return Measure(name, large["peak_mib"] / small["peak_mib"], FLAT_LIMIT, "", details)


def _of(run: Run, slices: int) -> Run:
    if run["loaded"] != slices:
        raise SystemExit(f"{run['loaded']} slices were collected, where {slices} were expected.")
    return run


def _requests(run: Run) -> int:
    return sum(run["requests"].values())


def _by_operation(run: Run) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(run["requests"].items()))


def _months(count: int) -> list[date]:
    """So many months up to the present one, in order."""
    months = [month_of(NOW.date())]
    while len(months) < count:
        months.append(month_of(months[-1] - timedelta(days=1)))
    return months[::-1]


def _deliver(bucket: Path, month: date, lines: int) -> int:
    """A month as AWS delivers it, in files of one row group each and with its manifest; returns how many files."""
    import pyarrow.parquet as pq

    manifest = bucket / _EXPORT / "metadata" / f"BILLING_PERIOD={month:%Y-%m}" / f"{_EXPORT}-Manifest.json"
    if manifest.exists():
        return len(json.loads(manifest.read_text(encoding="utf-8"))["dataFiles"])
    data = bucket / _EXPORT / "data" / f"BILLING_PERIOD={month:%Y-%m}"
    data.mkdir(parents=True, exist_ok=True)
    whole = write_focus(bucket / f"{month:%Y-%m}.parquet", lines, month=month)
    keys = []
    with pq.ParquetFile(whole) as source:
        for group in range(source.num_row_groups):
            path = data / f"{_EXPORT}-{group + 1:05d}.snappy.parquet"
            pq.write_table(source.read_row_group(group), path, compression="snappy")
            keys.append(f"s3://{_BUCKET}/{path.relative_to(bucket).as_posix()}")
    whole.unlink()
    manifest.parent.mkdir(parents=True, exist_ok=True)
    said = {"executionId": f"run-{month}", "billingPeriod": {"start": f"{month}T00:00:00.000Z"}, "dataFiles": keys}
    manifest.write_text(json.dumps(said), encoding="utf-8")
    return len(keys)


@contextmanager
def _cloudwatch(machines: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.cloudwatch", str(machines)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def main() -> int:
    """Run these alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collect_aws", description="Collecting against limits.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, for a quick look")
    arguments = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as folder:
        for measure in measures(Path(folder), arguments.scale):
            print(measure, flush=True)
            kept &= measure.holds
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
