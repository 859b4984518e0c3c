"""Tokens bought, out of charges, their shares and recorded use in the real database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from aispend.clock import month_of, next_month
from aispend.schema import (
    account,
    charge,
    charge_kind,
    cost_share,
    exchange_rate,
    inference_hour,
    location,
    resource,
    share_target,
    sku,
    tag_set,
)
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.token_use import TokenUse, load_token_use

LAST = date(2026, 11, 20)
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = 16
SKUS = {
    1: ("USE1-Claude4Sonnet-input-tokens", "input"),
    2: ("USE1-Claude4Sonnet-output-tokens", "output"),
    3: ("USE1-Claude4Sonnet-cache-read-input-token-count", "cached_input"),
    4: ("USE1-Claude4Sonnet-input-tokens-batch", "input"),
}


@pytest.fixture
def connection(database: Store) -> Any:
    with database.engine.begin() as opened:
        yield opened


@pytest.fixture
def bill(connection: Connection) -> Connection:
    """Claude at 3, 0.3 and 15 a million: 10 M in and 1 M out a day, a quarter of it search's; 2 M in batches."""
    ensure_partitions(connection, [month_of(LAST), next_month(month_of(LAST))])
    connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
    connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
    connection.execute(
        insert(charge_kind).values(
            charge_kind_key=1, charge_category="Usage", pricing_category="Standard", billing_currency="USD"
        )
    )
    for key, (meter, unit_class) in SKUS.items():
        connection.execute(
            insert(sku).values(
                sku_key=key, provider="aws", service_name="Amazon Bedrock", sku_meter=meter, pricing_unit="1K tokens",
                is_ai=True, platform="token_api", model="claude-sonnet-4", unit_class=unit_class,
                units_per_pricing_unit=1000,
            )
        )  # fmt: skip
    online, batch = "inference_online", "inference_batch"
    for key, (team, stage) in enumerate((("support", online), ("search", online), ("search", batch)), 1):
        connection.execute(
            insert(share_target).values(
                target_key=key, model="claude-sonnet-4", team=team, stage=stage, reason="used", is_ai=True,
                rung="sku-day", method="usage", confidence=1,
            )
        )  # fmt: skip
    for number in range(DAYS):
        day = LAST - timedelta(days=number)
        _charge(connection, day, 1, Decimal(30), Decimal(10_000), {1: Decimal("22.5"), 2: Decimal("7.5")})
        _charge(connection, day, 2, Decimal(15), Decimal(1_000), {1: Decimal("11.25"), 2: Decimal("3.75")})
        _charge(connection, day, 4, Decimal(3), Decimal(2_000), {3: Decimal(3)})
    return connection


def _charge(
    connection: Connection,
    day: date,
    key: int,
    cost: Decimal,
    quantity: Decimal,
    shares: dict[int, Decimal],
    **more: Any,
) -> None:
    where = {"billing_month": month_of(day), "slice_id": 1, "half": 0, "ordinal": key * 100 + day.day}
    values = {"tag_set_key": 0} | more
    connection.execute(
        insert(charge).values(
            **where, **values, charge_date=day, account_key=1, sku_key=key, location_key=1, resource_key=0,
            commitment_key=0, charge_kind_key=1, billed_cost=cost, effective_cost=cost, list_cost=cost,
            pricing_quantity=quantity, line_count=24,
        )
    )  # fmt: skip
    for target, part in shares.items():
        connection.execute(
            insert(cost_share).values(
                **where, target_key=target, billed_cost=part, effective_cost=part, list_cost=part, contracted_cost=part
            )
        )


def _recorded(connection: Connection, counts: dict[str, int], **names: Any) -> None:
    for number in range(DAYS):
        hour = datetime(2026, 11, 20, 9, tzinfo=UTC) - timedelta(days=number)
        for unit_class, quantity in counts.items():
            latency = {"latency_p50_ms": 800.0, "latency_p95_ms": 2000.0} if unit_class == "requests" else {}
            connection.execute(
                insert(inference_hour).values(
                    slice_id=2, hour=hour, namespace="files", provider="aws", model="claude-sonnet-4",
                    unit_class=unit_class, quantity=quantity, **latency, **names,
                )
            )  # fmt: skip


def loaded(connection: Connection) -> dict[tuple[str | None, str], TokenUse]:
    return {(one.team, one.service_tier): one for one in load_token_use(connection, AS_OF, 14)}


