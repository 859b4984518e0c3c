"""The other counterfactuals of the savings ledger: a service's hours, tokens, a commitment; what no bill can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from aispend.schema import recommendation
from aispend.store import Store
from recommender.ledger import baseline
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.reports.ledger import Share

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def _tokens(paid: Paid, first: date, days: int, *, price: tuple[str, str], tier: str) -> None:
    """Ten million input and one million output tokens a day, at these prices a million."""
    for number in range(days):
        day = first + timedelta(days=number)
        for unit_class, millions, each in (("input", 10, price[0]), ("output", 1, price[1])):
            cost = str(millions * float(each))
            paid.ledger.charge(
                paid.slices[day.replace(day=1)],
                day,
                [Share((cost,) * 4, model="llama", team="search", stage="inference_batch")],
                provider="aws",
                service="Amazon Bedrock",
                region="us-east-1",
                pricing_quantity=str(millions),
                sku_columns={
                    "platform": "token_api",
                    "unit_class": unit_class,
                    "units_per_pricing_unit": 1_000_000,
                    "usage_type": f"{unit_class}-{tier}",
                },
            )


def test_fewer_machines_for_a_service_are_compared_by_the_hours_it_was_there(
    paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines, 20 an hour together; one is left in October: 744 hours × 20 − 7,440 = 7,440."""
    monkeypatch.setattr(baseline, "counterfactual_of", lambda _: "same_service")
    for name in ("i-1", "i-2"):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", OCTOBER, NOVEMBER)
    paid.done(paid.advise("fewer-1", "i-1", "i-2", kind="consolidate"), DONE)
    line = paid.lines("fewer-1")["2026-10"]
    assert (line.quantity, line.counterfactual_cost, line.realised) == (744, 14880, 7440)


def test_a_commitment_is_held_against_the_price_before_less_what_it_leaves_unused(
    paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """744 hours at 6 instead of 10, and 300 of the new commitment unused: 7,440 − 4,464 − 300."""
    monkeypatch.setattr(baseline, "counterfactual_of", lambda _: "commitment")
    new: dict[str, Any] = {"commitment_id": "sp-new"}
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="6", kind={"pricing_category": "Committed"}, **new)
    unused = {"pricing_category": "Committed", "commitment_discount_status": "Unused"}
    paid.ledger.charge(
        paid.slices[OCTOBER], OCTOBER, [Share(("0", "300", "0", "0"))], provider="aws", kind=unused, **new
    )
    paid.done(paid.advise("commit-1", "i-1", kind="commit"), DONE)
    line = paid.lines("commit-1")["2026-10"]
    assert (line.actual_cost, line.commitment_effect, line.realised) == (4764, 0, 2676)


def test_tokens_are_held_against_their_price_before(paid: Paid) -> None:
    """Ten days of October at half of 3 and 15 a million: 45 a day would have been paid and 22.50 were."""
    _tokens(paid, BEFORE, 14, price=("3", "15"), tier="standard")
    _tokens(paid, OCTOBER, 10, price=("1.5", "7.5"), tier="batch")
    name = paid.advise("batch-1", "tokens:111/us-east-1/llama/search/standard", kind="batch", account="111")
    paid.connection.execute(update(recommendation).values(model="llama", team="search"))
    paid.done(name, DONE)
    written = paid.baseline(name)
    assert (written.counterfactual, written.unit) == ("same_tokens", "token")
    assert {key: [float(part) for part in parts] for key, parts in written.parts.items()} == {
        "input": [140e6, 420],
        "output": [14e6, 210],
    }
    line = paid.lines(name)["2026-10"]
    assert (line.counterfactual_cost, line.actual_cost, line.realised) == (450, 225, 225)
    assert line.price_effect is None
    assert paid.lines(name)["2026-09"].realised is None


def test_what_the_bill_cannot_tell_is_unknown_and_said(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE)
    paid.done(paid.advise("odd-001", "i-1", kind="a kind that was removed"), DONE)
    line = paid.lines("odd-001")["2026-10"]
    assert (line.realised, line.remark) == (None, "The bill alone cannot tell what this saves.")
    assert paid.state("odd-001") == "done"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stop_idle", "kept_running"),
        ("schedule", "kept_running"),
        ("rightsize", "same_hours"),
        ("accelerator", "same_service"),
        ("commit", "commitment"),
        ("batch", "same_tokens"),
        # the machines of runs that have ended are gone whether anything was changed or not
        ("training_waste", "unknown"),
        ("past_plateau", "unknown"),
        ("no_longer_made", "unknown"),
    ],
)
def test_each_kind_is_held_against_what_its_bill_can_tell(kind: str, expected: str) -> None:
    assert baseline.counterfactual_of(kind) == expected
