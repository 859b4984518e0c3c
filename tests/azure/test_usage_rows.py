"""Counts of Azure Monitor: each account is told by one family, and tokens are neither lost nor doubled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collectors.azure.metrics import Series
from collectors.azure.usage_rows import Counted, chosen

AT = datetime(2026, 11, 19, 10, tzinfo=UTC)
ACCOUNTS = ("/subscriptions/s/a", "/subscriptions/s/b")
COUNT = st.integers(0, 10_000)


def series(account: str, metric: str, value: float, status: str = "") -> Series:
    dimensions = {"modeldeploymentname": "chat", "modelname": "gpt-4o", "statuscode": status}
    return Series(account, metric, dimensions, {"Total": {AT: float(value)}})


def told(newer: Counted, older: Counted) -> list[dict[str, Any]]:
    by_newer, by_older = chosen(newer, older, ACCOUNTS)
    place = ("s", "eastus")
    return [*newer.rows(place, by_newer, {}), *older.rows(place, by_older, {})]


@given(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.booleans(), COUNT), max_size=8))
def test_of_each_account_the_family_that_counted_more_is_told_and_no_other(
    counts: list[tuple[str, bool, int]],
) -> None:
    newer, older = Counted(), Counted()
    sums = {(account, old): 0 for account in ACCOUNTS for old in (False, True)}
    for account, old, count in counts:
        family, metric = (older, "AzureOpenAIRequests") if old else (newer, "ModelRequests")
        family.add([series(account, metric, count, "200")])
        sums[account, old] += count
    found = told(newer, older)
    for account in ACCOUNTS:
        total = sum(row.get("requests", 0) for row in found if row["resource_id"] == account)
        assert total == max(sums[account, False], sums[account, True])


@given(COUNT, COUNT, COUNT, COUNT, st.booleans())
def test_input_and_cached_tokens_add_up_to_what_was_counted(
    given_: int, cached: int, written: int, output: int, has_total: bool
) -> None:
    counted = Counted()
    account = ACCOUNTS[0]
    counted.add(
        series(account, metric, value)
        for metric, value in (
            ("InputTokens", given_),
            ("cacheReadInputTokens", cached),
            ("ephemeral5mInputTokens", written),
            ("OutputTokens", output),
        )
    )
    if has_total:
        counted.add([series(account, "TotalTokens", given_ + cached + written + output)])
    for row in told(counted, Counted()):
        uncached = row["uncached_input_tokens"]
        assert uncached >= 0
        beside = (has_total and cached + written > 0) or cached + written > given_
        assert uncached + (0 if beside else cached + written) == given_
        assert (row["cached_input_tokens"], row["output_tokens"]) == (cached, output)
