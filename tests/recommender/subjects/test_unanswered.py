"""Resources of the bill that no kind was asked about have a reason too."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, update

from aispend.advising import Recommend
from aispend.clock import month_of
from aispend.schema import charge, resource, sku
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.unanswered import unanswered
from tests.recommender.subjects.conftest import AS_OF

PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a"
ENDED, TOKENS, OTHER = 7, 8, 9


@pytest.fixture
def billed(ledger: Store) -> Store:
    """Beside three that are answered: a machine of one day in October, a profile for tokens, and training as a service.

    The profile costs 28 a day in the last four days: 112 of 14 days are 8 a day, 243.33 a month.
    """
    with ledger.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 10, 1)])
        for key, name, platform, model in (
            (ENDED, "i-ended", "gpu_vm", None),
            (TOKENS, PROFILE, "token_api", "claude-sonnet-4"),
            (OTHER, "job-1", "training_job", None),
        ):
            connection.execute(
                insert(sku).values(sku_key=key, provider="aws", is_ai=True, platform=platform, model=model)
            )
            connection.execute(insert(resource).values(resource_key=key, provider="aws", resource_id=name))
        ordinal = 900
        for key, day, cost in (
            (ENDED, date(2026, 10, 23), 75),
            # 31 days before the end of the evidence: longer ago than anybody asks
            (ENDED, date(2026, 10, 21), 75),
            *((TOKENS, (AS_OF - timedelta(days=back)).date(), 28) for back in (1, 2, 3, 4)),
            (OTHER, date(2026, 11, 20), 28),
        ):
            ordinal += 1
            connection.execute(
                insert(charge).values(
                    billing_month=month_of(day), slice_id=1, half=0, ordinal=ordinal, charge_date=day,
                    account_key=1, sku_key=key, location_key=1, resource_key=key, tag_set_key=0, commitment_key=0,
                    charge_kind_key=1, billed_cost=cost, effective_cost=cost, list_cost=cost, line_count=1,
                )
            )  # fmt: skip
    return ledger


def said(
    store: Store, answered: set[str], tokens: set[str] = frozenset()
) -> list[tuple[str, str, str, Decimal | None]]:  # type: ignore[assignment]
    with store.engine.connect() as connection:
        found = unanswered(connection, AS_OF, Recommend(), {("aws", name) for name in answered | tokens})
    return [(one.subject.resource_id, one.reason, one.explanation, one.monthly_cost) for one in found]


KNOWN = {"provisioned-model/abc", "cr-1", "i-spot"}
OF_TOKENS = "tokens:111122223333/us-east-1/claude-sonnet-4/unknown/"


def test_each_has_its_own(billed: Store) -> None:
    assert said(billed, KNOWN, {f"{OF_TOKENS}standard", f"{OF_TOKENS}batch"}) == [
        (
            PROFILE,
            "by_model",
            "What is bought through it is looked at by model and team, with advice or reasons of its own: "
            "tokens of claude-sonnet-4, unknown.",
            Decimal("243.33"),
        ),
        (
            "i-ended",
            "off",
            "It is no longer billed: its last usage was on 2026-10-23, before the 28 days that are looked at.",
            Decimal("0.00"),
        ),
        (
            "job-1",
            "not_looked_at",
            "No kind of advice looks at what it is (training_job).",
            Decimal("60.83"),
        ),
    ]


def test_what_was_answered_is_left_out(billed: Store) -> None:
    assert said(billed, KNOWN | {"i-ended", PROFILE, "job-1"}) == []


def test_many_are_counted(billed: Store) -> None:
    """Four models through one profile: three are named. Those of another team are none of it."""
    with billed.engine.begin() as connection:
        for key, back in ((21, 1), (22, 2), (23, 3), (24, 4)):
            connection.execute(
                insert(sku).values(sku_key=key, provider="aws", is_ai=True, platform="token_api", model=f"nova-{key}")
            )
            day = (AS_OF - timedelta(days=back)).date()
            connection.execute(
                update(charge).where(charge.c.resource_key == TOKENS, charge.c.charge_date == day).values(sku_key=key)
            )
    place = "tokens:111122223333/us-east-1/"
    tokens = {f"{place}nova-{key}/unknown/standard" for key in (21, 22, 23, 24)} | {f"{place}nova-21/search/standard"}
    found = said(billed, KNOWN | {"i-ended", "job-1"}, tokens)
    assert found[0][2].endswith(
        "own: tokens of nova-21, unknown; tokens of nova-22, unknown; tokens of nova-23, unknown and 1 more."
    )


def test_tokens_of_no_known_model_are_said_to_be(billed: Store) -> None:
    ((_, reason, explanation, _),) = said(billed, KNOWN | {"i-ended", "job-1"})
    assert reason == "model_unknown"
    assert explanation == "The bill does not name the model whose tokens are bought through it."


def test_a_cost_the_bill_does_not_give_is_unknown(billed: Store) -> None:
    with billed.engine.begin() as connection:
        connection.execute(
            update(charge).where(charge.c.resource_key == OTHER).values(effective_cost=None, billed_cost=None)
        )
    assert said(billed, KNOWN | {"i-ended", PROFILE})[0][3] is None


def test_a_charge_of_a_month_is_of_each_of_its_days(billed: Store) -> None:
    """A line from 20 October to the 19th of November: used until the 18th, and not last on its first day, which lies
    before the 28 days that are looked at. 900 are 30 a day, of which twelve lie in the last 14: 782.14 a month."""
    with billed.engine.begin() as connection:
        connection.execute(
            update(charge)
            .where(charge.c.resource_key == OTHER)
            .values(
                charge_date=date(2026, 10, 20), billing_month=date(2026, 10, 1), charge_end_date=date(2026, 11, 19),
                effective_cost=900,
            )
        )  # fmt: skip
    ((_, reason, _, cost),) = said(billed, KNOWN | {"i-ended", PROFILE})
    assert (reason, cost) == ("not_looked_at", Decimal("782.14"))
