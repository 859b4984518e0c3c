"""Cost Explorer: what AWS itself adds up, expects and finds odd; to hold the ledger against, never added to it.

*Each request costs 0.01 USD*, pages and retries included. So all four costs are asked for at once, a first run makes
six requests for two months, and what cannot have changed is not asked for again: a month that ended more than fifteen
days ago is asked for once, one that ended since then once a day, the running month twice a day.

*Totals* are per linked account and service, and per model and kind of inference for Amazon Bedrock, which alone has
these attributes, since September 2026. Amounts come as text. A period may be spread over several pages, so groups are
merged by period and keys; the same group with another amount is an error, as is a page that leads back to one already
read. Where AWS says that its data changed between two pages, all pages are asked for again, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.clock import Clock, month_of, next_month
from aispend.errors import CollectError, InputError
from aispend.money import cost
from collectors.answers import ASKS_AGAIN
from collectors.aws.base import DENIED, THROTTLED, AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.listing import pages
from collectors.contract import Finding, Progress, Reading, Rows, Seen, Slice, Window

Row = dict[str, Any]
Replies = Iterable[Mapping[str, Any]]

METRICS = ("UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost")
FORECAST_METRIC = "UNBLENDED_COST"
FORECAST_LEVEL = 80
SETTLED_AFTER = timedelta(days=15)
"""After its end, until AWS has closed a month."""

MODELS_SINCE = date(2026, 9, 1)
"""First month for which AWS keeps the attributes of Amazon Bedrock."""

_KEPT_MONTHS = 13
_ANOMALY_DAYS = 89
_NOON = 12
_CHANGED_BETWEEN_PAGES = {"RequestChangedException", "InvalidNextTokenException", "BillExpirationException"}
_NEXT = "NextPageToken"
_NO_DATA = "DataUnavailableException"
_BY_ACCOUNT = (("DIMENSION", "LINKED_ACCOUNT", "account"), ("DIMENSION", "SERVICE", "service"))
_BY_MODEL = (("PRODUCT_ATTRIBUTE", "model", "model"), ("PRODUCT_ATTRIBUTE", "inferenceType", "inferenceType"))
_Keys = Sequence[tuple[str, str, str]]
"""What is grouped by: the type and key AWS calls it, and what a row's dimensions do."""


