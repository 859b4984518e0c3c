"""A log of one account of several: what the others cost is no price of what it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reports import views
from reports.formats import left_out_line
from reports.views import Window
from reports.views.unit_rates import token_costs
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger

D = Decimal
DAY = "2026-10-05"
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
INPUT, OUTPUT = "input", "output"
LOGGED = {"requests": 2000, INPUT: 10_000_000, OUTPUT: 2_000_000}


def bought(
    ledger: Ledger, account: str, millions: int = 10, *, day: str = DAY, stage: str = "inference_online", **columns: Any
) -> None:
    """Tokens at 3 a million in and 15 a million out, a fifth as many out as in, counted by the bill."""
    for unit_class, price, quantity in ((INPUT, 3, millions), (OUTPUT, 15, millions // 5)):
        ledger.charge(
            day,
            str(price * quantity),
            account_id=account,
            sku_id=unit_class,
            tags={"stage": stage},
            model="claude",
            unit_class=unit_class,
            pricing_unit="1M tokens",
            units_per_pricing_unit=1_000_000,
            quantity=str(quantity),
            **columns,
        )


def costs(ledger: Ledger) -> views.UnitCosts:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        return views.unit_costs(connection, OCTOBER, model="claude", basis="allocation")


def prices(row: views.UnitCost) -> tuple[Decimal | None, ...]:
    """Per million tokens in, out and of all, and per thousand requests."""
    return (
        row.cost_per_1m_input_tokens,
        row.cost_per_1m_output_tokens,
        row.cost_per_1m_tokens,
        row.cost_per_1k_requests,
    )


def test_a_log_of_one_account_of_two_leaves_the_prices_as_billed(ledger: Ledger) -> None:
    """60 for 12 million tokens and 2,000 requests in one account, 180 for 36 million in the other, which no log names:
    3, 15 and 240 ÷ 48 a million, and 60 ÷ 2,000 requests are 30 a thousand; not 12, 60, 20 and 120."""
    bought(ledger, "one")
    bought(ledger, "two", 30)
    ledger.usage(LOGGED, model="claude", account_id="one")
    found = costs(ledger)
    (row,) = found.rows
    assert prices(row) == (D(3), D(15), D(5), D(30))
    assert (row.effective_cost, row.requests) == (D(240), D(2000))
    assert (row.input_tokens, row.output_tokens) == (D(40_000_000), D(8_000_000))
    assert [(one.why, one.days) for one in found.left_out] == [("account", 1)]
    said = "In no rate per request, for no log names the account, its tokens as billed: claude (AWS) 1 day."
    assert left_out_line(found.left_out) == said
    (known,) = found.left_out
    assert left_out_line((known, replace(known, why="beyond", days=2))) == (
        "In no rate, for nobody knows what was served: claude (AWS) 2 days (before or after all requests logged). "
        + said
    )
    with ledger.store.engine.connect() as connection:
        (served,) = token_costs(connection, OCTOBER)
    assert (served.cost, served.all_tokens, served.requests) == (D(240), D(48_000_000), None)


@pytest.mark.parametrize("accounts", [("one", "two"), (None,)])
def test_logs_of_both_accounts_or_one_that_names_none_are_of_all(
    ledger: Ledger, accounts: tuple[str | None, ...]
) -> None:
    """240 for the 12 million tokens and 2,000 requests each of the logs tells of, whatever the bill counts."""
    bought(ledger, "one")
    bought(ledger, "two", 30)
    for account in accounts:
        ledger.usage(LOGGED, model="claude", account_id=account)
    found = costs(ledger)
    (row,) = found.rows
    logs = len(accounts)
    assert (row.requests, row.input_tokens) == (2000 * logs, 10_000_000 * logs)
    assert row.cost_per_1k_requests == D(120) / logs
    assert found.left_out == ()


def test_a_day_on_which_one_account_was_not_logged(ledger: Ledger) -> None:
    """Of the second account the 6th alone is logged: on the 5th its 180 are in no rate per request, 60 + 240 for 7,000
    are 42.857142857143 a thousand; per token all is in, 480 for 96 million."""
    for day in (DAY, "2026-10-06"):
        bought(ledger, "one", day=day)
        bought(ledger, "two", 30, day=day)
        ledger.usage(LOGGED, model="claude", account_id="one", day=day)
    more = {"requests": 3000, INPUT: 30_000_000, OUTPUT: 6_000_000}
    ledger.usage(more, model="claude", account_id="two", day="2026-10-06")
    (row,) = costs(ledger).rows
    assert prices(row) == (D(3), D(15), D(5), D("42.857142857143"))


def test_a_log_that_names_no_tier_is_of_all_tiers_of_its_account(ledger: Ledger) -> None:
    """Batch of the second account is in its log, which counts 24 million tokens for the 120 it costs: with those of the
    first 36 million for 180, none of them counted by the bill too."""
    bought(ledger, "one", stage="inference_batch")
    ledger.usage(LOGGED, model="claude", account_id="one", service_tier="batch")
    bought(ledger, "two")
    bought(ledger, "two", stage="inference_batch")
    both = {"requests": 4000, INPUT: 20_000_000, OUTPUT: 4_000_000}
    ledger.usage(both, model="claude", account_id="two")
    found = costs(ledger)
    assert sum(row.input_tokens or 0 for row in found.rows) == 30_000_000
    assert found.left_out == ()


def test_a_resource_speaks_for_its_account_where_its_log_names_none(ledger: Ledger) -> None:
    """60 for the 2,000 requests logged of the first account's profile; the second account's 180 have no requests."""
    bought(ledger, "one", resource_id="profile")
    bought(ledger, "two", 30)
    ledger.usage(LOGGED, alias="profile", model="claude", account_id=None)
    (row,) = costs(ledger).rows
    assert prices(row) == (D(3), D(15), D(5), D(30))


SERVER = {"account_id": "two", "resource_id": "i-1", "gpus": 8, "quantity": "10", **GPU_HOUR}
SERVED = {"tags": {"model": "claude", "stage": "inference_online"}}


def test_a_server_of_an_account_no_log_names_goes_by_its_own_log(ledger: Ledger) -> None:
    """Its requests are in the log of the first account, its account's tokens are not: 60 + 100 for 2,000 requests."""
    bought(ledger, "one")
    bought(ledger, "two", 30)
    ledger.charge(DAY, "100", **SERVER, **SERVED)
    ledger.usage(LOGGED, model="claude", account_id="one")
    (row,) = costs(ledger).rows
    assert (row.effective_cost, row.cost_per_1k_requests) == (D(340), D(80))


def test_a_hole_in_the_log_of_a_server_is_no_price_of_tokens_as_billed(ledger: Ledger) -> None:
    """The server worked on the 5th and is logged on the 6th: 240 for 48 million tokens and 400 for 12 million are
    10.666666666667 a million, 60 + 400 for 4,000 requests 115 a thousand. Its 400 of the 5th are in no rate."""
    bought(ledger, "one", resource_id="profile")
    bought(ledger, "two", 30)
    ledger.usage(LOGGED, alias="profile", model="claude", account_id="one")
    for day in (DAY, "2026-10-06"):
        ledger.charge(day, "400", **SERVER, **SERVED)
        ledger.activity(range(10), "i-1", 0.5, day=day, gpus=8)
    ledger.usage(LOGGED, alias="i-1", model="claude", account_id="two", day="2026-10-06")
    found = costs(ledger)
    (row,) = found.rows
    assert (row.effective_cost, row.cost_per_1m_tokens) == (D(1040), D("10.666666666667"))
    assert row.cost_per_1k_requests == D(115)
    assert [(one.why, one.days) for one in found.left_out] == [("account", 1), ("unlogged", 1)]
