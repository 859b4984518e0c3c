"""How long a job takes on capacity that may be taken away, and what that leaves of the lower price.

Assumes
    Preemptions are memoryless with mean time M between them, and also strike while a checkpoint is written or the job
    restarts. All times are in hours.
Method
    Checkpoint interval: Young's √(2δM) and Daly's refinement of it, for δ hours a checkpoint takes.
    Expected run time of W hours of work, checkpointed every τ, with R hours to come back:
    (W/τ)·M·e^(R/M)·(e^((τ+δ)/M) − 1). Without checkpoints every preemption starts from zero: M·e^(R/M)·(e^(W/M) − 1).
    Inflation is expected time over work; spot pays below a price ratio of 1/inflation, and is worth the trouble where
    at least 15 % is left after it.
    M is spot hours over preemptions; with none seen, a third of the hours (rule of three). A gang of n machines stops
    with any of them: M/n.
Cases
    A run so long for its M that the expectation overflows is infinite, and saves nothing.
Sources
    docs/advice.md; Young 1974; Daly 2006; AWS Spot Advisor's bands (share of machines interrupted in a month).
Known drawbacks
    Preemptions come in bursts; a burst costs less than the same number spread out, so the estimate is careful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recommender.contract import HOURS_PER_MONTH

NOTICE_HOURS = {"aws": 120 / 3600, "gcp": 30 / 3600, "azure": 30 / 3600}
"""Warning before a preemption."""
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class SpotRuntime:
    """A job on spot: its checkpoint interval (None: no checkpoints), expected hours, and what that means for price."""

    interval: float | None
    hours: float
    inflation: float
    break_even_ratio: float


def young_interval(checkpoint: float, mtbf: float) -> float:
    """Young's interval between checkpoints."""
    _positive(mtbf=mtbf)
    _not_negative(checkpoint=checkpoint)
    return math.sqrt(2 * checkpoint * mtbf)


def daly_interval(checkpoint: float, mtbf: float) -> float:
    """Daly's interval: shorter than Young's; the time between preemptions where a checkpoint takes twice that."""
    young = young_interval(checkpoint, mtbf)
    if checkpoint >= 2 * mtbf:
        return mtbf
    x = checkpoint / (2 * mtbf)
    return young * (1 + math.sqrt(x) / 3 + x / 9) - checkpoint


def expected_runtime(work: float, interval: float, *, checkpoint: float, restart: float, mtbf: float) -> float:
    """Expected hours of a job that saves its work every ``interval`` hours."""
    _positive(work=work, interval=interval, mtbf=mtbf)
    _not_negative(checkpoint=checkpoint, restart=restart)
    return work / interval * _until_done(interval + checkpoint, restart, mtbf)


def expected_runtime_from_zero(work: float, *, restart: float = 0.0, mtbf: float) -> float:
    """Expected hours of a job that begins again after every preemption."""
    _positive(work=work, mtbf=mtbf)
    _not_negative(restart=restart)
    return _until_done(work, restart, mtbf)


def spot_runtime(work: float, *, checkpoint: float | None, restart: float, mtbf: float) -> SpotRuntime:
    """The job at Daly's interval, but at most one checkpoint at its end; ``checkpoint`` None: it cannot save its work.

    A checkpoint that takes no time is one that never has to be redone: only restarts are left, M·(e^(R/M) − 1) for
    each of the W/M preemptions.
    """
    interval: float | None = None
    if checkpoint is None:
        hours = expected_runtime_from_zero(work, restart=restart, mtbf=mtbf)
    elif checkpoint == 0:
        _positive(work=work, mtbf=mtbf)
        interval, hours = 0.0, work * math.exp(min(restart / mtbf, _LARGEST_EXPONENT))
    else:
        interval = min(daly_interval(checkpoint, mtbf), work)
        hours = expected_runtime(work, interval, checkpoint=checkpoint, restart=restart, mtbf=mtbf)
    inflation = hours / work
    return SpotRuntime(interval, hours, inflation, break_even_ratio(inflation))


def break_even_ratio(inflation: float) -> float:
    """Spot price over on-demand price below which spot is cheaper."""
    return 1 / inflation


def effective_saving(price_ratio: float, inflation: float, *, extra: float = 0.0) -> float:
    """Share of the on-demand cost that is saved; ``extra`` is other cost (checkpoint storage) as a share of it."""
    return 1 - price_ratio * inflation - extra


def is_worth_it(saving: float, least: float) -> bool:
    """Whether enough is left after inflation to be advised; shares of what is paid now."""
    return saving >= least


def mtbf_from_preemptions(preemptions: int, spot_hours: float) -> float | None:
    """Hours between preemptions; a third of the hours where none was seen, None where there were no hours."""
    _not_negative(preemptions=preemptions, spot_hours=spot_hours)
    if spot_hours == 0:
        return None
    return spot_hours / (preemptions or 3)


def mtbf_from_band(share: float, hours: float = float(HOURS_PER_MONTH)) -> float:
    """Hours between preemptions where this share (0–1) of machines is interrupted within ``hours``, by default a month.

    >>> round(mtbf_from_band(0.025, 1), 2)
    39.5
    """
    if not 0 < share < 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")
    return -hours / math.log1p(-share)


def gang_mtbf(mtbf: float, machines: int) -> float:
    """Hours between preemptions of any machine of a gang."""
    _positive(mtbf=mtbf, machines=machines)
    return mtbf / machines


def saves_on_notice(checkpoint: float, provider: str) -> bool:
    """Whether a checkpoint can be written between a cloud's warning and the preemption."""
    return checkpoint < NOTICE_HOURS.get(provider, 0.0)


def _until_done(length: float, restart: float, mtbf: float) -> float:
    """Expected hours until ``length`` of them pass in a row, each failure followed by a restart that may fail too."""
    if (length + restart) / mtbf > _LARGEST_EXPONENT:
        return math.inf
    return mtbf * math.exp(restart / mtbf) * math.expm1(length / mtbf)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, but is {value}")