def test_cost_and_tokens_follow_the_shares_and_the_price_is_one_over_the_other(bill: Connection) -> None:
    """A quarter of 30 dollars and of 10 million tokens is still 3 dollars a million."""
    found = loaded(bill)
    assert set(found) == {("support", "standard"), ("search", "standard"), ("search", "batch")}
    search = found["search", "standard"]
    assert search.resource_id == "tokens:111122223333/us-east-1/claude-sonnet-4/search/standard"
    assert search.resource_key == 0
    assert [cost.effective_cost for cost in search.costs] == [Decimal("11.25")] * 14
    assert search.amount("input", 14) == 14 * 2_500_000
    assert search.amount("input", 7) == 7 * 2_500_000
    assert search.price("input", 14) == 3
    assert search.price("output", 14) == 15
    assert search.price("cached_input", 14) is None
    assert found["search", "batch"].stage == "inference_batch"
    assert found["support", "standard"].stage_share(["inference_batch"]) == 0


def test_records_go_to_the_team_they_name(bill: Connection) -> None:
    _recorded(bill, {"requests": 1500, "input": 7_500_000, "output": 1}, account="111122223333", team="Support")
    found = loaded(bill)
    support = found["support", "standard"]
    assert support.requests is not None
    assert sum(support.requests.values()) == 14 * 1500
    assert support.prompt_tokens == 5000
    assert support.requests_by_hour is not None
    assert support.requests_by_hour[9] == 14 * 1500
    assert (support.latency.p50_ms, support.latency.p95_ms, support.latency.mean_ms) == (800.0, 2000.0, None)
    assert support.amount("input", 14) == 14 * 7_500_000
    assert found["search", "standard"].requests is None
    assert found["search", "batch"].requests is None


def test_records_that_fit_two_teams_are_left_out_and_nothing_is_made_of_them(bill: Connection) -> None:
    _recorded(bill, {"requests": 1500}, account="111122223333")
    found = loaded(bill)
    assert found["support", "standard"].requests is None
    assert found["search", "standard"].requests is None


def test_records_of_a_tier_meet_the_tokens_of_that_tier(bill: Connection) -> None:
    _recorded(bill, {"requests": 40}, service_tier="batch")
    requests = loaded(bill)["search", "batch"].requests
    assert requests is not None
    assert sum(requests.values()) == 14 * 40


def test_records_of_another_account_are_nobodys(bill: Connection) -> None:
    _recorded(bill, {"requests": 40}, account="999900001111", team="support")
    assert loaded(bill)["support", "standard"].requests is None


def test_who_caches_lends_its_rates_to_the_others(bill: Connection) -> None:
    """Support reads 2.5 million of 10 million input tokens from the cache."""
    for number in range(DAYS):
        _charge(bill, LAST - timedelta(days=number), 3, Decimal("0.75"), Decimal(2_500), {1: Decimal("0.75")})
    found = loaded(bill)
    assert found["support", "standard"].input_share("cached_input", 14) == Decimal("0.25")
    assert found["support", "standard"].peer_cache is None
    peer = found["search", "standard"].peer_cache
    assert peer is not None
    assert (peer.read, peer.written, peer.hit_rate, peer.same_team) == (Decimal("0.25"), 0, 1, False)


def test_a_charge_without_a_cost_makes_its_day_unknown(bill: Connection) -> None:
    bill.execute(cost_share.update().where(cost_share.c.ordinal == 120).values(effective_cost=None, billed_cost=None))
    bill.execute(charge.update().where(charge.c.ordinal == 120).values(effective_cost=None, billed_cost=None))
    support = loaded(bill)["support", "standard"]
    assert support.costs[-1].effective_cost is None
    assert support.costs[-2].effective_cost == Decimal("33.75")


def test_tokens_prices_and_stages_are_of_the_days_whose_whole_cost_is_known(bill: Connection) -> None:
    """On one of 14 days input has no known cost: 13 days of 7.5 and 0.75 million tokens, at 3 and 15 a million.

    A batch of 0.75 a day is 0.75 / (22.5 + 11.25 + 0.75) = 1 / 46 of the cost of each day that is known.
    """
    bill.execute(
        insert(share_target).values(
            target_key=9, model="claude-sonnet-4", team="support", stage="inference_batch", reason="used", is_ai=True,
            rung="sku-day", method="usage", confidence=1,
        )
    )  # fmt: skip
    for number in range(DAYS):
        _charge(bill, LAST - timedelta(days=number), 3, Decimal("0.75"), Decimal(2_500), {9: Decimal("0.75")})
    bill.execute(cost_share.update().where(cost_share.c.ordinal == 120).values(effective_cost=None, billed_cost=None))
    bill.execute(charge.update().where(charge.c.ordinal == 120).values(effective_cost=None, billed_cost=None))
    support = loaded(bill)["support", "standard"]
    assert [support.amount(name, 14) for name in ("input", "output")] == [13 * 7_500_000, 13 * 750_000]
    assert [support.cost(name, 14) for name in ("input", "output")] == [13 * Decimal("22.5"), 13 * Decimal("11.25")]
    assert [support.price(name, 14) for name in ("input", "output")] == [3, 15]
    assert support.stage_share(["inference_batch"]) * 46 == pytest.approx(1)


