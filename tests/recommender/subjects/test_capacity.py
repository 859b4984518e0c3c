"""Paid capacity out of the bill, and what is known of machines from clouds: lives, jobs and spot markets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert

from aispend.schema import (
    charge,
    inference_hour,
    resource_alias,
    resource_history,
    resource_life,
    sku,
    spot_price,
    spot_risk,
    workload_hour,
)
from aispend.store import Store
from recommender.prices import CATALOGUE
from recommender.subjects.machine_life import Jobs, load_jobs, load_lives, load_regret
from recommender.subjects.machines import load_machines
from recommender.subjects.spot_market import SpotMarkets
from tests.recommender.subjects.conftest import AS_OF, DAYS, loaded, write


def test_units_are_what_a_day_is_charged_for_over_its_hours(ledger: Store) -> None:
    """48 unit-hours a day are two units; nobody recorded what was asked of them."""
    units = loaded(ledger)["provisioned-model/abc"]
    assert (units.units, units.model, units.use) == (Decimal(2), "claude-haiku-4.5", None)


def test_a_charge_of_a_month_is_of_its_days(ledger: Store) -> None:
    """1,440 unit-hours of November for 1,440 are those of two units at 48 a day, and no charge of a single day."""
    with ledger.engine.begin() as connection:
        connection.execute(
            charge.delete().where((charge.c.resource_key == 1) & (charge.c.charge_date > date(2026, 11, 7)))
        )
        connection.execute(
            charge.update().where(charge.c.resource_key == 1).values(
                charge_date=date(2026, 11, 1), charge_end_date=date(2026, 12, 1), hours=None, pricing_quantity=1440,
                billed_cost=1440, effective_cost=1440, list_cost=1440,
            )
        )  # fmt: skip
    units = loaded(ledger)["provisioned-model/abc"]
    assert [cost.day for cost in units.costs] == [date(2026, 11, day) for day in range(7, 21)]
    assert {(cost.list_cost, cost.effective_cost, cost.uncovered_effective_cost) for cost in units.costs} == {(48,) * 3}
    assert (units.units, set(units.unit_hours.values())) == (2, {48})


def test_a_day_on_which_the_units_changed_says_neither_number(ledger: Store) -> None:
    """Two units until noon of the newest day and four after it: 72 unit-hours are three nobody ever had."""
    with ledger.engine.begin() as connection:
        newest = (AS_OF - timedelta(days=1)).date()
        on_it = (charge.c.resource_key == 1) & (charge.c.charge_date == newest)
        connection.execute(charge.update().where(on_it).values(pricing_quantity=72))
    units = loaded(ledger)["provisioned-model/abc"]
    assert (units.units, units.unit_hours[newest]) == (None, Decimal(72))


def test_a_listing_knows_units_and_the_end_of_the_commitment(ledger: Store) -> None:
    details = {"model_units": 3, "commitment_ends_at": "2026-12-24T00:00:00+00:00"}
    write(
        ledger, resource_history, resource_key=1, valid_from=AS_OF - timedelta(days=20), scope="s", state="InService",
        kind="bedrock_provisioned_throughput", details=details, source="aws/inventory", seen_at=AS_OF,
    )  # fmt: skip
    units = loaded(ledger)["provisioned-model/abc"]
    assert (units.units, units.ends_at) == (Decimal(3), datetime(2026, 12, 24, tzinfo=UTC))


@pytest.mark.parametrize(
    ("words", "sold_for"),
    [
        ({"usage_type": "USE1-MP:USE1_ProvisionedThroughput_1MonthCommit_ModelUnits_Usage-Units"}, "1 month"),
        ({"sku_meter": "ProvisionedThroughput_6MonthCommit_ModelUnits"}, "6 months"),
        ({"charge_description": "Vertex AI: Provisioned Throughput 1 week"}, "1 week"),
        ({"usage_type": "USE1-MP:USE1_ProvisionedThroughput_NoCommit_ModelUnits_Usage-Units"}, None),
        ({"sku_meter": "Provisioned Managed Global Unit"}, None),
    ],
)
def test_the_bill_says_for_which_term_units_are_sold(
    ledger: Store, words: dict[str, str], sold_for: str | None
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(sku.update().where(sku.c.platform == "provisioned_throughput").values(words))
    assert loaded(ledger)["provisioned-model/abc"].sold_for == sold_for


def test_what_is_asked_of_the_model_is_asked_of_its_units(ledger: Store) -> None:
    write(
        ledger, inference_hour, slice_id=1, hour=AS_OF - timedelta(hours=5), namespace="aws", provider="aws",
        account="111122223333", model="claude-haiku-4.5", unit_class="output", quantity=600,
    )  # fmt: skip
    use = loaded(ledger)["provisioned-model/abc"].use
    assert use is not None
    assert use.output_tokens[-5] == 600


def test_a_listing_tells_the_tags_that_the_bill_has_not(ledger: Store) -> None:
    write(
        ledger, resource_history, resource_key=1, valid_from=AS_OF, scope="s", kind="azure_deployment",
        state="Succeeded", source="azure/inventory", seen_at=AS_OF, details={"tags": {"do-not-stop": "yes"}},
    )  # fmt: skip
    assert loaded(ledger)["provisioned-model/abc"].tags["do-not-stop"] == "yes"


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
        assert load_lives(connection)[7].deployed_at is None
    listed(6, "m1", 4)
    with ledger.engine.connect() as connection:
        assert load_lives(connection)[7].deployed_at is None
    listed(3, "m2", 4)
    with ledger.engine.connect() as connection:
        assert load_lives(connection)[7].deployed_at == AS_OF - timedelta(days=3)


def test_a_launch_is_told_apart_from_a_later_change(ledger: Store) -> None:
    """Launched twelve days ago, another type three days ago: both instants are kept."""
    write(
        ledger, resource_life, resource_key=7, started_at=AS_OF - timedelta(days=12), ended_at=None, method="listing",
        source="aws/inventory",
    )  # fmt: skip
    with ledger.engine.connect() as connection:
        only = load_lives(connection)[7]
    assert only.launched_at == only.deployed_at == AS_OF - timedelta(days=12)
    for days, machine in ((11, "p4d.24xlarge"), (3, "p5.48xlarge")):
        write(
            ledger, resource_history, resource_key=7, valid_from=AS_OF - timedelta(days=days), scope="s",
            kind="ec2_instance", state="running", source="aws/inventory", seen_at=AS_OF,
            details={"instance_type": machine},
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        both = load_lives(connection)[7]
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


@pytest.mark.parametrize(("nights", "counted"), [(2, (3, 3)), (3, (1, 1))])
def test_a_machine_on_a_clock_is_not_taken_back_each_morning(
    ledger: Store, nights: int, counted: tuple[int, int]
) -> None:
    """One was started again after two days. Another is off from 18 to 8: with three such nights of a fortnight by its
    clock, of which no stop says that it was wrong."""
    by_day = [(9, night + 16 / 24, night + 6 / 24) for night in range(nights, 0, -1)]
    for key, begun, ended in ((8, 40, 30), (8, 28, None), *by_day, (9, 16 / 24, None)):
        write(
            ledger, resource_life, resource_key=key, started_at=AS_OF - timedelta(days=begun),
            ended_at=None if ended is None else AS_OF - timedelta(days=ended), method="event", source="aws",
        )  # fmt: skip
    with ledger.engine.connect() as connection:
        assert load_regret(connection, {8: "gpu_vm", 9: "gpu_vm"}) == {"gpu_vm": counted}


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


@pytest.mark.parametrize("longest_first", [True, False])
def test_hours_of_a_job_add_up_alike_in_any_order(ledger: Store, longest_first: bool) -> None:
    """300 whole hours and 20 of 0.05 s are 1,080,001 s; in single precision the short ones after the long are lost."""
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    seconds = [3600.0] * 300 + [0.05] * 20
    rows = [
        {"slice_id": 1, "hour": AS_OF - timedelta(hours=number + 1), "namespace": "k8s", "alias": "node",
         "workload": "a", "kind": "job", "seconds": ran, "outcome": "running"}
        for number, ran in enumerate(seconds)
    ]  # fmt: skip
    with ledger.engine.begin() as connection:
        connection.execute(insert(workload_hour), rows if longest_first else rows[::-1])
    with ledger.engine.connect() as connection:
        assert load_jobs(connection, AS_OF, DAYS)[3].longest_hours == 1_080_001 / 3600
