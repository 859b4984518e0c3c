"""The rest of a cut takes the known steps of those it sums up; by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from analyzer.forecast import forecast
from analyzer.forecast_run import Period, forecast_rows
from analyzer.forecast_steps import KnownStep
from analyzer.forecast_subjects import Part, Subject, largest

D = Decimal
FIRST = date(2026, 9, 1)
DAYS = 50  # to October 20th


def _one(value: str, cost: int) -> Subject:
    return Subject("model", value, 0, "USD", Part(FIRST, (D(cost),) * DAYS, (D(0),) * DAYS), False)


def test_a_step_of_a_model_among_the_rest_is_in_the_rest() -> None:
    """Eleven days to come of 2 + 1 a day, twenty already known; two days of 100 of b, none of the others."""
    *_, rest = largest([_one("a", 5), _one("b", 2), _one("c", 1)], 1)
    assert (rest.value, rest.others) == (None, 2)
    steps = [
        KnownStep(date(2026, 10, 30), None, D(amount), "USD", f"of {model}", True, {"model": model})
        for amount, model in ((100, "b"), (7, "a"), (9, None))
    ]
    told = forecast(rest.part.history, 11)
    october = Period("month", date(2026, 10, 1), date(2026, 11, 1))
    month = next(iter(forecast_rows(rest, [told], [october], steps)))
    assert month["p50"] == 31 * 3 + 2 * 100
    assert [step["why"] for step in month["steps"]] == ["of b"]