class CostExplorer(AwsCollector):
    """See the module's text."""

    kind = "cost-explorer"
    reach = timedelta(days=31)
    restated_for = timedelta(days=31) + SETTLED_AFTER
    operations = ("ce.GetAnomalies", "ce.GetCostAndUsage", "ce.GetCostForecast")

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._limited = False

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per month, the newest first, and one each for the forecast and the anomalies; without a request."""
        if not self.clients.connection.cost_explorer_requests_per_day:
            return
        now = self.clock()
        today = now.date()
        oldest = max(month_of(window.first), _months_before(month_of(today), _KEPT_MONTHS))
        month = min(month_of(window.end - timedelta(days=1)), month_of(today))
        wanted = []
        if month == month_of(today):
            wanted = [
                Slice("forecast", f"{today}", f"forecast for the rest of {month:%Y-%m}"),
                Slice("anomalies", f"{today}", "anomalies of the last 90 days"),
            ]
        while month >= oldest:
            wanted.append(Slice(f"{month:%Y-%m}", _token(month, now), f"totals of {month:%Y-%m}"))
            month = _months_before(month, 1)
        for piece in wanted:
            if self._limited:
                return  # to ask on costs money and brings nothing
            yield piece

    def examine(self) -> Iterator[Finding]:
        """Says what it may cost; to prove more would cost it."""
        allowed = self.clients.connection.cost_explorer_requests_per_day
        if allowed:
            said = f"not tried, since each request costs 0.01 USD; at most {allowed} a day are made"
            yield Finding("note", said, "To try it: aispend collect, which says what is missing.")
        else:
            yield Finding("note", "turned off: cost_explorer_requests_per_day is 0")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The totals of a month, the forecast, or the anomalies."""
        from botocore.exceptions import ClientError

        try:
            if piece.key == "forecast":
                return self._forecast()
            if piece.key == "anomalies":
                return self._anomalies()
            return self._month(date.fromisoformat(f"{piece.key}-01"))
        except ClientError as error:
            if code_of(error) not in THROTTLED:
                raise
            self._limited = True
            raise CollectError(
                "AWS limits the rate of requests to Cost Explorer, also after waiting; no more are made in this run.",
                where=f"{self.name}, {piece.title}: {code_of(error)}",
                next_step="The next run goes on from here. If it stays so, another tool may use up the limit.",
            ) from None

    def _month(self, month: date) -> Reading:
        from botocore.exceptions import ClientError

        now = self.clock()
        # the running month ends with today: AWS refuses ends far ahead
        end = min(next_month(month), now.date() + timedelta(days=1))
        rows = totals(self._costs(month, end, _BY_ACCOUNT), _BY_ACCOUNT, now)
        notes: list[str] = []
        if month >= MODELS_SINCE:
            try:
                rows += totals(self._costs(month, end, _BY_MODEL), _BY_MODEL, now)
            except ClientError as error:
                if code_of(error) != _NO_DATA:
                    raise
                notes.append(f"AWS has no totals by model for {month:%Y-%m}.")
        return Reading([Rows("provider_total", rows)], tuple(notes))

    def _costs(self, first: date, end: date, keys: _Keys) -> list[Mapping[str, Any]]:
        """The replies to one question, all of one state of AWS's data."""
        from botocore.exceptions import ClientError

        client: Any = self.clients.client("ce")
        given: dict[str, Any] = {
            "TimePeriod": {"Start": f"{first}", "End": f"{end}"},
            "Granularity": "MONTHLY",
            "Metrics": list(METRICS),
            "GroupBy": [{"Type": kind, "Key": key} for kind, key, _ in keys],
        }
        try:
            return list(pages(client.get_cost_and_usage, token=_NEXT, **given))
        except ClientError as error:
            if code_of(error) not in _CHANGED_BETWEEN_PAGES:
                raise
        return list(pages(client.get_cost_and_usage, token=_NEXT, **given))

    def _forecast(self) -> Reading:
        from botocore.exceptions import ClientError

        now = self.clock()
        first, end = now.date(), next_month(month_of(now.date()))
        client: Any = self.clients.client("ce")
        try:
            reply = client.get_cost_forecast(
                TimePeriod={"Start": f"{first}", "End": f"{end}"},
                Metric=FORECAST_METRIC,
                Granularity="MONTHLY",
                PredictionIntervalLevel=FORECAST_LEVEL,
            )
        except ClientError as error:
            if code_of(error) != _NO_DATA:
                return _without(error, "The forecast")
            note = "AWS gives no forecast: it has too little history of this account."
            return Reading([Rows("provider_forecast", [])], (note,), may_be_empty=True)
        return Reading([Rows("provider_forecast", [forecast(reply, first, end, now)])])

    def _anomalies(self) -> Reading:
        from botocore.exceptions import ClientError

        now = self.clock()
        start = f"{now.date() - timedelta(days=_ANOMALY_DAYS)}"
        client: Any = self.clients.client("ce")
        currency = "CNY" if self.clients.connection.home_region.startswith("cn-") else "USD"
        try:
            replies = list(pages(client.get_anomalies, token=_NEXT, DateInterval={"StartDate": start}))
        except ClientError as error:
            return _without(error, "What AWS finds odd")
        return Reading([Rows("provider_anomaly", anomalies(replies, currency, now))], may_be_empty=True)


def totals(replies: Replies, keys: _Keys, now: datetime) -> list[Row]:
    """Rows from replies to GetCostAndUsage grouped by ``keys``; what has none of a product's attributes is left out."""
    found: dict[tuple[str, ...], Row] = {}
    estimated: dict[str, bool] = {}
    for period in (one for reply in replies for one in reply.get("ResultsByTime", [])):
        start, end = period["TimePeriod"]["Start"], period["TimePeriod"]["End"]
        estimated[start] = estimated.get(start, False) or bool(period.get("Estimated"))
        for group in period.get("Groups", []):
            dimensions = _dimensions(group["Keys"], keys)
            if not any(dimensions.values()):
                continue
            for metric, said in group["Metrics"].items():
                row = {
                    "provider": "aws",
                    "account": dimensions.get("account"),
                    "period_start": _day(start),
                    "period_end": _day(end),
                    "metric": metric,
                    "dimensions": dimensions,
                    "amount": _amount(said["Amount"], "GetCostAndUsage"),
                    "currency": said["Unit"],
                    "as_of": now,
                }
                known = found.setdefault((start, *group["Keys"], metric), row)
                if (known["amount"], known["currency"]) != (row["amount"], row["currency"]):
                    raise InputError(
                        "AWS gives two totals for one thing.",
                        where=f"GetCostAndUsage, {start}, {', '.join(group['Keys'])}, {metric}",
                        next_step="The next run asks again; what was collected before stays.",
                    )
    return [row | {"estimated": estimated[start]} for (start, *_), row in found.items()]


