"""The sample company's Google Cloud: what ``google_holdings`` wrote, and its billing export, behind Google's doors."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.cloud.recommender_v1.types import recommender_service

from sample import bigquery, google_catalogue
from sample.arrow import pa
from sample.gcp_schema import DETAILED
from sample.google_cloud import Answer, GoogleCloud, serving_grpc
from sample.google_holdings import ADVICE, LISTINGS, POINTS, SKUS, SPOT
from sample.google_points import DEVICES, MODELS
from sample.google_projects import NUMBERS
from sample.monitoring import Monitoring, Written

BILLING_PROJECT, DATASET = "larkfield-billing", "billing"
_AGENT, _DCGM = "agent.googleapis.com/gpu", "workload.googleapis.com/dcgm.gpu.profiling"
_NODE = "kubernetes.io/node/accelerator"
_ONLINE = "aiplatform.googleapis.com/prediction/online/accelerator"
_SERVING = "aiplatform.googleapis.com/publisher/online_serving"
_MEAN, _MOST, _SUM = ("ALIGN_MEAN", "REDUCE_NONE"), ("ALIGN_MAX", "REDUCE_NONE"), ("ALIGN_MEAN", "REDUCE_SUM")
_COUNT = ("ALIGN_DELTA", "REDUCE_SUM")
_MEASURED: Mapping[str, tuple[tuple[str, tuple[str, str], str, float], ...]] = {
    "machine": (
        (f"{_AGENT}/utilization", _MEAN, "gpu_utilization", 1),
        (f"{_AGENT}/memory/bytes_used", _MEAN, "memory_used_bytes", 1),
        (f"{_AGENT}/memory/bytes_used", _MOST, "memory_used_bytes", 1),
        (f"{_AGENT}/memory/bytes_used", _SUM, "memory_total_bytes", 1),
        (f"{_DCGM}.sm_utilization", _MEAN, "sm_active", 1),
        (f"{_DCGM}.pipe_utilization", _MEAN, "tensor_active", 1),
    ),
    "node": (
        (f"{_NODE}/duty_cycle", _MEAN, "gpu_utilization", 1),
        (f"{_NODE}/memory_used", _MEAN, "memory_used_bytes", 1),
        (f"{_NODE}/memory_used", _MOST, "memory_used_bytes", 1),
        (f"{_NODE}/memory_total", _MEAN, "memory_total_bytes", 1),
        (f"{_NODE}/tensorcore_utilization", _MEAN, "tensor_active", 100),
    ),
    "endpoint": (
        (f"{_ONLINE}/duty_cycle", _MEAN, "gpu_utilization", 0.01),
        (f"{_ONLINE}/memory/bytes_used", _MEAN, "memory_used_bytes", 1),
        (f"{_ONLINE}/memory/bytes_used", _MOST, "memory_used_bytes", 1),
    ),
}
"""By what is measured: metric, how it is aligned and reduced, column of the points, and the factor to its unit."""


class Company(GoogleCloud):
    """Google with a billing export, which is read when BigQuery is asked for the first time."""

    def __init__(self, export: Path) -> None:
        super().__init__()
        self._export = export
        self._lock = threading.Lock()

    def respond(self, method: str, target: str, body: bytes) -> Mapping[str, Any]:
        """See the base."""
        with self._lock:
            if target.startswith("/bigquery/") and not self.bigquery.tables:
                (table,) = self._export.iterdir()
                self.bigquery.add(table_of(self._export), DETAILED, sorted(table.iterdir()))
        return super().respond(method, target, body)


def company_of(holdings: Path, export: Path) -> Company:
    """A double that holds what is in these folders; the export is a folder named like its table."""
    double = Company(export)
    double.numbers = NUMBERS
    double.accounts = {account_of(export): list(NUMBERS)}
    for operation, told in _read(holdings / LISTINGS).items():
        double.listings[operation] = _by_project(told)
    spot = _read(holdings / SPOT)
    double.listings["compute.advice.capacityHistory"] = lambda _, asked: spot.get(_machine_type(asked), {})
    double.skus = google_catalogue.catalogue(*(_sku(one) for one in _read(holdings / SKUS)))
    advice = _read(holdings / ADVICE)
    double.recommendations = lambda asked: _advised(advice, asked.parent)
    monitoring = Monitoring()
    monitoring.series = [*_devices(holdings / POINTS / DEVICES), *_models(holdings / POINTS / MODELS)]
    double.series = monitoring.answer
    return double


@contextmanager
def serving(holdings: Path, export: Path) -> Iterator[GoogleCloud]:
    """Serve on free ports of this machine while the context lasts; the double says where."""
    double = company_of(holdings, export)
    with bigquery.serving(double.respond) as double.url, serving_grpc(double) as double.grpc:
        yield double
    double.bigquery.close()


def account_of(export: Path) -> str:
    """The billing account whose detailed export a folder has."""
    (table,) = export.iterdir()
    return "-".join(table.name.split("_")[-3:])


def table_of(export: Path) -> str:
    """The name of the table of a folder's export in BigQuery."""
    (table,) = export.iterdir()
    return f"{BILLING_PROJECT}.{DATASET}.{table.name}"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _by_project(told: Mapping[str, Any]) -> Answer:
    def answer(path: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
        project = re.search(r"/projects/([^/]+)", path)
        found: Mapping[str, Any] = told.get(project[1] if project else "", {})
        return found

    return answer


def _machine_type(asked: Mapping[str, Any]) -> str:
    return str(json.loads(asked["body"])["instanceProperties"]["machineType"])


def _sku(told: Mapping[str, str]) -> Any:
    since = datetime(2026, 7, 30, tzinfo=UTC)
    return google_catalogue.sku(told["description"], told["price"], told["usage"], unit=told["unit"], since=since)


def _advised(advice: list[dict[str, Any]], parent: str) -> Any:
    found = [one for one in advice if one["name"].startswith(f"{parent}/")]
    return recommender_service.ListRecommendationsResponse.from_json(json.dumps({"recommendations": found}))


# -------------------------------------------------------------------------------------- series


def _points(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, list[Any]]]]:
    """Whose points there are, and the points by column; what is unknown is not among them."""
    told = _read(path.with_suffix(".json"))
    if not told:
        return
    table = pa.parquet.read_table(path.with_suffix(".parquet"))
    series = table["series"].to_numpy()
    for number, whose in enumerate(told):
        first, last = series.searchsorted([number, number + 1])
        part = table.slice(first, last - first)
        yield whose, {name: part[name].to_pylist() for name in part.column_names}


