"""Inference usage: what gateways and servers counted, by the hour, and request by request for the last days."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sample.arrow import Arrow, pa
from sample.chance import Chance
from sample.demand import Demand
from sample.machines import WRITTEN, Running
from sample.timeline import Floats, Hours, Timeline

REQUEST_DAYS = 3
REQUEST_SERIES = ("copy-writer",)
"""Their last days come as single requests, and not as hourly sums."""
COUNTED_DAYS = {"azure": 30, "gcp": 30}
"""For how many days what providers count themselves is collected; what was before the company's gateways kept."""
COUNTS = ("answered", "failed", "uncached", "cached", "cache_write", "output", "reasoning")
VENDOR_NAMES = {
    "claude-sonnet-4": "anthropic.claude-sonnet-4-20250514-v1:0",
    "nova-lite": "amazon.nova-lite-v1:0",
}
"""Bedrock's logs name models by its ids."""
_STAMP = pa.timestamp("ms", tz="UTC")


def vendor_name(model: str) -> str:
    """The model's name as the provider's records write it."""
    return VENDOR_NAMES.get(model) or WRITTEN.get(model, model)


def provider_of(bill: str) -> str:
    """The provider a bill comes from."""
    return bill.partition("-")[0]


def write_usage(
    folder: Path, demands: list[Demand], machines: list[Running], timeline: Timeline, chance: Chance
) -> int:
    """All usage files. Returns the number of rows.

    What a provider counts itself (:func:`counted_from`) is left to its collector.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    from_request = timeline.day_ago(REQUEST_DAYS)
    blocks: list[dict[str, Any]] = []
    for demand in demands:
        if demand.series.token_api:
            hours = np.flatnonzero(demand.requests[: counted_from(demand, timeline)])
            if demand.series.name in REQUEST_SERIES:
                rows += _write_requests(folder, demand, hours[hours >= from_request], timeline, chance)
                hours = hours[hours < from_request]
            blocks.append(_block(demand, hours, {name: getattr(demand, name)[hours] for name in COUNTS}, None))
        else:
            blocks.extend(_served(demand, [m for m in machines if m.fleet.load.follows == demand.series.name]))
    table = _hourly_table(blocks, timeline)
    pa.parquet.write_table(table, folder / "usage-hourly.parquet", compression="zstd")
    return rows + len(table)


def counted_from(demand: Demand, timeline: Timeline) -> int:
    """The hour from which on the provider itself counts a series' tokens; the end of everything where it does not."""
    days = COUNTED_DAYS.get(provider_of(demand.series.bill)) if demand.series.token_api else None
    return timeline.hours if days is None else timeline.day_ago(days)


def latencies(demand: Demand, hours: Hours) -> Floats:
    """Mean milliseconds of an answer in these hours: longer where more is asked."""
    slower: Floats = np.round(demand.series.latency_ms * (0.8 + 0.25 * demand.relative[hours]), 1)
    return slower


def _served(demand: Demand, machines: list[Running]) -> list[dict[str, Any]]:
    """A self-hosted model's requests, spread over its machines by their running seconds; every hour adds up exactly."""
    if not machines:
        return []
    which = np.concatenate([np.full(len(m.hours), i) for i, m in enumerate(machines)])
    hour = np.concatenate([m.hours for m in machines])
    weight = np.concatenate([m.seconds for m in machines])
    order = np.lexsort((which, hour))
    which, hour, weight = which[order], hour[order], weight[order]
    total = np.bincount(hour, weights=weight, minlength=int(hour.max()) + 1)[hour].astype(np.int64)
    first = np.concatenate(([True], hour[1:] != hour[:-1]))
    running = np.cumsum(weight)
    begin = np.repeat((running - weight)[first], np.diff(np.append(np.flatnonzero(first), len(hour))))
    upto = running - begin
    counts: dict[str, Hours] = {}
    for name in COUNTS:
        amount = getattr(demand, name)[hour]
        counts[name] = amount * upto // total - amount * (upto - weight) // total
    blocks = []
    for index, machine in enumerate(machines):
        mine = which == index
        # Where neither tag nor agent says whose machine it is, the gateway does not know the machine either.
        alias = None if machine.hygiene == "missing" and not machine.telemetry else machine.alias
        blocks.append(_block(demand, hour[mine], {name: values[mine] for name, values in counts.items()}, alias))
    return blocks


def _block(demand: Demand, hours: Hours, counts: dict[str, Hours], alias: str | None) -> dict[str, Any]:
    return {"demand": demand, "hours": hours, "counts": counts, "alias": alias}


