"""Spot markets: what a machine type costs there, and how often machines of it are taken away.

Assumes
    Prices collected as steps are whole since the first of the window; those before it stand for its beginning.
Method
    *Price*: the mean of the hourly maximum over the zones of a region, over the last ``PRICE_DAYS``; where no steps
    were collected, the day's mean of the price list, else the catalogue.
    *Series*: the highest price of each zone in each hour of the last ``SERIES_DAYS``, as far back as was collected.
    *Interruptions*: the newest band of a source; and one's own machines of that type: hours on spot of the window, and
    jobs there that were retried. Where no jobs are recorded, machines that ended: every end counts as an
    interruption, which is careful; but where the market tells which share of those that end is taken back (Google),
    that share of them, the highest of a month, rounded up to whole machines.
Cases
    Neither a band nor own hours: how often it is interrupted is unknown. A bill by the day has the hours its quantity
    says where its unit is one of time, else all of the day.
Known drawbacks
    Bands are of a region and not of a zone, and of the past month. Azure's are an hour's and begin at 0 to 5 %: their
    middle is a machine lost every other day, which is careful. Google's share is of everybody's machines: of those that
    nobody else ends more are taken back.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from aispend.clock import HOURS_PER_MONTH
from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from aispend.percents import percent
from aispend.prices.accelerators import plain_instance_type
from aispend.prices.prices import price_at
from recommender.methods.spot_prices import Step, hourly_highest, mean_of_hourly_maximum

PRICE_DAYS = 14
SERIES_DAYS = 28
"""Three weeks to be tried on, each after all that came before it, and one to learn from first."""
_MONTH = int(HOURS_PER_MONTH)
"""Hours of a month."""

_BAND_HOURS = {"interruption_rate": _MONTH, "eviction_rate": 1}
"""Hours that the bands of a measure are of: AWS gives a month's, Azure an hour's."""

_SHARE = "preemption_share"
_SHARE_DAYS = 30

Key = tuple[str, str, str]
"""Provider, region, and a machine type's plain name."""


@dataclass(frozen=True)
class SpotPrice:
    """An hour on spot; ``quoted_at`` is when the newest quote it rests on was given, ``hours`` what it is a mean of."""

    hourly_price: Decimal
    currency: str
    quoted_at: datetime
    hours: int
    source: str


@dataclass(frozen=True)
class Band:
    """Share of machines interrupted within ``hours`` (0 to 1; a month, or an hour), between two bounds, and who said
    so when."""

    low: float
    high: float
    as_of: date
    source: str
    hours: int = _MONTH

    @property
    def per(self) -> str:
        """The time in words."""
        return "a month" if self.hours > 1 else "an hour"

    @property
    def least_a_month(self) -> float:
        """The lower bound for a month, interruptions being memoryless."""
        return self.low if self.hours == _MONTH else 1 - (1 - self.low) ** (_MONTH / self.hours)


@dataclass(frozen=True)
class OwnSpot:
    """One's own hours on spot of a type, and the interruptions in them, counted by ``counted``."""

    hours: float
    interruptions: int
    counted: str


@dataclass(frozen=True)
class SpotMarket:
    """What is known of one type in one region; ``placement_score`` from 1 (hardly any) to 10.

    ``series`` is the price by zone and hour, from a midnight to the end of the evidence; None where none was collected.
    """

    price: SpotPrice | None = None
    band: Band | None = None
    placement_score: Decimal | None = None
    own: OwnSpot | None = None
    series: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class _Steps:
    """Prices of one type as they changed, by zone and product."""

    zones: Mapping[str, Sequence[Step]]
    currency: str
    source: str


