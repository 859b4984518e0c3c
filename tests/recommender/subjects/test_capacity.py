"""Paid capacity out of the bill, and what is known of machines from clouds: lives, jobs and spot markets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from aispend.advising import Recommend
from aispend.clock import month_of
from aispend.schema import (
    account,
    charge,
    charge_kind,
    collection,
    inference_hour,
    location,
    resource,
    resource_alias,
    resource_history,
    resource_life,
    sku,
    spot_price,
    spot_risk,
    workload_hour,
)
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from collectors.aws.gaps import told_by
from collectors.contract import Window
from collectors.days import unsettled_days
from recommender.contract import Advice, WhyNot
from recommender.kinds.idle_capacity import evaluate as give_up
from recommender.prices import CATALOGUE
from recommender.subjects.capacity import Capacity, load_capacity
from recommender.subjects.machine_life import Jobs, load_jobs, load_lives, load_regret
from recommender.subjects.machines import load_machines
from recommender.subjects.spot_market import SpotMarkets
from recommender.subjects.watched import WHOLE

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = 14
UNITS, UNUSED, USED, SPOT = 1, 2, 3, 4


@pytest.fixture
def ledger(database: Store) -> Store:
    """Two units of throughput at 48 a day, a reservation of which 1,320 a day stands empty, and a spot machine."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
        for key, platform, machine, unit, model in (
            (1, "provisioned_throughput", None, "Hours", "claude-haiku-4.5"),
            (2, "gpu_vm", "p5.48xlarge", "Hrs", None),
        ):
            connection.execute(
                insert(sku).values(
                    sku_key=key, provider="aws", is_ai=True, platform=platform, instance_type=machine,
                    accelerator_type="nvidia-h100-80gb" if machine else None, pricing_unit=unit, model=model,
                )
            )  # fmt: skip
        for kind, category, status in (
            (UNITS, "Standard", None),
            (UNUSED, "Standard", "Unused"),
            (USED, "Standard", "Used"),
            (SPOT, "Dynamic", None),
        ):
            connection.execute(
                insert(charge_kind).values(
                    charge_kind_key=kind, charge_category="Usage", pricing_category=category, billing_currency="USD",
                    capacity_reservation_status=status, capacity_reservation_id="cr-1" if status else None,
                )
            )  # fmt: skip
        names = {1: "provisioned-model/abc", 2: "cr-1", 3: "i-spot"}
        for key, name in names.items():
            connection.execute(
                insert(resource).values(
                    resource_key=key, provider="aws", resource_id=name, first_seen=date(2026, 1, 1),
                    last_seen=date(2026, 11, 20) if key < 3 else date(2026, 11, 10),
                )
            )  # fmt: skip
        ordinal = 0
        for number in range(DAYS):
            day = (AS_OF - timedelta(days=number + 1)).date()
            for key, bought, kind, cost, quantity in (
                (1, 1, UNITS, 48, 48),
                (2, 2, UNUSED, 1320, 24),
                (2, 2, USED, 1320, 24),
                (3, 2, SPOT, 300, 24),
                # a second line of the same hours: cores beside accelerators
                (3, 2, SPOT, 100, 24),
            ):
                ordinal += 1
                connection.execute(
                    insert(charge).values(
                        billing_month=month_of(day), slice_id=1, half=0, ordinal=ordinal, charge_date=day,
                        account_key=1, sku_key=bought, location_key=1, resource_key=key, tag_set_key=0,
                        commitment_key=0, charge_kind_key=kind, hours=(1 << 24) - 1, billed_cost=cost,
                        effective_cost=cost, list_cost=cost, pricing_quantity=quantity, line_count=24,
                    )
                )  # fmt: skip
    return database


def loaded(store: Store) -> dict[str, Capacity]:
    with store.engine.connect() as connection:
        return {one.resource_id: one for one in load_capacity(connection, AS_OF, DAYS)}


