"""Spot markets: what capacity cost, whether there is some, and how often it is taken back.

*Prices* are steps: AWS lists changes, and the last one before the time asked for. They are kept as they are, and each
full day's mean by time, over the region's zones alike, becomes the day's price with the term ``spot``. A past day is
collected once; the present one every hour. AWS forgets after 90 days; a first run goes back as far as the settings say,
since each day of each region is asked for apart. A region that is denied or not enabled is a remark, and asked again by
the next run; where no region answers, the source fails.

*Placement scores* (1 to 10) are given for several machine types together: types of one family, where it has three, and
are written under the family's name. AWS limits how often new sets are asked for; what it does not answer is a remark.

*Interruption bands* have no interface. They are read from a copy of AWS's public file, which a person keeps and
replaces; without one they are unknown.

*Assumes* that every accelerated type may be of use: those in use, and those that could replace them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.money import cost
from aispend.prices.accelerators import instance_type
from collectors.aws.base import DENIED, DISABLED_REGION, AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.listing import left_out
from collectors.aws.prices import families
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.refusals import Refusals
from collectors.steps import Step, daily_mean

PRODUCT = "Linux/UNIX"
_KEPT_DAYS = 89
_ENOUGH_TYPES = 3
_REGIONS_AT_ONCE = 10
_NOT_SCORED = {"InvalidParameterValue", "InvalidParameterCombination", "InvalidInstanceType"}
_LIMITED = {"MaxConfigLimitExceeded", "RequestLimitExceeded", "Throttling", "ThrottlingException"}
_BAND = re.compile(r"^(?:<(?P<below>\d+)%|(?P<low>\d+)-(?P<high>\d+)%|>(?P<above>\d+)%)$")


class Spot(AwsCollector):
    """See the module's text."""

    kind = "spot"
    reach = timedelta(days=_KEPT_DAYS)
    restated_for = timedelta(days=1)
    operations = ("ec2.DescribeRegions", "ec2.DescribeSpotPriceHistory", "ec2.GetSpotPlacementScores")

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._closed: set[str] = set()
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per region and day, the newest first, so that a closed region is asked once; then the risks."""
        now = self.clock()
        today = now.date()
        kept = min(self.clients.connection.spot_history_days, _KEPT_DAYS) if window.usual else _KEPT_DAYS
        first = max(window.first, today - timedelta(days=kept))
        for region in self.clients.regions:
            day = min(window.end - timedelta(days=1), today)
            while day >= first and region not in self._closed:
                key, token = f"{region} {day}", f"{now:%Y-%m-%dT%H}" if day == today else "settled"
                known = seen.get(key)
                if known is not None and known.token == token:
                    self._refusals.read()
                if known is None or known.token != "settled":
                    yield Slice(key, token, f"spot prices of {region}, {day}")
                day -= timedelta(days=1)
        yield Slice("placement scores", f"{today}", "spot placement scores")
        if self._advisor is not None:
            # a file that is not there fails its slice when it is read, and nothing else
            found = self._advisor.stat() if self._advisor.exists() else None
            token = f"{found.st_size} {found.st_mtime_ns}" if found else f"missing {today}"
            yield Slice("interruptions", token, "spot interruption bands")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One day of a region's prices, or one kind of risk."""
        if piece.key == "placement scores":
            return self._scores()
        if piece.key == "interruptions":
            return Reading([Merge("spot_risk", read_advisor(self._advisor or Path()))])
        from botocore.exceptions import ClientError

        region, _, day_text = piece.key.partition(" ")
        try:
            rows, means = day_of_prices(self._history(region, date.fromisoformat(day_text)), region, day_text)
        except ClientError as error:
            if code_of(error) in DENIED:
                self._refusals.add(error)
            elif code_of(error) not in DISABLED_REGION or region == self.clients.connection.home_region:
                raise
            self._closed.add(region)
            note = left_out(error, f"The spot market of {region}")
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
        self._refusals.read()
        settled = date.fromisoformat(day_text) < self.clock().date()
        return Reading([Merge("spot_price", rows), *([Merge("price", means)] if settled else [])])

    def _history(self, region: str, day: date) -> Iterator[Mapping[str, Any]]:
        client: Any = self.clients.client("ec2", region=region)
        start = datetime.combine(day, time(), UTC)
        # wildcards, because a type that a region does not know is an error where types are named
        wanted = [f"{family}.*" for family in families()]
        yield from client.get_paginator("describe_spot_price_history").paginate(
            StartTime=start,
            EndTime=min(start + timedelta(days=1), self.clock()),
            ProductDescriptions=[PRODUCT],
            Filters=[{"Name": "instance-type", "Values": wanted}],
        )

    def _scores(self) -> Reading:
        from botocore.exceptions import ClientError

        rows: list[Mapping[str, Any]] = []
        notes: list[str] = []
        stopped = False
        for family, types in families().items():
            if len(types) < _ENOUGH_TYPES:
                continue
            try:
                rows += self._scores_of(family, types)
            except ClientError as error:
                if code_of(error) in _NOT_SCORED:
                    notes.append(f"AWS gives no placement scores for {family}.")
                    continue
                if code_of(error) in _LIMITED:
                    notes.append(f"AWS limits how often placement scores are asked for: none from {family} on, today.")
                else:
                    notes.append(left_out(error, "Spot placement"))
                stopped = True
                break
        return Reading([Merge("spot_risk", rows)], tuple(notes), may_be_empty=stopped)

    def _scores_of(self, family: str, types: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        client: Any = self.clients.client("ec2")
        regions = self.clients.regions
        for start in range(0, len(regions), _REGIONS_AT_ONCE):
            pages = client.get_paginator("get_spot_placement_scores").paginate(
                InstanceTypes=types,
                TargetCapacity=1,
                SingleAvailabilityZone=False,
                RegionNames=list(regions[start : start + _REGIONS_AT_ONCE]),
            )
            yield from score_rows(pages, family, self.clock().date())

    @property
    def _advisor(self) -> Path | None:
        given = self.clients.connection.spot_advisor
        return None if given is None else Path(given).expanduser()


def day_of_prices(
    replies: Iterable[Mapping[str, Any]], region: str, day: str
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """Rows of ``spot_price`` and of ``price`` (the day's means) from replies to DescribeSpotPriceHistory."""
    steps: dict[str, dict[str, dict[datetime, Decimal]]] = {}
    for one in (found for reply in replies for found in reply["SpotPriceHistory"]):
        if one["ProductDescription"] == PRODUCT and instance_type("aws", one["InstanceType"]):
            zones = steps.setdefault(one["InstanceType"], {})
            zones.setdefault(one["AvailabilityZone"], {})[one["Timestamp"].astimezone(UTC)] = cost(one["SpotPrice"])
    currency = "CNY" if region.startswith("cn-") else "USD"
    rows = [
        {
            "provider": "aws",
            "region": region,
            "zone": zone,
            "instance_type": name,
            "product": PRODUCT,
            "changed_at": at,
            "hourly_price": price,
            "currency": currency,
        }
        for name, zones in steps.items()
        for zone, changes in zones.items()
        for at, price in sorted(changes.items())
    ]
    start = datetime.combine(date.fromisoformat(day), time(), UTC)
    means = [
        {
            "provider": "aws",
            "region": region,
            "instance_type": name,
            "term": "spot",
            "currency": currency,
            "valid_from": start.date(),
            "hourly_price": mean,
        }
        for name, zones in steps.items()
        if (mean := daily_mean(map(_steps, zones.values()), start, start + timedelta(days=1))) is not None
    ]
    return rows, means


def score_rows(replies: Iterable[Mapping[str, Any]], family: str, on: date) -> list[Mapping[str, Any]]:
    """Rows of ``spot_risk`` from replies to GetSpotPlacementScores for the types of one family."""
    found = (one for reply in replies for one in reply["SpotPlacementScores"])
    return [_risk(one["Region"], family, "placement_score", on, (Decimal(one["Score"]),) * 2) for one in found]


def read_advisor(path: Path, as_of: date | None = None) -> list[Mapping[str, Any]]:
    """Interruption bands of accelerated types on Linux, as rows of ``spot_risk``, from a copy of AWS's public file.

    The file names no day: ``as_of`` is the file's own where none is given. The bands are those of the labels
    (``<5%``, ``5-10%``, ``>20%``); the last has no bound but 1. Raises ``InputError`` for any other file.
    """
    try:
        on = as_of or datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
        content = json.loads(path.read_text(encoding="utf-8"))
        bands = {one["index"]: _band(one["label"]) for one in content["ranges"]}
        return [
            _risk(region, name, "interruption_rate", on, bands[entry["r"]])
            for region, systems in content["spot_advisor"].items()
            for name, entry in systems.get("Linux", {}).items()
            if instance_type("aws", name)
        ]
    except OSError as error:
        raise InputError(
            "The copy of the spot advisor cannot be read.",
            where=f"{path}: {error.strerror}",
            next_step="Correct spot_advisor under [[aws]]; without it there are no interruption bands.",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "This is not AWS's spot advisor file.",
            where=f"{path}: {type(error).__name__} {error}",
            next_step="Save spot-advisor-data.json as AWS publishes it.",
        ) from None


def _band(label: str) -> tuple[Decimal, Decimal]:
    found = _BAND.match(label)
    if found is None:
        raise ValueError(f"unknown band {label!r}")
    low, high = found["low"] or found["above"] or 0, found["high"] or found["below"] or 100
    return Decimal(low) / 100, Decimal(high) / 100


def _risk(region: str, name: str, measure: str, on: date, band: tuple[Decimal, Decimal]) -> Mapping[str, Any]:
    named = {"provider": "aws", "region": region, "zone": "", "instance_type": name}
    return {**named, "measure": measure, "as_of": on, "low": band[0], "high": band[1]}


def _steps(changes: Mapping[datetime, Decimal]) -> Sequence[Step]:
    return list(changes.items())