class SpotMarkets:
    """All markets of which anything was collected; the catalogue's prices stand in."""

    def __init__(self, connection: Connection, as_of: datetime, window_days: int) -> None:
        self._as_of = as_of
        self._steps = _steps(connection, as_of)
        self._collected: dict[Key, tuple[SpotPrice | None, NDArray[np.float64]]] = {}
        self._listed = _listed(connection, as_of.date())
        self._bands, self._scores = _risks(connection, as_of.date())
        self._own = _own(connection, as_of, window_days, _shares(connection, as_of.date()))

    def market(self, provider: str, region: str | None, name: str | None) -> SpotMarket | None:
        """The market of a machine type; None where nothing is known of it."""
        if not region or not name:
            return None
        key = (provider, region, plain_instance_type(provider, name))
        family = (provider, region, key[2].split(".")[0])
        price, series = self._of_steps(key)
        found = SpotMarket(
            price=price or self._listed.get(key) or self._catalogued(provider, region, name),
            band=self._bands.get(key),
            placement_score=self._scores.get(key, self._scores.get(family)),
            own=self._own.get(key),
            series=series,
        )
        return None if found == SpotMarket() else found

    def _of_steps(self, key: Key) -> tuple[SpotPrice | None, NDArray[np.float64] | None]:
        """Mean and series of what was collected of a market, worked out once for those that are asked for."""
        steps = self._steps.get(key)
        if steps is None:
            return None, None
        if key not in self._collected:
            zones = [steps.zones[zone] for zone in sorted(steps.zones)]
            start = self._as_of - timedelta(days=SERIES_DAYS)
            series = np.array([hourly_highest(changes, start, self._as_of) for changes in zones])
            self._collected[key] = _mean(steps, self._as_of), series
        return self._collected[key]

    def _catalogued(self, provider: str, region: str, name: str) -> SpotPrice | None:
        price = price_at(provider, region, name, "spot", self._as_of.date())
        if price is None:
            return None
        return SpotPrice(price.hourly_price, price.currency, _start(price.valid_from), 0, price.source)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _steps(connection: Connection, as_of: datetime) -> Mapping[Key, _Steps]:
    since = as_of - timedelta(days=SERIES_DAYS)
    rows = connection.execute(text(_STEPS), {"since": since, "until": as_of}).all()
    zones: dict[Key, dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    told: dict[Key, tuple[str, str]] = {}
    for row in rows:
        key = (row.provider, row.region, plain_instance_type(row.provider, row.instance_type))
        zones[key][f"{row.zone} {row.product}"].append((row.changed_at, row.hourly_price))
        told[key] = (row.currency, row.source)
    return {key: _Steps(steps, *told[key]) for key, steps in zones.items()}


def _mean(steps: _Steps, as_of: datetime) -> SpotPrice | None:
    mean = mean_of_hourly_maximum(steps.zones, as_of - timedelta(days=PRICE_DAYS), as_of)
    if mean is None:
        return None
    newest = max(changes[-1][0] for changes in steps.zones.values())
    return SpotPrice(round(mean[0], 6), steps.currency, newest, mean[1], steps.source)


def _listed(connection: Connection, on: date) -> dict[Key, SpotPrice]:
    rows = connection.execute(text(_LISTED), {"day": on})
    return {
        (row.provider, row.region, plain_instance_type(row.provider, row.instance_type)): SpotPrice(
            row.hourly_price, row.currency, _start(row.valid_from), 24, row.source
        )
        for row in rows
    }


def _risks(connection: Connection, on: date) -> tuple[dict[Key, Band], dict[Key, Decimal]]:
    bands: dict[Key, Band] = {}
    scores: dict[Key, Decimal] = {}
    for row in connection.execute(text(_RISKS), {"day": on}):
        key = (row.provider, row.region, plain_instance_type(row.provider, row.instance_type))
        if hours := _BAND_HOURS.get(row.measure):
            bands[key] = Band(float(row.low), float(row.high), row.as_of, row.source, hours)
        elif row.measure == "placement_score":
            scores[key] = row.low
    return bands, scores


def _shares(connection: Connection, on: date) -> dict[Key, Decimal]:
    """The highest share of ended machines that were taken back, of the last month, by market."""
    found: dict[Key, Decimal] = {}
    given = {"measure": _SHARE, "since": on - timedelta(days=_SHARE_DAYS), "day": on}
    for row in connection.execute(text(_SHARES), given):
        key = (row.provider, row.region, plain_instance_type(row.provider, row.instance_type))
        found[key] = max(found.get(key, row.high), row.high)
    return found


def _own(
    connection: Connection, as_of: datetime, window_days: int, shares: Mapping[Key, Decimal]
) -> dict[Key, OwnSpot]:
    since = as_of.date() - timedelta(days=window_days)
    rows = connection.execute(
        text(_OWN),
        {
            "since": since,
            "until": as_of.date(),
            "month": since.replace(day=1),
            "gone": as_of.date() - timedelta(days=2),
        },
    )
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0, 0, 0])
    for row in rows:
        sums = counts[row.provider, row.region, plain_instance_type(row.provider, row.instance_type)]
        for place, value in enumerate((row.hours, row.ended, row.jobs, row.retried)):
            sums[place] += float(value or 0)
    return {
        key: OwnSpot(hours, int(retried), "jobs that were retried")
        if jobs
        else of_ends(hours, int(ended), shares.get(key))
        for key, (hours, ended, jobs, retried) in counts.items()
        if hours
    }


