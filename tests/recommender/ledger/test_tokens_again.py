"""Two changes of the same bought tokens: what they saved adds up to what the bill fell by, and not to more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from aispend.schema import recommendation
from recommender.ledger.tokens_again import ends_on, held_price
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.recommender.ledger.test_tokens_bought import BEFORE, LARGE, SMALL, ask, buy, paid

__all__ = ["paid"]

FIRST, SECOND = date(2026, 9, 10), date(2026, 10, 15)


def done(paid: Paid, name: str, kind: str, on: date, *, tier: str = "standard", target: str = "batch") -> None:
    paid.advise(name, f"tokens:111/us-east-1/{LARGE}/search/{tier}", kind=kind, account="111", target=target)
    paid.connection.execute(
        update(recommendation).where(recommendation.c.id == name).values(model=LARGE, team="search")
    )
    paid.done(name, on)


def cached_then_batched(paid: Paid) -> None:
    """Ten million of input a day at 3 a million; cached from 11 September on at 2, in batches from 16 October at 1."""
    middle = SECOND + timedelta(days=1)
    buy(paid, BEFORE, 14, input=("10", "3"))
    buy(paid, FIRST + timedelta(days=1), (middle - FIRST).days - 1, input=("10", "2"))
    buy(paid, middle, (NOVEMBER - middle).days, tier="batch", input=("10", "1"))


def test_batches_after_a_cache_count_from_the_price_that_the_cache_left(paid: Paid) -> None:
    """October: 31 days × 10 × (3 − 2) by the cache, 16 days × 10 × (2 − 1) by batches.

    Together what it would have cost less what was paid: 31 × 30 − (15 × 20 + 16 × 10) = 470 = 310 + 160.
    """
    cached_then_batched(paid)
    done(paid, "cache-1", "prompt_cache", FIRST, target="prompt_cache")
    done(paid, "batch-1", "batch", SECOND)
    first, second = paid.lines("cache-1")["2026-10"], paid.lines("batch-1")["2026-10"]
    assert (first.realised, second.realised) == (310, 160)
    assert (first.counterfactual_cost, first.actual_cost) == (930, 620)
    assert (second.counterfactual_cost, second.actual_cost) == (320, 160)
    assert first.realised + second.realised == 31 * 30 - (15 * 20 + 16 * 10)
    assert f"held at the price of a token before the batch of {SECOND}, which counts apart" in first.remark


def test_two_recommendations_of_one_kind_for_the_same_tokens_count_once(paid: Paid) -> None:
    """Of two tiers of a model each is measured by all of its tokens."""
    cached_then_batched(paid)
    done(paid, "batch-1", "batch", FIRST)
    done(paid, "batch-2", "batch", SECOND, tier="priority")
    saved = [paid.lines(name)["2026-10"].realised for name in ("batch-1", "batch-2")]
    assert saved == [310, 160]


def test_done_on_one_day_the_first_counts_what_both_took_off(paid: Paid) -> None:
    """Nobody can say which: the price before was the same for both, so the other one adds nothing."""
    buy(paid, BEFORE, 14, input=("10", "3"))
    buy(paid, OCTOBER, 10, tier="batch", input=("10", "1"))
    done(paid, "cache-1", "prompt_cache", FIRST, target="prompt_cache")
    done(paid, "batch-1", "batch", FIRST)
    saved = {name: paid.lines(name)["2026-10"].realised for name in ("cache-1", "batch-1")}
    assert sum(saved.values()) == 10 * 10 * (3 - 1)


def test_a_price_before_that_nobody_knows_ends_the_earlier_line(paid: Paid) -> None:
    """No token was bought in the four weeks before the batches."""
    buy(paid, BEFORE, 14, input=("10", "3"))
    late = date(2026, 10, 25)
    buy(paid, late, 5, tier="batch", input=("10", "1"))
    done(paid, "cache-1", "prompt_cache", FIRST, target="prompt_cache")
    done(paid, "batch-1", "batch", date(2026, 10, 24))
    paid.lines("cache-1")
    assert paid.baseline("batch-1").counterfactual == "unknown"
    assert paid.lines("cache-1")["2026-10"].end_day == date(2026, 10, 24)


def test_shorter_answers_and_a_price_are_different_parts_of_the_change(paid: Paid) -> None:
    """100 tokens a request become 50 and 15 a million 7.50, on ten days of 10,000 requests.

    1 million × 15 a day would have been paid, 0.5 × 7.50 was: 11.25. Of it 0.5 × 7.50 is the limit's, at the price of
    today, and 0.5 × 7.50 the batches', of the tokens there are. The rest, 0.5 × 7.50, the limit's line shows as price.
    """
    buy(paid, BEFORE, 14, output=("1", "15"))
    ask(paid, BEFORE, 14, 10_000)
    buy(paid, OCTOBER, 10, output=("0.5", "7.5"))
    ask(paid, OCTOBER, 10, 10_000)
    done(paid, "limit-1", "output_limit", FIRST, target="limit")
    done(paid, "batch-1", "batch", FIRST + timedelta(days=1))
    limit, batch = paid.lines("limit-1")["2026-10"], paid.lines("batch-1")["2026-10"]
    assert (limit.realised, limit.price_effect, batch.realised) == (Decimal("37.5"), 75, Decimal("37.5"))
    assert limit.realised + batch.realised <= 10 * (15 - Decimal("3.75"))


class Done:
    """A line of ``saving_baseline``, as far as it is read here."""

    def __init__(self, name: str, kind: str, on: date, **more: Any) -> None:
        self.recommendation_id, self.kind, self.done_on = name, kind, on
        self.provider, self.account, self.team, self.currency = "aws", "111", "search", "USD"
        self.model, self.target, self.counterfactual = LARGE, "batch", "same_tokens"
        self.parts = {"input": ["140000000", "420"]}
        self.undone_on: date | None = None
        vars(self).update(more)


@pytest.mark.parametrize(
    ("earlier", "later", "end"),
    [
        ({"kind": "output_limit"}, {"kind": "output_limit"}, SECOND),
        ({"kind": "route", "target": SMALL}, {"kind": "route", "target": SMALL}, SECOND),
        # calls that go elsewhere are others
        ({"kind": "route", "target": SMALL}, {"kind": "route", "target": "nova-micro"}, None),
        ({"kind": "route", "target": SMALL}, {"kind": "batch"}, None),
        ({"kind": "output_limit"}, {"kind": "output_limit", "team": "support"}, None),
        ({"kind": "output_limit"}, {"kind": "output_limit", "model": SMALL}, None),
        # taken back on its own day it changed nothing
        ({"kind": "output_limit"}, {"kind": "output_limit", "undone_on": SECOND}, None),
        # its price is held instead
        ({"kind": "batch"}, {"kind": "prompt_cache"}, None),
        ({"kind": "batch"}, {"kind": "prompt_cache", "counterfactual": "unknown"}, SECOND),
        ({"kind": "rightsize", "counterfactual": "same_hours"}, {"kind": "batch"}, None),
    ],
)
def test_which_later_change_ends_a_line(earlier: dict[str, Any], later: dict[str, Any], end: date | None) -> None:
    one, other = Done("a", on=FIRST, **earlier), Done("b", on=SECOND, **later)
    assert ends_on(one, [one, other]) == end
    assert ends_on(other, [one, other]) is None


def test_a_line_is_held_at_the_price_before_the_first_of_several() -> None:
    one = Done("a", "prompt_cache", FIRST)
    items = [one, Done("b", "batch", SECOND, parts={"input": ["10", "20"]}), Done("c", "batch", NOVEMBER)]
    found = held_price(one, items)
    assert found is not None
    assert (found.since, found.kind, found.parts) == (SECOND, "batch", {"input": ["10", "20"]})
    assert held_price(items[2], items) is None
    limit = Done("d", "output_limit", FIRST)
    assert held_price(limit, [*items, limit]) is None
