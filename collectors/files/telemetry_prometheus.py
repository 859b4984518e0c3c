"""The Prometheus text format: what an exporter answers on ``/metrics``.

**Time.** A scrape does not say when it was taken. It is, in this order: the sample's own timestamp (milliseconds, as
``/federate`` writes; seconds with a fraction in OpenMetrics), the last comment ``# scraped_at 2026-11-20T10:15:00Z``
above it, or the time given with the import (``--at``). The file's own date is never used: copying changes it.

**Names.** DCGM exporter and Triton name their series and labels differently over the releases; the tables below hold
every spelling seen. ``DCGM_FI_DEV_GPU_UTIL`` is a percentage, ``DCGM_FI_PROF_*`` are ratios, ``DCGM_FI_DEV_FB_*`` MiB;
the total is used + free + reserved, because no series holds it. A MIG instance is accelerator
``100 · (GPU + 1) + instance id``; it has no ``GPU_UTIL`` of its own.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aispend.errors import InputError
from collectors.files.telemetry_scan import ParsedRows

HOST_LABELS = ("Hostname", "hostname", "node", "kubernetes_node", "nodename", "instance")
INDEX_LABELS = ("gpu", "gpu_index", "index", "minor_number")
MIG_LABELS = ("GPU_I_ID", "gpu_i_id")

_MIB = 1024.0**2
_SERIES: dict[str, tuple[str, float]] = {
    "DCGM_FI_DEV_GPU_UTIL": ("gpu_utilization", 1.0),
    "DCGM_FI_PROF_SM_ACTIVE": ("sm_active", 1.0),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": ("tensor_active", 1.0),
    "DCGM_FI_DEV_FB_USED": ("memory_used", _MIB),
    "DCGM_FI_DEV_FB_FREE": ("memory_free", _MIB),
    "DCGM_FI_DEV_FB_RESERVED": ("memory_reserved", _MIB),
    "DCGM_FI_DEV_FB_TOTAL": ("memory_total", _MIB),
    "DCGM_FI_DEV_POWER_USAGE": ("power_watts", 1.0),
    "nv_gpu_utilization": ("gpu_utilization", 100.0),
    "nv_gpu_memory_used_bytes": ("memory_used", 1.0),
    "nv_gpu_memory_total_bytes": ("memory_total", 1.0),
    "nv_gpu_power_usage": ("power_watts", 1.0),
}
_LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\})?"
    r"\s+(?P<value>\S+)(?:\s+(?P<time>-?[0-9.]+(?:[eE][+-]?\d+)?))?(?:\s+#.*)?\s*"
)
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*\"((?:[^\"\\]|\\.)*)\"")
_SCRAPED_AT = re.compile(r"#\s*scraped_at\s+(\S+)\s*")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138; scrapes older than 1973 do not exist


@dataclass(frozen=True)
class PromSample:
    """One sample: series name, labels, value, when it was taken, and its line in the file."""

    name: str
    labels: Mapping[str, str]
    value: float
    at: datetime
    line: int


def samples(path: Path, *, gzipped: bool, at: datetime | None) -> Iterator[PromSample]:
    """The samples of a file in their order, NaN left out (unknown).

    Raises ``InputError`` for a line that is none, or a sample whose time nothing tells.
    """
    with gzip.open(path, "rt", encoding="utf-8-sig") if gzipped else path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.strip()
            if text.startswith("#"):
                if match := _SCRAPED_AT.fullmatch(text):
                    at = _time(match[1], path, number)
                continue
            if not text:
                continue
            found = _LINE.fullmatch(text)
            value = _number(found["value"]) if found else None
            if found is None or value is None:
                raise InputError(
                    "This line is no sample of the Prometheus text format.",
                    where=f"{path}, line {number}: {text[:120]}",
                    next_step="Save the answer of /metrics as it is.",
                )
            taken = _stamp(float(found["time"])) if found["time"] else at
            if taken is None:
                raise InputError(
                    "The scrape does not say when it was taken.",
                    where=f"{path}, line {number}",
                    next_step="Give the time with --at 2026-11-20T10:15:00Z, or write a comment line"
                    " '# scraped_at 2026-11-20T10:15:00Z' above each scrape in the file.",
                )
            if value == value:  # noqa: PLR0124 - NaN, which means unknown, is the one value that differs from itself
                yield PromSample(found["name"], _labels(found["labels"] or ""), value, taken, number)


def accelerator_rows(path: Path, *, gzipped: bool, at: datetime | None) -> ParsedRows:
    """A scrape as rows of the metrics form: one per host, accelerator and instant.

    Raises ``InputError`` where no series is about accelerators, or one does not name its host.
    """
    rows: dict[tuple[str, int, datetime], dict[str, float]] = {}
    lines: dict[tuple[str, int, datetime], int] = {}
    names = set()
    for sample in samples(path, gzipped=gzipped, at=at):
        names.add(sample.name)
        if sample.name not in _SERIES:
            continue
        host = _first(sample.labels, HOST_LABELS)
        if host is None:
            raise InputError(
                "An accelerator's series does not name its host.",
                where=f"{path}, line {sample.line}: {sample.name} has the labels {', '.join(sample.labels) or 'none'}",
                next_step=f"One of the labels {', '.join(HOST_LABELS)} must name the machine.",
            )
        key = (host, _index(sample), sample.at)
        column, factor = _SERIES[sample.name]
        rows.setdefault(key, {})[column] = sample.value * factor
        lines.setdefault(key, sample.line)
    if not rows:
        raise InputError(
            "The scrape tells nothing about accelerators.",
            where=f"{path}: {_kinds(names)}",
            next_step="Scrape the DCGM exporter or Triton. The token counters of vLLM go into import-usage.",
        )
    ordered = sorted(rows, key=lambda key: lines[key])
    columns: dict[str, list[str] | list[int] | list[float | None]] = {
        "timestamp": [taken.isoformat() for _, _, taken in ordered],
        "resource_id": [host for host, _, _ in ordered],
        "accelerator_index": [index for _, index, _ in ordered],
    }
    for name in ("gpu_utilization", "sm_active", "tensor_active", "power_watts"):
        columns[name] = [rows[key].get(name) for key in ordered]
    columns["memory_used_bytes"] = [rows[key].get("memory_used") for key in ordered]
    columns["memory_total_bytes"] = [_total(rows[key]) for key in ordered]
    return ParsedRows(columns, [lines[key] for key in ordered])


def _total(row: Mapping[str, float]) -> float | None:
    if "memory_total" in row:
        return row["memory_total"]
    if "memory_used" in row and "memory_free" in row:
        return row["memory_used"] + row["memory_free"] + row.get("memory_reserved", 0.0)
    return None


def _index(sample: PromSample) -> int:
    text = _first(sample.labels, INDEX_LABELS) or "0"
    gpu = int(text) if text.isdecimal() else 0
    instance = _first(sample.labels, MIG_LABELS)
    return 100 * (gpu + 1) + int(instance) if instance and instance.isdecimal() else gpu


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _kinds(names: set[str]) -> str:
    prefixes = sorted({re.split("[:_]", name, maxsplit=1)[0] for name in names})
    return f"its series begin with {', '.join(prefixes)}" if prefixes else "it holds no sample"


def _labels(text: str) -> dict[str, str]:
    return {
        name: re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0]), value)
        for name, value in _LABEL.findall(text)
    }


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _stamp(value: float) -> datetime:
    return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)


def _time(text: str, path: Path, line: int) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            "The comment scraped_at holds no time.",
            where=f"{path}, line {line}: {text}",
            next_step="Write it as # scraped_at 2026-11-20T10:15:00Z.",
        ) from error
    return value if value.tzinfo else value.replace(tzinfo=UTC)