def forecast(reply: Mapping[str, Any], first: date, end: date, now: datetime) -> Row:
    """The row of a reply to GetCostForecast for the rest of a month; bounds where AWS gives them for all of it."""
    said = [
        (one["MeanValue"], one.get("PredictionIntervalLowerBound"), one.get("PredictionIntervalUpperBound"))
        for one in reply.get("ForecastResultsByTime", [])
    ]
    _, low, high = said[0] if len(said) == 1 else (None, None, None)
    return {
        "provider": "aws",
        "account": None,
        "period_start": first,
        "period_end": end,
        "metric": FORECAST_METRIC,
        "mean": _amount(reply["Total"]["Amount"], "GetCostForecast"),
        "low": None if low is None else _amount(low, "GetCostForecast"),
        "high": None if high is None else _amount(high, "GetCostForecast"),
        "level": Decimal(FORECAST_LEVEL) / 100,
        "currency": reply["Total"]["Unit"],
        "as_of": now,
    }


def anomalies(replies: Replies, currency: str, now: datetime) -> list[Row]:
    """Rows from replies to GetAnomalies; amounts come as numbers and are taken by their shortest text."""
    rows = []
    for one in (found for reply in replies for found in reply["Anomalies"]):
        causes = one.get("RootCauses", [])
        largest: Mapping[str, Any] = max(
            causes, key=lambda cause: cause.get("Impact", {}).get("Contribution", 0.0), default={}
        )
        impact = one["Impact"]
        started, ended = one.get("AnomalyStartDate"), one.get("AnomalyEndDate")
        rows.append(
            {
                "provider": "aws",
                "anomaly_id": one["AnomalyId"],
                "account": largest.get("LinkedAccount") or None,
                "service": largest.get("Service") or one.get("DimensionValue") or None,
                "region": largest.get("Region") or None,
                "usage_type": largest.get("UsageType") or None,
                "started_on": _day(started or ended or now.astimezone(UTC).date().isoformat()),
                "ended_on": _day(ended) if ended else None,
                "impact": _number(impact.get("TotalImpact")),
                "expected": _number(impact.get("TotalExpectedSpend")),
                "currency": currency,
                "feedback": one.get("Feedback"),
                "details": {
                    "root_causes": [_as_text(cause) for cause in causes],
                    "score": _as_text(one["AnomalyScore"]),
                    "impact": _as_text(impact),
                    "dimension": one.get("DimensionValue"),
                    "monitor": one["MonitorArn"],
                },
                "as_of": now,
            }
        )
    return rows


def _token(month: date, now: datetime) -> str:
    """Changes as often as the totals of a month may have."""
    today = now.date()
    ended = next_month(month)
    if today > ended + SETTLED_AFTER:
        return f"{month:%Y-%m}"
    if today >= ended:
        return f"{today}"
    return f"{today} {'morning' if now.hour < _NOON else 'afternoon'}"


def _months_before(month: date, number: int) -> date:
    whole = month.year * 12 + month.month - 1 - number
    return date(whole // 12, whole % 12 + 1, 1)


def _dimensions(given: Sequence[str], keys: _Keys) -> dict[str, str | None]:
    """A group's keys by their names; an attribute's value stands behind its name, as in ``model$claude``."""
    texts = [
        text.removeprefix(f"{key}$") if kind == "PRODUCT_ATTRIBUTE" else text
        for text, (kind, key, _) in zip(given, keys, strict=True)
    ]
    return {name: text or None for text, (_, _, name) in zip(texts, keys, strict=True)}


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _amount(text: str, operation: str) -> Decimal:
    try:
        amount = cost(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError("AWS gives an amount that is no number.", where=f"{operation}: {text!r}", next_step=ASKS_AGAIN)
    return amount


def _number(value: float | None) -> Decimal | None:
    return None if value is None else cost(value)


def _as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """As given, with numbers as their shortest text."""
    return {
        name: _as_text(value) if isinstance(value, Mapping) else repr(value) if isinstance(value, float) else value
        for name, value in values.items()
    }


def _without(error: Exception, what: str) -> Reading:
    """The remark for a part without permission, which keeps what it had; else raises ``error``."""
    if code_of(error) not in DENIED:
        raise error
    note = f"{what} is unknown: the permission ce:{getattr(error, 'operation_name', '')} is missing."
    return Reading([], (note,), may_be_empty=True)