def write(store: Store, table: Any, **values: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(insert(table).values(**values))


def test_of_a_reservation_only_what_stood_empty_counts(ledger: Store) -> None:
    found = loaded(ledger)

    assert set(found) == {"provisioned-model/abc", "cr-1"}
    assert found["cr-1"].what == "capacity_reservation"
    assert [cost.effective_cost for cost in found["cr-1"].costs] == [Decimal(1320)] * DAYS


def test_units_are_what_a_day_is_charged_for_over_its_hours(ledger: Store) -> None:
    """48 unit-hours a day are two units; nobody recorded what was asked of them."""
    units = loaded(ledger)["provisioned-model/abc"]
    assert (units.units, units.model, units.use) == (Decimal(2), "claude-haiku-4.5", None)


def test_a_listing_knows_units_and_the_end_of_the_commitment(ledger: Store) -> None:
    details = {"model_units": 3, "commitment_ends_at": "2026-12-24T00:00:00+00:00"}
    write(
        ledger, resource_history, resource_key=1, valid_from=AS_OF - timedelta(days=20), scope="s", state="InService",
        kind="bedrock_provisioned_throughput", details=details, source="aws/inventory", seen_at=AS_OF,
    )  # fmt: skip
    units = loaded(ledger)["provisioned-model/abc"]
    assert (units.units, units.ends_at) == (Decimal(3), datetime(2026, 12, 24, tzinfo=UTC))


def test_what_is_asked_of_the_model_is_asked_of_its_units(ledger: Store) -> None:
    write(
        ledger, inference_hour, slice_id=1, hour=AS_OF - timedelta(hours=5), namespace="aws", provider="aws",
        account="111122223333", model="claude-haiku-4.5", unit_class="output", quantity=600,
    )  # fmt: skip
    use = loaded(ledger)["provisioned-model/abc"].use
    assert use is not None
    assert use.output_tokens[-5] == 600


def test_a_first_listing_deploys_nothing_and_a_new_model_does(ledger: Store) -> None:
    """More instances of the same are no deployment, another model is; a launch counts from the first of them."""

    def listed(days: int, model: str, instances: int) -> None:
        write(
            ledger, resource_history, resource_key=7, valid_from=AS_OF - timedelta(days=days), scope="s",
            kind="sagemaker_endpoint", state="InService", source="aws/inventory", seen_at=AS_OF,
            details={"config": "c", "variants": [{"variant": "a", "model": model, "instances": instances}]},
        )  # fmt: skip

    listed(9, "m1", 1)
    with ledger.engine.connect() as connection:
        assert load_lives(connection, AS_OF)[7].deployed_at is None
    listed(6, "m1", 4)
    with ledger.engine.connect() as connection:
        assert load_lives(connection, AS_OF)[7].deployed_at is None
    listed(3, "m2", 4)
    with ledger.engine.connect() as connection:
        assert load_lives(connection, AS_OF)[7].deployed_at == AS_OF - timedelta(days=3)


def test_a_launch_is_told_apart_from_a_later_change(ledger: Store) -> None:
    """Launched twelve days ago, another type three days ago: both instants are kept."""
    write(
        ledger, resource_life, resource_key=7, started_at=AS_OF - timedelta(days=12), ended_at=None, method="listing",
        source="aws/inventory",
    )  # fmt: skip
    with ledger.engine.connect() as connection:
        only = load_lives(connection, AS_OF)[7]
    assert only.launched_at == only.deployed_at == AS_OF - timedelta(days=12)
    for days, machine in ((11, "p4d.24xlarge"), (3, "p5.48xlarge")):
        write(
            ledger, resource_history, resource_key=7, valid_from=AS_OF - timedelta(days=days), scope="s",
            kind="ec2_instance", state="running", source="aws/inventory", seen_at=AS_OF,
            details={"instance_type": machine},
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        both = load_lives(connection, AS_OF)[7]
    assert (both.launched_at, both.deployed_at) == (AS_OF - timedelta(days=12), AS_OF - timedelta(days=3))


def test_stops_that_were_taken_back_within_a_week_are_regretted(ledger: Store) -> None:
    """Three stops that an event names: one started again after 2 days, one after 10, one never."""
    for key, days, until in ((8, 40, 30), (8, 28, 20), (8, 10, 5), (9, 30, None)):
        ended = None if until is None else AS_OF - timedelta(days=until)
        write(
            ledger, resource_life, resource_key=key, started_at=AS_OF - timedelta(days=days), ended_at=ended,
            method="event", source="aws",
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        assert load_regret(connection, {8: "gpu_vm", 9: "gpu_vm"}) == {"gpu_vm": (3, 1)}


def test_jobs_that_were_retried_and_succeeded_resume(ledger: Store) -> None:
    """One ran three hours, was retried in the second and succeeded in the third; one was retried and is not done."""
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    for name, hour, outcome in (
        ("a", 9, "running"),
        ("a", 8, "retried"),
        ("a", 7, "succeeded"),
        ("b", 5, "retried"),
    ):
        write(
            ledger, workload_hour, slice_id=1, hour=AS_OF - timedelta(hours=hour), namespace="k8s", alias="node",
            workload=name, kind="job", seconds=3600, outcome=outcome,
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        assert load_jobs(connection, AS_OF, DAYS) == {3: Jobs(ran=2, retried=2, resumed=1, longest_hours=3.0)}
        market = SpotMarkets(connection, AS_OF, DAYS).market("aws", "us-east-1", "p5.48xlarge")
    assert market is not None
    assert market.own is not None
    assert (market.own.hours, market.own.interruptions) == (336, 2)


def test_without_jobs_every_machine_that_ended_counts_as_interrupted(ledger: Store) -> None:
    with ledger.engine.connect() as connection:
        market = SpotMarkets(connection, AS_OF, DAYS).market("aws", "us-east-1", "p5.48xlarge")
    assert market is not None
    assert market.own is not None
    assert (market.own.hours, market.own.interruptions) == (336, 1)


def test_prices_hold_from_before_the_window_and_bands_are_the_newest(ledger: Store) -> None:
    """At 10 for the first seven of fourteen days in one zone, 20 in the rest; at 12 in the other: (12 + 20) ÷ 2."""
    given = {"provider": "aws", "region": "us-east-1", "instance_type": "p5.48xlarge", "source": "aws/spot"}
    for zone, days, price in (("a", 30, 10), ("a", 7, 20), ("b", 60, 12)):
        write(
            ledger, spot_price, zone=zone, product="Linux/UNIX", changed_at=AS_OF - timedelta(days=days),
            hourly_price=price, currency="USD", **given,
        )  # fmt: skip
    for day, low in ((1, "0.05"), (20, "0.20")):
        write(
            ledger, spot_risk, zone="", measure="interruption_rate", as_of=date(2026, 11, day),
            low=Decimal(low), high=Decimal(low) + Decimal("0.05"), **given,
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        market = SpotMarkets(connection, AS_OF, DAYS).market("aws", "us-east-1", "p5.48xlarge")
    assert market is not None
    assert market.price is not None
    assert (market.price.hourly_price, market.price.hours) == (Decimal(16), 336)
    assert market.price.quoted_at == AS_OF - timedelta(days=7)
    assert market.series is not None
    assert market.series.shape == (2, 28 * 24)
    assert market.series[:, [0, 503, 504, 671]].tolist() == [[10, 10, 20, 20], [12, 12, 12, 12]]
    assert market.band is not None
    assert (market.band.low, market.band.as_of) == (0.20, date(2026, 11, 20))


def test_where_nothing_is_known_there_is_no_market(ledger: Store) -> None:
    with ledger.engine.connect() as connection:
        assert SpotMarkets(connection, AS_OF, DAYS).market("aws", "moon-1", "p5.48xlarge") is None


def test_tokens_without_a_count_of_requests_are_requests(ledger: Store) -> None:
    """A gateway that counts tokens alone: somebody asked, if nobody says how often; a count there is stays as it is."""
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    for days, unit, quantity in ((5, "output", 600), (4, "output", 600), (4, "requests", 7), (3, "requests", 0)):
        write(
            ledger, inference_hour, slice_id=1, hour=AS_OF - timedelta(days=days), namespace="files", alias="node",
            unit_class=unit, quantity=quantity,
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        (machine,) = (one for one in load_machines(connection, AS_OF, DAYS, CATALOGUE) if one.resource_key == 3)
    assert machine.requests == {
        date(2026, 11, 16): Decimal(1),
        date(2026, 11, 17): Decimal(7),
        date(2026, 11, 18): Decimal(0),
    }
    assert machine.use is not None
    assert np.flatnonzero(machine.use.asked).tolist() == [9 * 24, 10 * 24]
    # what a request is of is unknown where nobody counted it: only the seven are counted
    assert machine.use.requests.sum() == 7


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
    (piece,) = unsettled_days(Window(day, day + timedelta(days=1)), {}, AS_OF, "usage")
    assert piece.token == WHOLE
    assert told_by(WHOLE) == (WHOLE, ())