def of_ends(hours: float, ended: int, share: Decimal | None) -> OwnSpot:
    """Interruptions among machines that ended: those of the market's share, else all of them."""
    if share is None:
        return OwnSpot(hours, ended, "machines that ended, whoever ended them")
    said = f"of {ended} machines that ended {percent(share)}, the highest share the market took back in a month"
    return OwnSpot(hours, math.ceil(ended * share), said)


_SHARES = """
    SELECT provider, region, instance_type, high FROM spot_risk
    WHERE measure = :measure AND as_of > :since AND as_of <= :day + 1"""

_STEPS = """
    SELECT provider, region, zone, instance_type, product, changed_at, hourly_price, currency, source FROM spot_price p
    WHERE changed_at < :until AND (changed_at >= :since OR changed_at = (
        SELECT max(o.changed_at) FROM spot_price o
        WHERE (o.provider, o.region, o.zone, o.instance_type, o.product)
            = (p.provider, p.region, p.zone, p.instance_type, p.product) AND o.changed_at < :since))
    ORDER BY changed_at"""

_LISTED = """
    SELECT DISTINCT ON (provider, region, instance_type)
           provider, region, instance_type, hourly_price, currency, valid_from, source
    FROM price WHERE term = 'spot' AND valid_from <= :day
    ORDER BY provider, region, instance_type, valid_from DESC"""

_RISKS = """
    SELECT DISTINCT ON (provider, region, instance_type, measure)
           provider, region, instance_type, measure, as_of, low, high, source
    FROM spot_risk WHERE as_of <= :day + 1
    ORDER BY provider, region, instance_type, measure, as_of DESC, zone"""

_OWN = rf"""
    WITH line AS (
        SELECT r.resource_key, r.provider, l.region_id AS region, s.instance_type, r.last_seen, c.sku_key,
               c.charge_date + later AS day, c.hours, days,
               CASE WHEN s.consumed_unit ~* '\m(hours?|hrs?|h)\M' THEN c.consumed_quantity
                    WHEN s.consumed_unit ~* '\m(seconds?|secs?|s)\M' THEN c.consumed_quantity / 3600
                    WHEN s.pricing_unit ~* '\m(hours?|hrs?|h)\M' AND s.pricing_unit !~ '^ *1?[02-9]'
                    THEN c.pricing_quantity END AS quantity
        FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
        JOIN location l USING (location_key) JOIN resource r USING (resource_key)
        -- a charge of a longer time is of each of its days alike
        {JOIN_TO_DATE}
        CROSS JOIN LATERAL (SELECT greatest({CHARGED_UNTIL} - c.charge_date, 1) AS days) AS period
        CROSS JOIN LATERAL generate_series(0, days - 1) AS later
        WHERE k.pricing_category = 'Dynamic' AND k.charge_category = 'Usage' AND s.is_ai AND c.resource_key <> 0
          AND s.instance_type IS NOT NULL AND l.region_id IS NOT NULL
          AND c.charge_date + later >= :since AND c.charge_date + later < :until
          AND c.billing_month >= :month AND c.half <> 1),
    -- hours that have lines, and no more than the quantity of one of its SKUs says
    piece AS (
        SELECT resource_key, provider, region, instance_type, last_seen, day, sum(quantity / days) AS quantity,
               bit_or(hours) AS hours, bool_and(hours IS NOT NULL) AS by_hour
        FROM line GROUP BY resource_key, provider, region, instance_type, last_seen, day, sku_key),
    day AS (
        SELECT resource_key, provider, region, instance_type, last_seen, day,
               least(CASE WHEN bool_and(by_hour) THEN bit_count(CAST(bit_or(hours) AS bit(32))) ELSE 24 END,
                     max(quantity)) AS hours
        FROM piece GROUP BY resource_key, provider, region, instance_type, last_seen, day),
    machine AS (
        SELECT resource_key, provider, region, instance_type, last_seen, sum(hours) AS hours
        FROM day GROUP BY 1, 2, 3, 4, 5),
    job AS (
        SELECT a.resource_key, count(DISTINCT w.workload) AS jobs,
               count(DISTINCT w.workload) FILTER (WHERE w.outcome = 'retried') AS retried
        FROM workload_hour w JOIN resource_alias a ON a.alias = w.alias AND a.namespace IN (w.namespace, '*')
         AND w.hour >= a.valid_from AND (a.valid_to IS NULL OR w.hour < a.valid_to)
        WHERE w.outcome IS NOT NULL AND w.hour >= :since
        GROUP BY 1)
    SELECT provider, region, instance_type, sum(hours) AS hours,
           count(*) FILTER (WHERE last_seen < :gone) AS ended, sum(job.jobs) AS jobs, sum(job.retried) AS retried
    FROM machine LEFT JOIN job USING (resource_key)
    GROUP BY provider, region, instance_type"""
