"""Recorded use of token-priced models, given to the tokens bought that it is about.

Assumes     a record's provider, model and tier are right; its account, region and team may be absent.
Method      Of the tokens bought with the same provider, model and tier: those of the resource a record's name means,
            else of its account; of these those of its team; of these those of its region. One left is whose it is.
Cases       Several left, or none: left out, as half of a count is worse than none.
Drawbacks   A record whose team the company's own rules change fits only where one team buys the model there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import fsum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, case, func, select, text

from aispend.prices.tokens import describe_token_sku
from aispend.store.telemetry import resolved_inference_hours

if TYPE_CHECKING:
    from recommender.subjects.token_use import TokenUse

_TIERS = ("batch", "flex", "priority", "provisioned")
_ROWS = 10_000
_INPUT = ("input", "cached_input", "cache_write")
_TOKENS = (*_INPUT, "output")
_ENOUGH = 0.95
"""Share of the requests with a latency that has to be told one way for it to stand for all."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds; None where most hours do not tell it.

    ``p50_ms`` and ``p95_ms`` are medians of the hours' percentiles, by requests: percentiles of all requests cannot be
    had from those of hours. ``mean_ms`` is the mean of all requests, of sources that tell one value for an hour.
    """

    p50_ms: float | None = None
    p95_ms: float | None = None
    mean_ms: float | None = None


@dataclass
class Recorded:
    """What was recorded for one subject; filled hour by hour."""

    requests: dict[date, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    by_hour: list[Decimal] = field(default_factory=lambda: [Decimal(0)] * 24)
    tokens: dict[str, dict[date, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    endpoints: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    hours: dict[datetime, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    latencies: list[tuple[float, float | None, float | None]] = field(default_factory=list)

    @property
    def prompt_tokens(self) -> Decimal | None:
        """Mean input of a request; None where no request, or no input, is recorded."""
        requests = sum(self.requests.values(), Decimal(0))
        tokens = sum((count for name in _INPUT for count in self.tokens.get(name, {}).values()), Decimal(0))
        return tokens / requests if requests and tokens else None

    @property
    def largest_hour(self) -> dict[str, Decimal]:
        """Tokens by class of the hour with most output, or most tokens where there is no output."""
        hours: list[dict[str, Decimal]] = list(self.hours.values())
        largest = max(hours, key=lambda hour: (hour.get("output", 0), sum(hour.values())), default=None)
        return dict(largest or {})

    def latency(self) -> Latency:
        """What the hours tell of it, as far as all but a twentieth of their requests are told the same way."""
        told = [(count, p50, p95) for count, p50, p95 in self.latencies if count > 0 and p50 is not None]
        # one value for several requests is their mean, though older imports kept it as both percentiles
        means = [(count, p50) for count, p50, p95 in told if p95 is None or (p95 == p50 and count > 1)]
        each = [(count, p50, p95) for count, p50, p95 in told if p95 is not None and (p95 != p50 or count == 1)]
        enough = _ENOUGH * sum(count for count, _, _ in told)
        mean = p50 = p95 = None
        if told and sum(count for count, _ in means) >= enough:
            mean = fsum(count * value for count, value in means) / fsum(count for count, _ in means)
        if told and sum(count for count, _, _ in each) >= enough:
            p50 = _median([(count, value) for count, value, _ in each])
            p95 = _median([(count, value) for count, _, value in each])
        return Latency(p50, p95, mean)

    def add(self, row: Any) -> None:
        """One hour's count of one unit class."""
        day = row.hour.astimezone(UTC).date()
        if row.unit_class == "requests":
            self.requests[day] += row.quantity
            self.by_hour[row.hour.astimezone(UTC).hour] += row.quantity
            self.latencies.append((float(row.quantity), row.p50, row.p95))
        elif row.unit_class in _TOKENS:
            self.tokens[row.unit_class][day] += row.quantity
            self.hours[row.hour][row.unit_class] += row.quantity
            if row.endpoint:
                self.endpoints[row.endpoint] += row.quantity


