"""Silence is idleness on days somebody looked at, and unknown on others."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.schema import (
    collection,
    inference_hour,
    resource_history,
    sku,
)
from aispend.store import Store
from collectors.contract import Window
from collectors.days import day_slices, without
from recommender.contract import Advice, WhyNot
from recommender.kinds.idle_capacity import evaluate as give_up
from recommender.subjects.machines import load_machines
from recommender.subjects.watched import WHOLE
from tests.recommender.subjects.conftest import AS_OF, loaded, write


def looked_at(store: Store, *, days: int, token: str = "settled", listed: int = 90, source: str = "aws") -> None:
    """Units in a connection's listing, and its account's usage read on the last days: without a row."""
    write(
        store, resource_history, resource_key=1, valid_from=AS_OF - timedelta(days=listed), scope="s", details={},
        kind="bedrock_provisioned_throughput", state="InService", source=f"{source}/inventory", seen_at=AS_OF,
    )  # fmt: skip
    for number in range(1, days + 1):
        day = (AS_OF - timedelta(days=number)).date()
        write(
            store, collection, source="aws/usage", slice=f"{day}", change_token=token, collected_at=AS_OF,
            attempted_at=AS_OF, outcome="loaded", rows=0,
        )  # fmt: skip


def test_an_account_nobody_asked_anything_of_is_idle_where_somebody_looked(ledger: Store) -> None:
    """Nothing but idle units in it, so no record of anything: twelve of fourteen days were read, and had none."""
    looked_at(ledger, days=12)
    units = loaded(ledger)["provisioned-model/abc"]
    assert units.use is not None
    assert units.use.recorded is not None
    assert (units.use.recorded.sum(), units.use.recorded[:48].any(), units.use.asked.any()) == (288, False, False)
    advice = give_up(units, Recommend())
    assert isinstance(advice, Advice)
    assert "in 288 recorded hours" in advice.reason


@pytest.mark.parametrize(
    "given",
    [
        # the account's usage was refused on these days
        {"token": "settled without cloudwatch.GetMetricData 111122223333/us-east-1"},
        # the day was not over
        {"token": "2026-11-20T09"},
        # another connection lists it, whose usage nobody reads
        {"source": "other"},
        # too few days
        {"days": 9},
        # it is in the listing since two days after the days were read
        {"listed": -2},
    ],
)
def test_silence_nobody_looked_at_is_unknown(ledger: Store, given: dict[str, Any]) -> None:
    looked_at(ledger, **({"days": 14} | given))
    answer = give_up(loaded(ledger)["provisioned-model/abc"], Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "telemetry_missing"


def test_an_endpoint_knows_the_days_it_was_looked_at(ledger: Store) -> None:
    """The spot machine as an endpoint, read whole on the last five days; machines have no such days."""
    with ledger.engine.begin() as connection:
        connection.execute(resource_history.delete())
    looked_at(ledger, days=5)
    with ledger.engine.begin() as connection:
        connection.execute(resource_history.update().values(resource_key=3))
    with ledger.engine.connect() as connection:
        (found,) = (one for one in load_machines(connection, AS_OF, 14) if one.resource_key == 3)
    assert found.looked_at == frozenset()
    with ledger.engine.begin() as connection:
        connection.execute(sku.update().where(sku.c.sku_key == 2).values(platform="managed_endpoint"))
    with ledger.engine.connect() as connection:
        (found,) = (one for one in load_machines(connection, AS_OF, 14) if one.resource_key == 3)
    assert found.looked_at == {date(2026, 11, day) for day in range(16, 21)}


def test_days_that_were_looked_at_are_known_beside_recorded_ones(ledger: Store) -> None:
    """Asked something thirteen days ago, and nothing recorded of the account since: the days after it were read."""
    write(
        ledger, inference_hour, slice_id=1, hour=AS_OF - timedelta(days=13), namespace="aws", provider="aws",
        account="111122223333", model="claude-haiku-4.5", unit_class="output", quantity=600,
    )  # fmt: skip
    looked_at(ledger, days=12)
    use = loaded(ledger)["provisioned-model/abc"].use
    assert use is not None
    assert use.recorded is not None
    assert (use.recorded.sum(), use.asked.sum()) == (13 * 24, 1)


def test_a_day_that_is_over_and_lacks_nothing_has_the_token_of_a_whole_one() -> None:
    """What collectors write and this reads meets in the table alone."""
    day = date(2026, 11, 10)
    window = Window(day, day + timedelta(days=1))
    (piece,) = day_slices(window, {}, AS_OF, "usage", scopes=["1", "us-east-1"], again=lambda *_: False)
    assert re.search(WHOLE, piece.token)
    assert not re.search(WHOLE, without(piece.token, ["cloudwatch.ListMetrics 111122223333/us-east-1"]))
