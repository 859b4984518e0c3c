"""In one currency, what is to be known of a forecast in one of several says which; by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from reports.views.forecast import ForecastRow
from reports.views.forecast_in import _Part, _together

ENDED = "no usage since 2026-09-21: taken to have ended, so that only what is known is expected"


def _row(currency: str, reason: str | None) -> ForecastRow:
    day, amount = date(2026, 10, 1), Decimal(10)
    return ForecastRow(
        cut="all", value=None, others=0, currency=currency, period="month", period_start=day,
        period_end=date(2026, 11, 1), known_to=day, actual=amount, p10=amount, p50=amount, p90=amount,
        level=Decimal("0.8"), method="middle of members", history_days=50, reason=reason, steps=(),
        partly_unknown=False, made_at=datetime(2026, 10, 20, tzinfo=UTC),
    )  # fmt: skip


def _reason(*reasons: str | None) -> str | None:
    rows = [_row(currency, reason) for currency, reason in zip(("USD", "EUR"), reasons, strict=False)]
    return _together([_Part(row, row, None, None) for row in rows], "USD").reason


def test_what_holds_of_one_currency_is_said_of_it() -> None:
    assert _reason(None, ENDED) == f"EUR: {ENDED}"
    assert _reason("no band: short", ENDED) == f"USD: no band: short; EUR: {ENDED}"


def test_what_holds_of_all_or_of_the_only_one_is_said_once() -> None:
    assert _reason("no band: short", "no band: short") == "no band: short"
    assert _reason(ENDED) == ENDED
    assert _reason(None, None) is None