def _median(weighed: Sequence[tuple[float, float]]) -> float:
    """The value up to which half of the weight lies; weights and values in pairs, at least one."""
    half, passed = sum(weight for weight, _ in weighed) / 2, 0.0
    for weight, value in sorted(weighed, key=lambda pair: pair[1]):
        passed += weight
        if passed >= half:
            return value
    raise ValueError("nothing has a weight")


def tier_of(name: str | None) -> str:
    """The service tier a record or SKU names: batch, flex, priority or provisioned, else standard."""
    lowered = (name or "").lower()
    return next((tier for tier in _TIERS if tier in lowered), "standard")


def token_tiers(connection: Connection) -> dict[int, str]:
    """The tier of each token-priced SKU, by its own words."""
    rows = connection.execute(
        text(
            "SELECT sku_key, sku_meter, usage_type, charge_description, pricing_unit FROM sku"
            " WHERE platform = 'token_api' OR stage = 'inference_batch'"
        )
    )
    tiers = {}
    for key, *texts, unit in rows:
        read = (describe_token_sku(words, unit) for words in texts if words)
        tiers[key] = next((one.service_tier for one in read if one and one.service_tier != "standard"), "standard")
    return tiers


def recorded_use(
    connection: Connection,
    as_of: datetime,
    window_days: int,
    subjects: Sequence[TokenUse],
    account_names: Mapping[str, frozenset[str]],
) -> dict[int, Recorded]:
    """What was recorded in the window for each subject, by its place in ``subjects``."""
    if not subjects:
        return {}
    models: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place, subject in enumerate(subjects):
        models[subject.provider, (subject.model or "").lower(), subject.service_tier].append(place)
    rows = connection.execute(
        text("SELECT resource_key, resource_id FROM resource WHERE resource_id = ANY(:ids)"),
        {"ids": sorted({name for subject in subjects for name in subject.resource_ids})},
    )
    resources = {row.resource_key: row.resource_id for row in rows}
    found: dict[int, Recorded] = {}
    owners: dict[tuple[Any, ...], int | None] = {}
    query = _hours(as_of - timedelta(days=window_days), as_of).execution_options(yield_per=_ROWS)
    for row in connection.execute(query):
        key = (row.provider, row.model, row.service_tier, row.account, row.region, row.team, row.resource_key)
        if key not in owners:
            places = models.get((row.provider, (row.model or "").lower(), tier_of(row.service_tier)), [])
            owners[key] = _owner(row, places, subjects, account_names, resources)
        owner = owners[key]
        if owner is not None:
            found.setdefault(owner, Recorded()).add(row)
    return found


def _owner(
    row: Any,
    places: Sequence[int],
    subjects: Sequence[TokenUse],
    account_names: Mapping[str, frozenset[str]],
    resources: Mapping[int, str],
) -> int | None:
    resource = resources.get(row.resource_key)
    account = (row.account or "").lower().removeprefix("/subscriptions/")

    def of_account(place: int) -> bool:
        subject = subjects[place]
        names = account_names.get(subject.resource_id + subject.currency, frozenset())
        return account in {name.removeprefix("/subscriptions/") for name in names}

    left = [place for place in places if resource and resource in subjects[place].resource_ids]
    if not left:
        left = [place for place in places if of_account(place)] if account else list(places)
    teams = [place for place in left if row.team and (subjects[place].team or "").lower() == row.team.lower()]
    left = teams or left
    regions = [place for place in left if row.region and subjects[place].region == row.region]
    left = regions or left
    return left[0] if len(left) == 1 else None


def _hours(since: datetime, until: datetime) -> Any:
    of = resolved_inference_hours().subquery().c
    names = (of.hour, of.provider, of.account, of.region, of.endpoint, of.model, of.team, of.service_tier)
    return (
        select(
            *names,
            of.resource_key,
            of.unit_class,
            func.sum(of.quantity).label("quantity"),
            func.max(of.latency_p50_ms).label("p50"),
            case((func.bool_and(of.latency_p95_ms.is_not(None)), func.max(of.latency_p95_ms))).label("p95"),
        )
        .where(of.hour >= since, of.hour < until, of.unit_class.in_(("requests", *_TOKENS)))
        .group_by(*names, of.resource_key, of.unit_class)
        .order_by(of.hour, of.unit_class)
    )