def _devices(path: Path) -> Iterator[Written]:
    for whose, points in _points(path):
        for metric, (aligner, reducer), column, factor in _MEASURED[whose["of"]]:
            known = [
                (end, value * factor)
                for end, value in zip(points["end"], points[column], strict=True)
                if value is not None
            ]
            if known:
                ends, values = zip(*known, strict=True)
                yield Written(
                    metric,
                    whose["resource"],
                    labels=whose["labels"],
                    project=whose["project"],
                    aligner=aligner,
                    reducer=reducer,
                    ends=ends,
                    values=values,
                )


def _models(path: Path) -> Iterator[Written]:
    for whose, points in _points(path):
        means = [(count, mean) for count, mean in zip(points["answered"], points["latency"], strict=True)]
        for metric, label, values in (
            ("token_count", {"type": "input"}, points["input"]),
            ("token_count", {"type": "output"}, points["output"]),
            ("model_invocation_count", {"response_code": "200"}, points["answered"]),
            ("model_invocation_count", {"response_code": "429"}, points["failed"]),
            ("model_invocation_latencies", {"latency_type": "model"}, means),
        ):
            yield Written(
                f"{_SERVING}/{metric}",
                whose["resource"],
                labels=whose["labels"] | label,
                project=whose["project"],
                aligner=_COUNT[0],
                reducer=_COUNT[1],
                ends=points["end"],
                values=values,
            )