def _hourly_table(blocks: list[dict[str, Any]], timeline: Timeline) -> Arrow:
    code = np.concatenate([np.full(len(block["hours"]), i) for i, block in enumerate(blocks)])
    hours = np.concatenate([block["hours"] for block in blocks])
    counts = {name: np.concatenate([block["counts"][name] for block in blocks]) for name in COUNTS}
    order = np.lexsort((code, hours))
    code, hours = code[order], hours[order]
    counts = {name: values[order] for name, values in counts.items()}
    picked = pa.array(code)
    series = [block["demand"].series for block in blocks]

    def text(values: list[str | None]) -> Arrow:
        return pa.array(values, pa.string()).take(picked)

    # What a server never counts is unknown in its records, not zero.
    counts_of = {
        "uncached": [one.tokens_in > 0 for one in series],
        "cached": [one.cached > 0 for one in series],
        "cache_write": [one.cache_write > 0 for one in series],
        "output": [one.tokens_out > 0 for one in series],
        "reasoning": [one.reasoning > 0 for one in series],
    }
    latency = np.concatenate([latencies(block["demand"], block["hours"]) for block in blocks])[order]

    def counted(name: str) -> Arrow:
        known = np.array(counts_of[name])[code] if name in counts_of else np.full(len(code), True)
        return pa.array(counts[name], pa.int64(), mask=~known)

    return pa.table(
        {
            "timestamp": pa.array(timeline.stamps(hours)).cast(_STAMP),
            "period_seconds": pa.repeat(pa.scalar(3600, pa.int32()), len(code)),
            "request_id": pa.nulls(len(code), pa.string()),
            "provider": text([provider_of(one.bill) for one in series]),
            "account": text([one.account for one in series]),
            "region": text([one.region for one in series]),
            "endpoint": text([one.endpoint or None for one in series]),
            "resource_id": text([block["alias"] for block in blocks]),
            "model": text([vendor_name(one.model) for one in series]),
            "team": text([one.team for one in series]),
            "service_tier": text(["standard" if one.token_api else None for one in series]),
            "requests": counted("answered"),
            "failed_requests": counted("failed"),
            "uncached_input_tokens": counted("uncached"),
            "cached_input_tokens": counted("cached"),
            "cache_write_tokens": counted("cache_write"),
            "output_tokens": counted("output"),
            "reasoning_tokens": counted("reasoning"),
            "latency_ms": pa.array(latency, mask=counts["answered"] == 0),
        }
    )


def _write_requests(folder: Path, demand: Demand, hours: Hours, timeline: Timeline, chance: Chance) -> int:
    """Single requests whose sums are the hours' counts; a few lines are delivered twice, as logs are."""
    series = demand.series
    rng = chance.stream("requests", series.name)
    per_hour = demand.requests[hours]
    row_hour = np.repeat(np.arange(len(hours)), per_hour)
    position = np.arange(len(row_hour)) - np.repeat(np.cumsum(per_hour) - per_hour, per_hour)
    failed = position >= (per_hour - demand.failed[hours])[row_hour]
    done = (per_hour - demand.failed[hours])[row_hour]
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in ("uncached", "cached", "cache_write", "output", "reasoning"):
        amount = getattr(demand, name)[hours][row_hour]
        share = amount * (position + 1) // np.maximum(done, 1) - amount * position // np.maximum(done, 1)
        columns[name] = np.where(failed, 0, share)
    stamps = timeline.stamps(hours[row_hour]) + rng.integers(0, 3_600_000, len(row_hour)).astype("timedelta64[ms]")
    ids = np.array([f"req-{chance.hex(20, 'request', series.name, number)}" for number in range(len(row_hour))])
    twice = np.sort(np.concatenate([np.arange(len(row_hour)), np.flatnonzero(rng.random(len(row_hour)) < 0.003)]))
    count = len(twice)
    table = pa.table(
        {
            "timestamp": pa.array(np.datetime_as_string(stamps[twice], unit="ms")),
            "request_id": pa.array(ids[twice]),
            "provider": [provider_of(series.bill)] * count,
            "account": [series.account] * count,
            "region": [series.region] * count,
            "endpoint": [series.endpoint] * count,
            "model": [vendor_name(series.model)] * count,
            "team": [series.team] * count,
            "requests": pa.array(1 - failed[twice].astype(np.int64)),
            "failed_requests": pa.array(failed[twice].astype(np.int64)),
            "uncached_input_tokens": pa.array(columns["uncached"][twice]),
            "cached_input_tokens": pa.array(columns["cached"][twice]),
            "cache_write_tokens": pa.array(columns["cache_write"][twice]),
            "output_tokens": pa.array(columns["output"][twice]),
            "reasoning_tokens": pa.array(columns["reasoning"][twice]),
            "latency_ms": pa.array(np.round(series.latency_ms * rng.lognormal(0, 0.4, len(row_hour)), 1)[twice]),
        }
    )
    text = io.BytesIO()
    pa.csv.write_csv(table, text)
    (folder / f"requests-{series.name}.csv.gz").write_bytes(gzip.compress(text.getvalue(), 6, mtime=0))
    return count
