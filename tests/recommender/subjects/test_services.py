"""What machines leave behind as a service, hour by hour, and where it is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert

from aispend.schema import inference_hour
from aispend.store import Store
from recommender.savings import monthly_cost
from recommender.subjects.machines import Machine
from recommender.subjects.services import Gathering, Service, member_of, pools, together
from tests.recommender.conftest import AS_OF, history

Make = Callable[..., Machine]
DAYS = 2
EVERY_HOUR = (1 << 24) - 1


def machine(
    make_subject: Make, name: str, *, activity: float | None = 0.5, mask: int = EVERY_HOUR, **more: object
) -> Machine:
    """Two accelerators, as busy as said in every slot of two days; hours billed as masked."""
    slots = DAYS * 288
    found = make_subject(
        days=DAYS,
        resource_id=name,
        resource_key=abs(hash(name)) % 1000 + 1,
        accelerator_count=Decimal(2),
        accelerators=None if activity is None else history(np.full((2, slots), activity)),
        model="llama",
        stage="inference_online",
    )
    return replace(found, costs=[replace(cost, hours_mask=mask) for cost in found.costs])


def gathered(database: Store, *machines: Machine) -> list[Service]:
    gathering = Gathering(DAYS)
    for one in machines:
        gathering.add(one)
    with database.engine.connect() as connection:
        return list(gathering.services(connection))


def test_a_member_keeps_mean_and_most_of_each_hour(make_subject: Make) -> None:
    """Two accelerators, in the first slot of an hour one at 1.0, else both at 0.5: mean (1.5 + 11 × 1) ÷ 12."""
    activity = np.full((2, DAYS * 288), 0.5)
    activity[0, ::12] = 1.0
    activity[1, 12:24] = 0.0
    found = member_of(make_subject(days=DAYS, accelerators=history(activity)), DAYS)

    assert found.load_max[0] == 1.5
    assert np.isclose(found.load_mean[0], 12.5 / 12)
    # in the second hour only one was in use at once
    assert (found.concurrent[0], found.concurrent[1], found.load_max[1]) == (2, 1, 1.0)
    assert found.machine.accelerators is None


def test_machines_of_one_model_are_one_service_and_demand_adds_up(database: Store, make_subject: Make) -> None:
    (service,) = gathered(database, machine(make_subject, "i-1"), machine(make_subject, "i-2"))

    assert service.resource_id == "service:111122223333/us-east-1/llama/inference_online"
    assert service.resource_key == 0
    assert (service.demand("load_max") == 2.0).all()
    assert (service.machines_running() == 2).all()
    # two machines of 480 a day
    assert [cost.effective_cost for cost in service.costs] == [Decimal(960), Decimal(960)]


def test_where_one_ran_unmeasured_the_service_is_unknown_and_where_it_was_off_it_is_not(
    database: Store, make_subject: Make
) -> None:
    """The second machine ran in the first twelve hours of each day and was never measured."""
    (service,) = gathered(
        database, machine(make_subject, "i-1"), machine(make_subject, "i-2", activity=None, mask=(1 << 12) - 1)
    )
    demand = service.demand("load_max")

    assert np.isnan(demand[:12]).all()
    assert (demand[12:24] == 1.0).all()


@pytest.mark.parametrize(
    ("billed", "last", "is_known"), [(10, 18, True), (10, 19, True), (10, 13, False), (24, 18, False)]
)
def test_a_bill_by_the_day_ran_in_the_hours_that_were_measured_where_these_are_as_many(
    make_subject: Make, billed: int, last: int, is_known: bool
) -> None:
    """Ten hours billed, and measured from 8 to 18, or to 19 as it began within an hour: it was off in the others. Of
    ten billed and five measured, or of all 24 and ten, nobody knows which."""
    by_hour = np.arange(DAYS * 24) % 24
    on = (by_hour >= 8) & (by_hour < last)
    found = make_subject(days=DAYS, accelerators=history(np.repeat(np.where(on, 0.5, np.nan), 12)[None, :]))
    found = replace(found, costs=[replace(cost, hours=billed, hours_mask=None) for cost in found.costs])
    running = member_of(found, DAYS).running
    assert (running == on).all() if is_known else np.isnan(running).all()


def test_who_replaced_whom_does_the_same_work_and_the_id_is_the_machines(database: Store, make_subject: Make) -> None:
    """The first ended five days ago; it is part of the history, and not of what runs."""
    ended = machine(make_subject, "i-old")
    ended = replace(ended, costs=[replace(cost, day=cost.day - timedelta(days=5)) for cost in ended.costs])
    (service,) = gathered(database, ended, machine(make_subject, "i-new"))

    assert service.resource_id == "i-new"
    assert [member.machine.resource_id for member in service.current] == ["i-new"]
    assert len(service.members) == 2


def days_ago(machine: Machine, first: int, last: int) -> Machine:
    """Billed from so many days before the end of the evidence to so many."""
    days = [(AS_OF - timedelta(days=ago)).date() for ago in range(first, last - 1, -1)]
    return replace(machine, costs=[replace(machine.costs[0], day=day) for day in days])


def test_a_service_of_fewer_machines_than_before_costs_what_they_cost(database: Store, make_subject: Make) -> None:
    """Three of 480 a day until five days ago, one since: one costs 480 a day, 14,600 a month. 8 days of one and 4 days
    of two more came to 960 a day, of which it would have been told to save a half."""
    ended = [days_ago(machine(make_subject, name), 8, 5) for name in ("i-a", "i-b")]
    (service,) = gathered(database, *ended, days_ago(machine(make_subject, "i-now"), 8, 1))
    assert [cost.effective_cost for cost in service.costs] == [Decimal(480)] * 8
    assert monthly_cost(service, 8) == Decimal("14600.00")
    # whatever those that ended cost
    cheap = [replace(one, costs=[replace(cost, effective_cost=Decimal(240)) for cost in one.costs]) for one in ended]
    (service,) = gathered(database, *cheap, days_ago(machine(make_subject, "i-now"), 8, 1))
    assert [cost.effective_cost for cost in service.costs] == [Decimal(480)] * 8
    # who took over from one that ended at noon pays what that paid
    first, second = (
        days_ago(machine(make_subject, name, mask=mask), *when)
        for name, mask, when in (("i-a", (1 << 12) - 1, (3, 3)), ("i-b", EVERY_HOUR - ((1 << 12) - 1), (3, 1)))
    )
    first = replace(first, costs=[replace(cost, hours=12, effective_cost=Decimal(240)) for cost in first.costs])
    second = replace(second, costs=[replace(second.costs[0], hours=12, effective_cost=Decimal(240)), *second.costs[1:]])
    (service,) = gathered(database, first, second)
    assert [cost.effective_cost for cost in service.costs] == [Decimal(480)] * 3


def test_what_a_service_cost_on_another_type_says_nothing_of_what_it_costs_now(
    database: Store, make_subject: Make
) -> None:
    """Four days on a machine of 2,400 a day, then four on one of 480, 14,600 a month; both were 52,925 a month."""
    larger = machine(make_subject, "i-large")
    larger = replace(larger, instance_type="p5.48xlarge", accelerator_type="nvidia-h100-80gb")
    larger = replace(larger, costs=[replace(cost, effective_cost=Decimal(2400)) for cost in larger.costs])
    (service,) = gathered(database, days_ago(larger, 8, 5), days_ago(machine(make_subject, "i-now"), 4, 1))
    assert service.costs_since == (AS_OF - timedelta(days=4)).date()
    assert monthly_cost(service, 8) == Decimal("14600.00")
    # one type, as a bill and as a listing of SageMaker write it
    same = replace(larger, instance_type="ml.p4d.24xlarge")
    (service,) = gathered(database, days_ago(same, 8, 5), days_ago(machine(make_subject, "i-now"), 4, 1))
    assert service.costs_since is None


def test_a_service_keeps_its_name_however_many_machines_and_one_by_itself_has_none(
    database: Store, make_subject: Make
) -> None:
    one = machine(make_subject, "i-1")
    name = "service:111122223333/us-east-1/llama/inference_online"
    for machines in ([one], [machine(make_subject, "i-2")], [one, machine(make_subject, "i-2")]):
        (service,) = gathered(database, *machines)
        assert (service.name, service.identified_by) == (name, name)
    gang = replace(one, stage="training", fleet="gang")
    (service,) = gathered(database, gang)
    assert (service.resource_id, service.name) == ("i-1", "service:111122223333/us-east-1/llama/training/gang")
    for alone in (
        {"model": None},
        {"model": "N/A"},
        {"is_models_own": False},
        {"stage": "notebook"},
        {"stage": "training"},
    ):
        (service,) = gathered(database, replace(one, **alone))
        assert (service.name, service.identified_by) == (None, "i-1")


def test_a_machine_alone_in_the_group_that_replaces_it_is_known_by_the_group(
    database: Store, make_subject: Make
) -> None:
    """Its model unknown: the auto-scaling group's one machine today is the same as last week's; two stand alone."""
    owned = {"fleet": "chat", "tags": {"aws:autoscaling:groupName": "chat"}, "model": None}
    for name in ("i-1", "i-2"):
        (service,) = gathered(database, replace(machine(make_subject, name), **owned))
        assert (service.resource_id, service.name) == (name, "group:111122223333/us-east-1/chat")
        assert service.formerly == (name,)
        (service,) = gathered(database, replace(machine(make_subject, name), **owned | {"model": "llama"}))
        assert service.formerly == ("group:111122223333/us-east-1/chat", name)
    for other in ({"siblings": 1}, {"tags": {}}):
        (service,) = gathered(database, replace(machine(make_subject, "i-1"), **owned | other))
        assert (service.name, service.formerly) == (None, ())


def test_runs_of_one_model_have_nothing_to_do_with_each_other_unless_of_one_fleet(
    database: Store, make_subject: Make
) -> None:
    runs = [replace(machine(make_subject, name), stage="training") for name in ("i-1", "i-2")]
    gang = [replace(machine(make_subject, name), stage="training", fleet="gang") for name in ("i-3", "i-4")]

    assert [service.resource_id for service in gathered(database, *runs, *gang)] == [
        "i-1",
        "i-2",
        "service:111122223333/us-east-1/llama/training/gang",
    ]


@pytest.mark.parametrize("model", [None, "unknown", "N/A", "none", "tbd", "-"])
def test_nobody_knows_what_machines_without_a_model_could_share(
    database: Store, make_subject: Make, model: str | None
) -> None:
    """Nor those of which a tag that has to be there says that there is none."""
    first, second = (replace(machine(make_subject, name), model=model) for name in ("i-1", "i-2"))
    assert [service.resource_id for service in gathered(database, first, second)] == ["i-1", "i-2"]


def test_requests_are_the_members_or_else_the_models(database: Store, make_subject: Make) -> None:
    hour = datetime(2026, 11, 20, 3, tzinfo=UTC)
    recorded = (("llama", "requests"), ("llama", "failed_requests"), ("llama", "input"), ("gemma", "requests"))
    with database.engine.begin() as connection:
        for model, unit in recorded:
            connection.execute(
                insert(inference_hour).values(
                    slice_id=1,
                    hour=hour,
                    namespace="files",
                    provider="aws",
                    account="111122223333",
                    model=model,
                    unit_class=unit,
                    quantity=40,
                )
            )
    (service,) = gathered(database, machine(make_subject, "i-1"))

    assert service.use is not None
    at = int((hour - (AS_OF - timedelta(days=DAYS))).total_seconds() // 3600)
    assert service.use.requests[at] == 80
    assert service.use.requests.sum() == 80


def test_services_on_the_same_accelerators_are_a_pool(database: Store, make_subject: Make) -> None:
    services = gathered(
        database,
        machine(make_subject, "i-1"),
        replace(machine(make_subject, "i-2"), model="gemma"),
        replace(machine(make_subject, "i-3"), model="bge", accelerator_type="nvidia-l4"),
    )
    (pool,) = pools(services)
    assert pool.resource_id == "pool:111122223333/us-east-1/nvidia-a100-40gb"
    assert {service.model for service in pool.services} == {"llama", "gemma"}


def test_a_cost_that_one_does_not_know_is_unknown_for_all(make_subject: Make) -> None:
    known, unknown = make_subject(days=1).costs, make_subject(days=1).costs
    (both,) = together([known, [replace(unknown[0], effective_cost=None)]])
    assert both.effective_cost is None
    assert both.list_cost == Decimal(1200)


def test_a_machine_that_several_models_share_stands_alone(database: Store, make_subject: Make) -> None:
    shared = replace(machine(make_subject, "i-shared"), is_models_own=False)
    names = [service.resource_id for service in gathered(database, shared, machine(make_subject, "i-own"))]
    assert names == ["i-own", "i-shared"]
