"""How many times as fast another accelerator is: measured where it was, else estimated, never above what is specified.

Assumes
    The specification's ratio of the resource a phase is bound by is the most that is gained at equal batch: prefill by
    dense FLOPS, decode by bandwidth (fewer bytes count as more of it), whole requests by something between the two.
Method
    Measured within the last twelve months: that, with its spread. Older: its spread only, without a point, because
    software moves numbers more than a generation of hardware does. Never measured, upgrade: half of the gain the
    specification promises, between nothing and all of it. Never measured, downgrade: the specification × 0.9, ± 25 %.
    Of whole requests nobody knows what binds them: the point is by the resource whose ratio is least, as more of the
    other speeds nothing up that waits for this one. Only the high end is the other's: where all waits for that.
    A move pays only where the price ratio is below the realised one; what is not measured says *benchmark first*.
Cases
    Another maker's accelerator that was never measured: None. Its software decides, not its specification (an MI300X
    has 1.3 times the FLOPS of an H100 and served 0.85 times as much).
    A figure of either is not known: None.
Sources
    Methods, realised against specified ratios (T2.3); the rows of ``measured_ratios.toml`` name theirs.
Known drawbacks
    An H200 has the FLOPS of an H100 and 1.4 times its bandwidth: unmeasured it is planned with as equal, though mostly
    it is faster.
    Where a server's batch is bound by memory, a card with more of it gains more than the estimate allows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from aispend.prices.accelerators import Accelerator
from aispend.prices.data import read_toml
from recommender.methods.model_memory import WEIGHT_BITS, Precision
from recommender.methods.throughput import peak_flops

Phase = Literal["prefill", "decode", "serving"]
Basis = Literal["measured", "measured long ago", "estimated"]

VALID_FOR = timedelta(days=365)
_UPGRADE_SHARE = 0.5
_DOWNGRADE_SHARE = 0.9
_DOWNGRADE_SPREAD = 0.25


@dataclass(frozen=True)
class Ratio:
    """Throughput of the target ÷ throughput of the present accelerator; ``point`` None: only the range is known."""

    low: float
    point: float | None
    high: float

    @property
    def planned(self) -> float:
        """What to reckon with: the point, or the low end where there is none."""
        return self.low if self.point is None else self.point


@dataclass(frozen=True)
class Specified:
    """The ratio of specifications a phase is bound by: one number, or anything between two (which is not known)."""

    least: float
    most: float


@dataclass(frozen=True)
class MeasuredRatio:
    """A row of the table; ``precision`` and ``to_precision`` of the weights on the one and on the other."""

    from_accelerator: str
    to_accelerator: str
    precision: Precision
    to_precision: Precision
    phase: Phase
    low: float
    point: float
    high: float
    spread: str
    measured: date
    engine: str
    source: str

    def is_fresh(self, on: date) -> bool:
        """Whether it is at most twelve months old."""
        return on - self.measured <= VALID_FOR


@dataclass(frozen=True)
class RealisedRatio:
    """A ratio and what it rests on; ``measured`` is the row, None for an estimate."""

    ratio: Ratio
    basis: Basis
    specified: Specified | None
    measured: MeasuredRatio | None

    @property
    def source(self) -> str:
        """Where it comes from, in a few words."""
        if self.measured is None:
            return "estimated from dense specifications; benchmark first"
        return f"{self.measured.source} ({self.measured.engine}, {self.measured.measured:%Y-%m})"


def upgrade_range(spec_ratio: float) -> Ratio:
    """An unmeasured upgrade: ``spec_ratio`` is at least 1. Raises ``ValueError`` otherwise."""
    if spec_ratio < 1:
        raise ValueError(f"a ratio of {spec_ratio} is a downgrade")
    return Ratio(1.0, 1 + _UPGRADE_SHARE * (spec_ratio - 1), spec_ratio)


def downgrade_range(spec_ratio: float) -> Ratio:
    """An unmeasured downgrade: ``spec_ratio`` of the binding resource is above 0 and below 1, and is the most."""
    if not 0 < spec_ratio < 1:
        raise ValueError(f"a ratio of {spec_ratio} is no downgrade")
    point = _DOWNGRADE_SHARE * spec_ratio
    return Ratio(point * (1 - _DOWNGRADE_SPREAD), point, min(point * (1 + _DOWNGRADE_SPREAD), spec_ratio))


def estimated_range(specified: Specified) -> Ratio:
    """An unmeasured move, up or down. The point is never above the least of what may bind it."""
    least, most = specified.least, specified.most
    if least >= 1:
        return replace(upgrade_range(least), high=most)
    lower, upper = downgrade_range(least), upgrade_range(most) if most >= 1 else downgrade_range(most)
    return replace(lower, high=upper.high)


def specified_ratio(
    present: Accelerator, target: Accelerator, phase: Phase, precision: Precision, to_precision: Precision | None = None
) -> Specified | None:
    """What the specifications promise for this phase; None where a figure is not known."""
    to_precision = to_precision or precision
    flops = bandwidth = None
    ours, theirs = peak_flops(present, precision), peak_flops(target, to_precision)
    if ours and theirs:
        flops = theirs / ours
    if present.bandwidth_gb_s and target.bandwidth_gb_s:
        fewer_bytes = WEIGHT_BITS[precision] / WEIGHT_BITS[to_precision]
        bandwidth = float(target.bandwidth_gb_s / present.bandwidth_gb_s) * fewer_bytes
    needed = {"prefill": (flops,), "decode": (bandwidth,), "serving": (flops, bandwidth)}[phase]
    known = [ratio for ratio in needed if ratio is not None]
    return Specified(min(known), max(known)) if len(known) == len(needed) else None


def measured_ratio(
    from_accelerator: str,
    to_accelerator: str,
    precision: Precision,
    phase: Phase,
    to_precision: Precision | None = None,
) -> MeasuredRatio | None:
    """The newest measurement of this move, however old (``is_fresh`` says); None: never measured."""
    rows = [
        row
        for row in measured_ratios()
        if (row.from_accelerator, row.to_accelerator) == (from_accelerator, to_accelerator)
        and (row.precision, row.to_precision) == (_stored(precision), _stored(to_precision or precision))
        and row.phase == phase
    ]
    return max(rows, key=lambda row: row.measured, default=None)


def realised_ratio(
    present: Accelerator,
    target: Accelerator,
    *,
    precision: Precision,
    phase: Phase,
    on: date,
    to_precision: Precision | None = None,
) -> RealisedRatio | None:
    """What the move gives per accelerator: measured first, then estimated; None where neither can be said."""
    specified = specified_ratio(present, target, phase, precision, to_precision)
    row = measured_ratio(present.name, target.name, precision, phase, to_precision)
    if row is not None:
        fresh = row.is_fresh(on)
        basis: Basis = "measured" if fresh else "measured long ago"
        return RealisedRatio(Ratio(row.low, row.point if fresh else None, row.high), basis, specified, row)
    if specified is None or present.maker != target.maker:
        return None
    return RealisedRatio(estimated_range(specified), "estimated", specified, None)


@lru_cache(maxsize=1)
def measured_ratios() -> tuple[MeasuredRatio, ...]:
    """Every row of the table, in the order of the file."""
    return tuple(
        MeasuredRatio(
            from_accelerator=entry["from"],
            to_accelerator=entry["to"],
            precision=entry["precision"],
            to_precision=entry.get("to_precision", entry["precision"]),
            phase=entry["phase"],
            low=float(entry["low"]),
            point=float(entry["point"]),
            high=float(entry["high"]),
            spread=entry["spread"],
            measured=entry["measured"],
            engine=entry["engine"],
            source=entry["source"],
        )
        for entry in read_toml("measured_ratios.toml", __package__)["ratio"]
    )


def _stored(precision: Precision) -> Precision:
    """Both 16-bit formats are served alike."""
    return "bf16" if precision == "fp16" else precision
