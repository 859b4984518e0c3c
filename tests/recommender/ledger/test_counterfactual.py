"""The other counterfactuals of the savings ledger: a service's hours, a commitment; what no bill can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from recommender.ledger import baseline
from recommender.ledger.untold import WHY_UNKNOWN
from recommender.registry import KINDS
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


def test_what_the_bill_cannot_tell_is_unknown_and_said(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE)
    paid.done(paid.advise("odd-001", "i-1", kind="a kind that was removed"), DONE)
    line = paid.lines("odd-001")["2026-10"]
    assert line.realised is None
    assert line.remark == (
        "The bill alone cannot tell what this saves: advice of this kind is no longer made, so nothing says what to "
        "hold its bill against."
    )
    assert paid.state("odd-001") == "done"


def test_machines_given_up_for_tokens_are_unknown_and_not_zero(paid: Paid) -> None:
    """They are gone in October, and what the tokens cost that took their place is nowhere tied to them."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.done(paid.advise("buy-001", "i-1", kind="managed_or_self_host"), DONE)
    line = paid.lines("buy-001")["2026-10"]
    assert (line.realised, line.counterfactual_cost) == (None, None)
    assert "whoever serves the tokens next is charged elsewhere" in line.remark
    assert paid.state("buy-001") == "done"


def test_resources_the_bill_does_not_name_are_unknown_with_the_reason(paid: Paid) -> None:
    paid.done(paid.advise("stop-9", "i-nobody-knows"), DONE)
    line = paid.lines("stop-9")["2026-10"]
    assert line.realised is None
    assert line.remark == "The bill alone cannot tell what this saves: it names none of its resources."


def test_every_kind_has_a_counterfactual_or_says_why_it_has_none() -> None:
    for kind in KINDS:
        if baseline.counterfactual_of(kind.name) == "unknown":
            assert kind.name in WHY_UNKNOWN, kind.name
        else:
            assert kind.name not in WHY_UNKNOWN, kind.name


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stop_idle", "kept_running"),
        ("schedule", "kept_running"),
        ("rightsize", "same_hours"),
        ("accelerator", "same_service"),
        ("commit", "commitment"),
        ("batch", "same_tokens"),
        ("prompt_cache", "same_tokens"),
        ("output_limit", "same_tokens"),
        ("route", "same_tokens"),
        # the machines of runs that have ended are gone whether anything was changed or not
        ("training_waste", "unknown"),
        ("past_plateau", "unknown"),
        ("managed_or_self_host", "unknown"),
        # seats; credits lower no bill
        ("seats_and_credits", "kept_running"),
        ("no_longer_made", "unknown"),
    ],
)
def test_each_kind_is_held_against_what_its_bill_can_tell(kind: str, expected: str) -> None:
    assert baseline.counterfactual_of(kind) == expected
