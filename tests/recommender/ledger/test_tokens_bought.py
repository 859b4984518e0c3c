"""The counterfactuals of bought tokens on bills made by hand: their price, their number a request, their model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from aispend.schema import inference_hour, recommendation
from aispend.store import Store
from tests.recommender.ledger.machines_paid import OCTOBER, Paid
from tests.reports.ledger import Share

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
LARGE, SMALL = "claude-sonnet-4", "claude-haiku-4.5"


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def buy(
    paid: Paid,
    first: date,
    days: int,
    *,
    model: str = LARGE,
    tier: str = "standard",
    currency: str = "USD",
    sub_account: str | None = None,
    **tokens: tuple[str, str | None],
) -> None:
    """Millions of tokens a day by direction, each with its price a million; None is a cost nobody knows."""
    for number in range(days):
        day = first + timedelta(days=number)
        for unit_class, (millions, each) in tokens.items():
            cost = None if each is None else str(float(millions) * float(each))
            paid.ledger.charge(
                paid.slices[day.replace(day=1)],
                day,
                [Share((cost,) * 4, model=model, team="search", stage="inference_batch")],
                provider="aws",
                service="Amazon Bedrock",
                region="us-east-1",
                pricing_quantity=millions,
                currency=currency,
                sub_account=sub_account,
                sku_columns={
                    "platform": "token_api",
                    "unit_class": unit_class,
                    "units_per_pricing_unit": 1_000_000,
                    "usage_type": f"{unit_class}-{tier}-{model}",
                },
            )


def ask(paid: Paid, first: date, days: int, requests: int) -> None:
    """So many requests a day are recorded."""
    slice_id = paid.ledger.bill("any", f"use {first}", first.replace(day=1))
    for number in range(days):
        hour = datetime.combine(first + timedelta(days=number), time(12), UTC)
        paid.connection.execute(
            insert(inference_hour).values(
                slice_id=slice_id, hour=hour, namespace="files", provider="aws", model=LARGE, unit_class="requests",
                quantity=requests, team="search",
            )
        )  # fmt: skip


def done(paid: Paid, kind: str, **columns: Any) -> str:
    name = paid.advise(f"{kind}-1", f"tokens:111/us-east-1/{LARGE}/search/standard", kind=kind, account="111")
    paid.connection.execute(update(recommendation).values(model=LARGE, team="search", **columns))
    paid.done(name, DONE)
    return name


def parts(line: Any) -> tuple[Any, ...]:
    return line.counterfactual_cost, line.actual_cost, line.price_effect, line.realised


def test_tokens_are_held_against_their_price_before(paid: Paid) -> None:
    """Ten days of October at half of 3 and 15 a million: 45 a day would have been paid and 22.50 were."""
    buy(paid, BEFORE, 14, input=("10", "3"), output=("1", "15"))
    buy(paid, OCTOBER, 10, tier="batch", input=("10", "1.5"), output=("1", "7.5"))
    name = done(paid, "batch")
    written = paid.baseline(name)
    assert (written.counterfactual, written.unit) == ("same_tokens", "token")
    assert {key: [float(part) for part in each] for key, each in written.parts.items()} == {
        "input": [140e6, 420],
        "output": [14e6, 210],
    }
    line = paid.lines(name)["2026-10"]
    assert parts(line) == (450, 225, None, 225)
    assert paid.lines(name)["2026-09"].realised is None


def test_a_day_of_unknown_cost_before_is_said_and_not_called_no_tokens(paid: Paid) -> None:
    """Thirteen of fourteen days before are known: tokens of known cost were bought, but not all of them."""
    buy(paid, BEFORE, 13, input=("10", "3"))
    buy(paid, BEFORE + timedelta(days=13), 1, input=("10", None))
    buy(paid, OCTOBER, 10, tier="batch", input=("10", "1.5"))
    line = paid.lines(done(paid, "batch"))["2026-10"]
    assert line.realised is None
    assert line.remark == (
        "The bill alone cannot tell what this saves: no tokens were bought before, or the cost of some of them is not "
        "known."
    )


def test_a_limit_saves_what_each_answer_is_shorter_at_the_price_of_today(paid: Paid) -> None:
    """100 tokens a request before; ten days of 20,000 requests with 1.5 million tokens, at 12 a million instead of 15.

    2 million a day would have been 30 at the old price and 24 at the new: 6 a day is the price, and 0.5 × 12 the limit.
    """
    buy(paid, BEFORE, 14, input=("10", "3"), output=("1", "15"))
    ask(paid, BEFORE, 14, 10_000)
    buy(paid, OCTOBER, 10, input=("20", "3"), output=("1.5", "12"))
    ask(paid, OCTOBER, 10, 20_000)
    name = done(paid, "output_limit")
    assert paid.baseline(name).requests == 140_000
    line = paid.lines(name)["2026-10"]
    assert (line.quantity, parts(line)) == (20_000_000, (300, 180, 60, 60))
    assert line.remark is None
    assert paid.state(name) == "verified"


def test_days_without_a_request_recorded_are_left_out_and_said(paid: Paid) -> None:
    """Ten days of answers half as long, requests of four: 4 × 0.5 million × 15."""
    buy(paid, BEFORE, 14, output=("1", "15"))
    ask(paid, BEFORE, 14, 10_000)
    buy(paid, OCTOBER, 10, output=("0.5", "15"))
    ask(paid, OCTOBER, 4, 10_000)
    line = paid.lines(done(paid, "output_limit"))["2026-10"]
    assert parts(line) == (60, 30, 0, 30)
    assert line.remark == "On 6 days no requests were recorded: what was saved on these is not counted."


def test_a_limit_nobody_counted_requests_of_is_unknown_and_not_zero(paid: Paid) -> None:
    buy(paid, BEFORE, 14, output=("1", "15"))
    buy(paid, OCTOBER, 10, output=("0.5", "15"))
    name = done(paid, "output_limit")
    line = paid.lines(name)["2026-10"]
    assert (line.realised, line.counterfactual_cost) == (None, None)
    assert line.remark == "No requests were recorded before, so how long answers would be is not known."
    assert paid.state(name) == "done"


def test_calls_routed_to_a_smaller_model_save_the_difference_of_the_bill_s_rates(paid: Paid) -> None:
    """Ten days with 4 of 10 million input at 0.25 and 0.5 million output at 1.25: 40 × 4.50 − 16.25 = 163.75."""
    buy(paid, BEFORE, 14, input=("10", "3"), output=("1", "15"))
    buy(paid, OCTOBER, 10, input=("6", "3"), output=("0.6", "15"))
    buy(paid, OCTOBER, 10, model=SMALL, input=("4", "0.25"), output=("0.5", "1.25"))
    name = done(paid, "route", target=SMALL)
    line = paid.lines(name)["2026-10"]
    assert (line.quantity, parts(line)) == (40_000_000, (180, Decimal("16.25"), 0, Decimal("163.75")))
    assert paid.state(name) == "verified"


def test_what_the_smaller_model_answered_before_was_not_moved(paid: Paid) -> None:
    """A fifth was its own; of 20 million a day 4 would be, and 8 are: 4 × (3 − 1.50) × 10 days."""
    buy(paid, BEFORE, 14, input=("8", "3"))
    buy(paid, BEFORE, 14, model=SMALL, input=("2", "1.5"))
    buy(paid, OCTOBER, 10, input=("12", "3"))
    buy(paid, OCTOBER, 10, model=SMALL, input=("8", "1.5"))
    name = done(paid, "route", target=SMALL)
    assert float(paid.baseline(name).parts[f"input of {SMALL}"][0]) == 28e6
    assert parts(paid.lines(name)["2026-10"]) == (120, 60, 0, 60)


def test_where_nothing_was_routed_nothing_is_saved_and_it_is_said(paid: Paid) -> None:
    buy(paid, BEFORE, 14, input=("10", "3"))
    buy(paid, OCTOBER, 10, input=("10", "3"))
    name = done(paid, "route", target=SMALL)
    line = paid.lines(name)["2026-10"]
    assert line.realised == 0
    assert line.remark == f"None of {SMALL} is on the bill of this account and team: nothing was moved to it."
    assert paid.baseline(name).outcome == "miss"
