"""What was told of zones and quotas: what it says, of whom, for how long, and what stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from aispend.schema import quota, type_offering
from aispend.settings import Settings
from aispend.store import Store
from recommender.places import FRESH_DAYS, Needed, Offering, Place, Places, load_places
from recommender.subjects.load import evidence_end, load_subjects
from recommender.subjects.services import Service
from tests.recommender.conftest import AS_OF
from tests.recommender.test_run import fleet
from tests.recommender.told import ACCOUNT, YESTERDAY, granted, offered

__all__ = ["fleet"]

HERE = Place("aws", ACCOUNT, "us-east-1", AS_OF)
A, B = "us-east-1a", "us-east-1b"


def change(number: int = 1, to: str = "g6.12xlarge", **values: Any) -> Needed:
    """One g5.12xlarge (48 vCPUs) to so many g6.12xlarge (48 each), stopped before."""
    given: dict[str, Any] = {
        "place": HERE, "zones": (A,), "purchase": "on_demand", "present": "g5.12xlarge", "beside": 1, "together": False,
    }  # fmt: skip
    return Needed(instance_type=to, number=number, **(given | values))


@pytest.mark.parametrize(
    ("name", "zone", "answer"),
    [
        ("g6.xlarge", A, True),
        ("g6.xlarge", B, False),
        ("g6.xlarge", None, True),
        ("G6.XLARGE", A, True),
        ("p5.48xlarge", A, False),
        ("p5.48xlarge", None, False),
        ("g7e.2xlarge", A, None),  # nobody asked for it
        ("ml.g6.xlarge", B, None),  # SageMaker has offers of its own
        ("g6.xlarge", "use1-az4", None),  # a zone the listing does not know by this name
        ("p5.48xlarge", "use1-az4", False),  # offered nowhere, so not there either
    ],
)
def test_a_zone_offers_a_type_or_not_or_nobody_knows(name: str, zone: str | None, answer: bool | None) -> None:
    told = Places([offered("g6.xlarge", A), offered("g5.xlarge", A, B), offered("p5.48xlarge")])
    assert told.is_offered(HERE, name, zone) is answer


def test_another_account_region_or_cloud_was_told_nothing() -> None:
    told = Places([offered("g6.xlarge")], [granted(0)])
    for other in ({"account": "999900001111"}, {"region": "eu-west-1"}, {"provider": "gcp"}):
        there = replace(HERE, **other)
        assert told.is_offered(there, "g6.xlarge", None) is None
        assert told.quotas(there, "g6.xlarge", "on_demand") == []


def test_what_no_zone_may_have_may_still_be_had_without_naming_one() -> None:
    told = Places([offered("g6.xlarge", "")])
    assert told.is_offered(HERE, "g6.xlarge", None) is True
    assert told.is_offered(HERE, "g6.xlarge", A) is None, "nobody said that there is such a zone"
    told = Places([offered("g6.xlarge", ""), offered("g5.xlarge", A)])
    assert told.is_offered(HERE, "g6.xlarge", A) is False


def test_an_account_is_the_same_as_a_path_or_an_id() -> None:
    """FOCUS writes Azure's subscriptions as paths, Azure's listings as ids."""
    told = Places(
        [offered("Standard_NC24ads_A100_v4", "1", provider="azure", account="1a-2b", region="eastus")],
        [granted(9, ("nc24adsa100v4",), provider="azure", account="1a-2b", region="eastus")],
    )
    there = Place("azure", "/subscriptions/1A-2B", "eastus", AS_OF)
    assert told.is_offered(there, "NC24ads A100 v4", "1") is True
    assert len(told.quotas(there, "Standard_NC24ads_A100_v4", "on_demand")) == 1


@pytest.mark.parametrize(("age", "known"), [(FRESH_DAYS, True), (FRESH_DAYS + 1, False)])
def test_what_is_older_than_a_month_is_unknown(age: int, known: bool) -> None:
    told = AS_OF - timedelta(days=age)
    places = Places([offered("g6.xlarge", A, as_of=told)], [granted(48, as_of=told)])
    assert places.is_offered(HERE, "g6.xlarge", A) is (True if known else None)
    assert (bool(places.quotas(HERE, "g6.xlarge", "on_demand"))) is known


def test_every_zone_that_is_needed_has_to_offer_it() -> None:
    told = Places([offered("g6.12xlarge", A), offered("g5.xlarge", A, B)])
    assert told.offer_of(change()) is True
    assert told.offer_of(change(zones=(A, B))) is False
    assert told.offer_of(change(zones=(A, "c"))) is None
    assert told.offer_of(change(zones=())) is True


@pytest.mark.parametrize(
    ("used", "together", "at_once"),
    [
        # 48 go, 48 come
        (None, False, 48),
        # 48 run on beside 48: what else runs is not told
        (None, True, 96),
        # 100 run, 48 of them go, 48 come
        (100, False, 100),
        (100, True, 148),
        # told before the machine was there: it runs all the same
        (0, True, 96),
        (0, False, 48),
    ],
)
def test_what_a_change_asks_of_a_quota_at_once(used: int | None, together: bool, at_once: int) -> None:
    fit = Places((), [granted(96, used=used)]).fit_of(change(together=together))
    assert fit is not None
    assert fit.at_once == at_once
    assert fit.is_enough == (at_once <= 96)


def test_what_is_given_up_of_another_quota_makes_no_room() -> None:
    """A p4d.24xlarge counts against P: the G instance that takes its place needs all of its 48 vCPUs."""
    places = Places((), [granted(40), granted(96, ("p[0-9]*",), 96, code="L-417A185B")])
    fit = places.fit_of(change(present="p4d.24xlarge"))
    assert fit is not None
    assert (fit.running, fit.new, fit.is_enough) == (0, 48, False)


def test_spot_has_quotas_of_its_own() -> None:
    older = granted(500, ("p2*", "p3*", "p4*"), code="L-7212CCBC", purchase="spot")
    newest = granted(192, ("p5*",), code="L-C4BD4855", purchase="spot")
    places = Places((), [older, newest])
    assert places.quotas(HERE, "p4d.24xlarge", "spot") == [older]
    assert places.quotas(HERE, "p5.48xlarge", "on_demand") == []
    assert places.quotas(HERE, "g5.xlarge", "spot") == []


def test_the_quota_with_least_room_decides() -> None:
    """48 vCPUs of 64 leave 16, four cards of 6 leave 2; what is in use elsewhere is in the wider one."""
    vcpus, cards = granted(64, code="cores"), granted(6, ("g6.*",), code="cards", unit="accelerator")
    for order in ([vcpus, cards], [cards, vcpus]):
        fit = Places((), order).fit_of(change())
        assert fit is not None
        assert (fit.quota.code, fit.at_once, fit.is_enough) == ("cards", 4, True)
    fit = Places((), [replace(vcpus, used=Decimal(100)), cards]).fit_of(change())
    assert fit is not None
    assert (fit.quota.code, fit.at_once, fit.is_enough) == ("cores", 100, False)


def test_units_are_vcpus_accelerators_or_machines_and_an_unknown_type_is_unknown() -> None:
    for unit, new in (("vCPU", 96), ("accelerator", 8), ("machine", 2)):
        fit = Places((), [granted(1, unit=unit)]).fit_of(change(number=2))
        assert fit is not None
        assert fit.new == new, "two g6.12xlarge: 48 vCPUs and four L4s each"
    assert Places((), [granted(1)]).fit_of(change(to="g99.huge")) is None


@given(
    used=st.none() | st.integers(0, 400),
    number=st.integers(1, 5),
    beside=st.integers(0, 5),
    together=st.booleans(),
    limit=st.integers(0, 1000),
)
def test_giving_up_first_never_takes_more_and_a_larger_quota_never_refuses(
    used: int | None, number: int, beside: int, together: bool, limit: int
) -> None:
    def fit(amount: int, old_run_on: bool) -> tuple[Decimal, bool]:
        found = Places((), [granted(amount, used=used)]).fit_of(
            change(number=number, beside=beside, together=old_run_on)
        )
        assert found is not None
        return found.at_once, found.is_enough

    assert fit(limit, False)[0] <= fit(limit, True)[0]
    assert fit(limit, together)[0] >= 48 * number
    assert fit(limit, together)[1] <= fit(limit + 1, together)[1]


def rows_of(told: Offering) -> list[dict[str, Any]]:
    """The rows an offering is read from."""
    kept = {name: value for name, value in vars(told).items() if name != "instance_types"}
    return [{**kept, "instance_type": name, "zones": sorted(told.zones)} for name in told.instance_types]


@pytest.mark.usefixtures("fleet")
def test_every_subject_comes_with_what_was_told(database: Store, store_settings: Settings) -> None:
    told = offered("p4d.24xlarge", A)
    with database.engine.begin() as connection:
        connection.execute(insert(type_offering), rows_of(told))
        end = evidence_end(connection)
        assert end is not None
        subjects = list(load_subjects(connection, end, store_settings))
    assert {type(one).__name__ for one in subjects} >= {"Machine", "Service"}
    assert {one.places.is_offered(replace(HERE, as_of=one.as_of), "p4d.24xlarge", A) for one in subjects} == {True}
    machines = [member.machine for one in subjects if isinstance(one, Service) for member in one.current]
    assert machines
    assert all(one.places is subjects[0].places for one in machines)


def test_what_was_collected_is_loaded_as_it_is(database: Store) -> None:
    told = replace(offered("g6.xlarge", A, B), instance_types=frozenset({"g6.xlarge", "g5.xlarge"}))
    limit = granted(96, used=48)
    with database.engine.begin() as connection:
        connection.execute(insert(type_offering), rows_of(told))
        connection.execute(insert(quota), [{**vars(limit), "covers": list(limit.covers)}])
        places = load_places(connection)
    assert places.offering(HERE, "g6.xlarge") == told
    assert places.offering(HERE, "g6.xlarge") is places.offering(HERE, "g5.xlarge"), "what is alike is kept once"
    assert places.quotas(HERE, "g6.xlarge", "on_demand") == [limit]
    assert told.as_of == YESTERDAY
