"""Self-hosting beside an API, through the ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.prices.token_prices import ApiOffer, api_offers
from aispend.schema import exchange_rate
from reports import views
from reports.views import Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
DAY = Window(date(2026, 10, 5), date(2026, 10, 6))


def test_offers_are_of_the_model_itself_and_cheapest_first() -> None:
    found = api_offers("meta.llama3-1-70b-instruct-v1:0")
    assert len(found) >= 2
    assert [one.input + one.output for one in found] == sorted(one.input + one.output for one in found)
    assert {one.provider for one in found} >= {"aws", "novita"}
    assert all(one.source.startswith("genai-prices ") for one in found)
    assert api_offers("bert-of-our-own") == ()


def test_tokens_cost_by_class_and_cached_input_is_plain_where_it_has_no_price() -> None:
    """2 M plain at 3, 1 M cached at 0.3, 1 M out at 15: 21.3; without a cached price 24."""
    plain = (D(2_000_000), D(1_000_000), D(1_000_000))
    assert ApiOffer("p", "m", D(3), D("0.3"), D(15), "s").cost(*plain) == D("21.3")
    assert ApiOffer("p", "m", D(3), None, D(15), "s").cost(*plain) == D(24)


@pytest.mark.parametrize(("currency", "factor"), [("USD", D(1)), ("EUR", D("0.8"))])
def test_a_served_model_stands_beside_its_api(ledger: Ledger, currency: str, factor: Decimal) -> None:
    """A server of 768 a day at 25 % load, idle half the day, serves 12 M in and 3 M out."""
    ledger.charge(
        "2026-10-05", "768", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", currency=currency,
        tags={"model": "llama-3.1-70b"}, **GPU_HOUR,
    )  # fmt: skip
    ledger.activity(range(24), "i-1", 0.25, gpus=8)
    ledger.workload(range(12), "i-1", "serve", requested=8, model="llama-3.1-70b", stage="inference_online")
    ledger.usage({"requests": 10, "input": 12_000_000, "output": 3_000_000}, alias="i-1", model="llama-3.1-70b")
    with ledger.store.engine.begin() as connection:
        connection.execute(
            insert(exchange_rate).values(
                base="USD", quote="EUR", valid_from=date(2026, 1, 1), rate=D("0.8"), source="test"
            )
        )
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.self_hosting(connection, DAY).rows
    costs = sorted((12 * one.input + 3 * one.output) * factor for one in api_offers("llama-3.1-70b"))
    assert (row.effective_cost, row.tokens, row.load) == (D(768), D(15_000_000), D("0.25"))
    assert row.cost_per_1m_tokens == D("51.2")
    assert row.api_cost == costs[0]
    assert row.api_middle_cost_per_1m_tokens == round(costs[len(costs) // 2] / 15, 12)
    assert row.saving == D(768) - costs[0]
    assert row.break_even_load is not None
    assert round(row.break_even_load, 6) == round(D("0.25") * 768 / costs[0], 6)
    assert row.is_reachable is False
    # 15 M tokens and 10 requests a day of 24 hours, 768 ÷ the API's cost times as many, in 730 hours
    times = D(768) / costs[0] * 730 / 24
    assert row.requests == 10
    assert row.break_even_tokens_per_month is not None
    assert row.break_even_requests_per_month is not None
    assert round(row.break_even_tokens_per_month, 3) == round(15_000_000 * times, 3)
    assert round(row.break_even_requests_per_month, 6) == round(10 * times, 6)


def test_days_without_a_cost_are_in_neither_the_volume_of_a_month_nor_the_load(ledger: Ledger) -> None:
    """One day at 768 and 25 % load; the cost of two more at 75 % is not known: the month is 730 hours of the first."""
    server = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), "quantity": "24", **GPU_HOUR}
    for day, cost, load in (("05", "768", 0.25), ("06", None, 0.75), ("07", None, 0.75)):
        tags = {"model": "llama-3.1-70b", "stage": "inference_online"}
        ledger.charge(f"2026-10-{day}", ("768", cost, "768", "768"), tags=tags, **server)  # type: ignore[arg-type]
        ledger.activity(range(24), "i-1", load, gpus=8, day=f"2026-10-{day}")
        used = {"requests": 10, "input": 12_000_000, "output": 3_000_000}
        ledger.usage(used, alias="i-1", model="llama-3.1-70b", day=f"2026-10-{day}")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.self_hosting(connection, Window(DAY.first, date(2026, 10, 8))).rows
    cheapest = min(12 * one.input + 3 * one.output for one in api_offers("llama-3.1-70b"))
    assert (row.effective_cost, row.tokens, row.requests, row.load) == (D(768), D(15_000_000), D(10), D("0.25"))
    assert row.break_even_tokens_per_month is not None
    assert row.break_even_requests_per_month is not None
    assert round(row.break_even_tokens_per_month, 3) == round(15_000_000 * D(768) / cheapest * 730 / 24, 3)
    assert round(row.break_even_requests_per_month, 6) == round(10 * D(768) / cheapest * 730 / 24, 6)
    assert row.break_even_load is not None
    assert round(row.break_even_load, 6) == round(D("0.25") * 768 / cheapest, 6)


def test_requests_that_were_not_counted_have_no_break_even(ledger: Ledger) -> None:
    ledger.charge(
        "2026-10-05", "768", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24",
        tags={"model": "llama-3.1-70b", "stage": "inference_online"}, **GPU_HOUR,
    )  # fmt: skip
    ledger.usage({"input": 12_000_000}, alias="i-1", model="llama-3.1-70b")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.self_hosting(connection, DAY).rows
    assert row.break_even_tokens_per_month is not None
    assert (row.requests, row.break_even_requests_per_month) == (None, None)


def test_a_model_nobody_sells_and_a_currency_without_rate_say_so(ledger: Ledger) -> None:
    for name, model, currency in (("i-1", "our-own-bert", "USD"), ("i-2", "llama-3.1-70b", "JPY")):
        ledger.charge(
            "2026-10-05", "768", resource_id=name, gpus=8, hours=all_hours(), quantity="24", currency=currency,
            tags={"model": model, "stage": "inference_online"}, **GPU_HOUR,
        )  # fmt: skip
        ledger.usage({"requests": 10, "input": 12_000_000}, alias=name, model=model)
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        found = {row.model: (row.api_cost, row.why_not) for row in views.self_hosting(connection, DAY).rows}
    assert found == {
        "llama-3.1-70b": (None, "no exchange rate from USD to JPY"),
        "our-own-bert": (None, "no API is known to sell it by the token"),
    }
