"""Tokens and requests of inference servers, from scrapes of their Prometheus counters.

*Method.* A counter only says how much there was since the server started; usage is the difference between two scrapes
of the same series, spread over the time between them. Where a counter fell, the server was started again in between:
its new value is the increase, what came before the restart and after the last scrape is lost. vLLM's prompt counter
includes prefix-cache hits; where the scrape has the hits they are taken out, else all input counts as uncached.
vLLM's prefill and decode times are those of requests that ended between the scrapes.
Names changed over the releases; :data:`_COUNTERS` holds every spelling known (vLLM, SGLang).

*Drawbacks.* A single scrape holds no usage. Aborted requests count as failed, although they may have cost tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from aispend.errors import InputError
from collectors.files.telemetry_files import TelemetryFile
from collectors.files.telemetry_prometheus import PromSample, samples
from collectors.files.telemetry_scan import ParsedRows

_COUNTERS = {
    "vllm:prompt_tokens_total": "prompt",
    "vllm:prompt_tokens": "prompt",
    "vllm:prompt_tokens_cached_total": "cached",
    "vllm:prefix_cache_hits_total": "hits",
    "vllm:gpu_prefix_cache_hits_total": "hits",
    "vllm:generation_tokens_total": "output",
    "vllm:request_success_total": "requests",
    "vllm:request_prefill_time_seconds_sum": "prefill",
    "vllm:request_decode_time_seconds_sum": "decode",
    "sglang:prompt_tokens_total": "prompt",
    "sglang:cached_tokens_total": "cached",
    "sglang:generation_tokens_total": "output",
    "sglang:num_requests_total": "requests",
}
_HOSTS = ("instance", "pod", "exported_pod", "node", "Hostname")
_FAILED = {"abort", "error"}

_Server = tuple[str | None, str | None]


def serving_rows(files: Sequence[TelemetryFile], at: datetime | None) -> dict[Path, ParsedRows]:
    """Scrapes as rows of the usage form, aggregates between each two scrapes of a server and model.

    Scrapes may be in one file or in several. Raises ``InputError`` where they hold no counters of an inference server,
    or only one instant.
    """
    scrapes = [file for file in files if file.format == "prometheus"]
    if not scrapes:
        return {}
    series: dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[PromSample, Path]]] = defaultdict(list)
    for file in scrapes:
        for sample in samples(file.path, gzipped=file.gzipped, at=at):
            if sample.name in _COUNTERS:
                series[sample.name, frozenset(sample.labels.items())].append((sample, file.path))
    where = ", ".join(file.shown_as for file in scrapes[:5])
    if not series:
        raise InputError(
            "The scrapes hold no token counters of an inference server.",
            where=where,
            next_step="Scrape vLLM or SGLang; metrics of accelerators go into import-metrics.",
        )
    increases = _increases(series)
    if not increases:
        raise InputError(
            "The scrapes show counters at one instant only; usage is the difference between two.",
            where=where,
            next_step="Give at least two scrapes of the same server, each with its time.",
        )
    return {file.path: _rows(increases.get(file.path, {})) for file in scrapes}


_Period = tuple[_Server, datetime, datetime]


def _increases(
    series: Mapping[tuple[str, frozenset[tuple[str, str]]], list[tuple[PromSample, Path]]],
) -> dict[Path, dict[_Period, tuple[dict[str, float], int]]]:
    """Per file (of the later scrape) and period: what each counter grew by, and the line it was read from."""
    found: dict[Path, dict[_Period, tuple[dict[str, float], int]]] = defaultdict(dict)
    for (name, _), points in series.items():
        points.sort(key=lambda point: point[0].at)
        for (before, _), (after, path) in pairwise(points):
            if after.at == before.at:
                continue
            server = (_first(after.labels, _HOSTS), after.labels.get("model_name") or None)
            counts, _line = found[path].setdefault((server, before.at, after.at), (defaultdict(float), after.line))
            grown = after.value - before.value if after.value >= before.value else after.value
            what = _COUNTERS[name]
            if what == "requests" and after.labels.get("finished_reason") in _FAILED:
                what = "failed"
            counts[what] += grown
    return found


def _rows(periods: Mapping[_Period, tuple[Mapping[str, float], int]]) -> ParsedRows:
    columns: dict[str, list[Any]] = {}
    ordered = sorted(periods, key=lambda period: (periods[period][1], period[1]))
    counts = [_counted(periods[period][0]) for period in ordered]
    columns["timestamp"] = [before.isoformat() for _, before, _ in ordered]
    columns["period_seconds"] = [(after - before).total_seconds() for _, before, after in ordered]
    columns["resource_id"] = [host for (host, _), _, _ in ordered]
    columns["model"] = [model for (_, model), _, _ in ordered]
    for name in ("requests", "failed_requests", "uncached_input_tokens", "cached_input_tokens", "output_tokens"):
        columns[name] = [count[name] for count in counts]
    for name in ("prefill", "decode"):
        columns[f"{name}_seconds"] = [periods[period][0].get(name) for period in ordered]
    return ParsedRows(columns, [periods[period][1] for period in ordered])


def _counted(grown: Mapping[str, float]) -> dict[str, int | None]:
    def whole(name: str) -> int | None:
        return round(grown[name]) if name in grown else None

    prompt = whole("prompt")
    cached = whole("cached") if "cached" in grown else whole("hits")
    return {
        "requests": whole("requests"),
        "failed_requests": whole("failed"),
        "uncached_input_tokens": None if prompt is None else max(0, prompt - (cached or 0)),
        "cached_input_tokens": cached if prompt is None or cached is None else min(cached, prompt),
        "output_tokens": whole("output"),
    }


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)