def test_a_charge_of_a_month_is_of_each_of_its_days_alike(bill: Connection) -> None:
    """900 dollars and 300 million tokens of November are 30 and ten million a day: 14 days of it are 420 and 140.

    A month's line that began before the window counts with its days in it, and no more: 14 of 30.
    """
    daily = loaded(bill)["support", "standard"]
    bill.execute(charge.delete().where(charge.c.sku_key == 1))
    bill.execute(cost_share.delete().where(cost_share.c.ordinal.between(100, 199)))
    ends = {"charge_end_date": date(2026, 12, 1)}
    shares = {1: Decimal(675), 2: Decimal(225)}
    _charge(bill, date(2026, 11, 1), 1, Decimal(900), Decimal(300_000), shares, **ends)
    support = loaded(bill)["support", "standard"]
    assert support.costs == daily.costs
    assert support.tokens == daily.tokens
    assert support.stages == daily.stages


def test_each_set_of_tags_has_its_part_of_the_cost(bill: Connection) -> None:
    """Input, 22.5 of 33.75 a day, may wait; output may not: two thirds."""
    bill.execute(insert(tag_set).values(tag_set_key=7, tags={"deferrable": "true"}))
    bill.execute(charge.update().where(charge.c.sku_key == 1).values(tag_set_key=7))
    support = loaded(bill)["support", "standard"]
    assert support.tagged == [({}, 14 * Decimal("11.25")), ({"deferrable": "true"}, 14 * Decimal("22.5"))]
    assert support.tagged_share(bool) * 3 == pytest.approx(2)


def test_rates_of_a_cache_are_lent_even_where_no_cost_of_it_is_known(bill: Connection) -> None:
    """A quarter of support's input is read from the cache; its bill gives no cost at all."""
    for number in range(DAYS):
        _charge(bill, LAST - timedelta(days=number), 3, Decimal("0.75"), Decimal(2_500), {1: Decimal("0.75")})
    bill.execute(cost_share.update().where(cost_share.c.target_key == 1).values(effective_cost=None, billed_cost=None))
    peer = loaded(bill)["search", "standard"].peer_cache
    assert peer is not None
    assert peer.read == Decimal("0.25")


def test_a_resource_is_named_where_it_is_of_these_tokens_alone(bill: Connection) -> None:
    """Three teams and tiers on one resource: its name is none of theirs; one alone is."""
    bill.execute(insert(resource).values(resource_key=9, provider="aws", resource_id="profile-1"))
    bill.execute(charge.update().values(resource_key=9))
    assert {one.resource_key for one in loaded(bill).values()} == {0}
    assert {tuple(one.resource_ids) for one in loaded(bill).values()} == {("profile-1",)}
    bill.execute(cost_share.delete().where(cost_share.c.target_key != 1))
    assert loaded(bill)["support", "standard"].resource_key == 9


def test_a_dollar_is_worth_what_the_newest_rate_says(bill: Connection) -> None:
    assert loaded(bill)["support", "standard"].per_dollar == 1
    bill.execute(charge_kind.update().values(billing_currency="EUR"))
    assert loaded(bill)["support", "standard"].per_dollar is None
    bill.execute(
        insert(exchange_rate),
        [
            {"base": "EUR", "quote": "USD", "valid_from": date(2026, 1, 1), "rate": Decimal("1.25"), "source": "x"},
            {"base": "USD", "quote": "EUR", "valid_from": date(2025, 1, 1), "rate": Decimal("0.5"), "source": "x"},
        ],
    )
    assert loaded(bill)["support", "standard"].per_dollar == Decimal("0.8")


def test_what_nobody_is_tagged_with_and_a_team_that_is_called_unknown_are_two(bill: Connection) -> None:
    """22.5 and 7.5 of 30 a day in, 11.25 and 3.75 of 15 out: 33.75 of no team, 11.25 of the one that is called so."""
    bill.execute(update(share_target).where(share_target.c.target_key == 1).values(team=None))
    bill.execute(update(share_target).where(share_target.c.target_key == 2).values(team="unknown"))
    found = {one.resource_id: one for one in load_token_use(bill, AS_OF, DAYS) if "batch" not in one.resource_id}
    place = "tokens:111122223333/us-east-1/claude-sonnet-4"
    assert {name: one.costs[0].effective_cost for name, one in found.items()} == {
        f"{place}/unknown/standard": Decimal("33.75"),
        f'{place}/"unknown"/standard': Decimal("11.25"),
    }
