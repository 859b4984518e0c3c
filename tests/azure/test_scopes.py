"""Exports whose scopes contain each other: nothing counts twice, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from aispend.connections import AzureConnection
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from sample.azure_double import Azure
from sample.blob_store import BlobStore, serving
from tests.azure.exports import CONTAINER, Container, cost, focus

Run = Callable[..., SourceReport]
Made = Callable[..., Bills]
NOVEMBER = {"first": date(2026, 11, 1), "end": date(2026, 11, 21)}


@pytest.fixture
def bills(container: Container, azure: Azure, clock: Any, waits: list[float]) -> Iterator[Made]:
    """A new collector each time, of the exports named."""
    with serving(BlobStore({CONTAINER: container.root})) as url:

        def made(*names: str) -> Bills:
            exports = [{"account_url": url, "container": CONTAINER, "root": "cost", "name": name} for name in names]
            connection = AzureConnection.model_validate({"endpoint_url": azure.url, "export": exports})
            return Bills(AzureClients(connection, sleep=waits.append), clock)

        yield made


def line(amount: str, subscription: str) -> dict[str, str]:
    return focus("2026-11", amount, SubAccountId=f"/subscriptions/{subscription}")


def spent(store: Store) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(text("SELECT coalesce(sum(billed_cost), 0) FROM charge")).scalar_one())


def test_an_export_of_one_subscription_does_not_take_the_place_of_its_whole_account(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    """10 of one subscription and 20 of another are 30, whatever else shows the 10 again."""
    container.run("2026-11", [line("10", "s-1"), line("20", "s-2")], export="account")
    container.run("2026-11", [line("10", "s-1")], export="part", scope="/subscriptions/s-1")

    account, part = run(bills("account", "part"), **NOVEMBER).slices

    assert (account.outcome, part.outcome, spent(database)) == ("loaded", "failed", 30)
    assert "s-2" in part.message
    assert "another export" in part.message

    container.run("2026-11", [line("11", "s-1"), line("20", "s-2")], export="account")
    assert [one.outcome for one in run(bills("account"), **NOVEMBER).slices] == ["loaded"]
    assert spent(database) == 31


def test_an_export_may_have_fewer_subscriptions_than_it_had(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    container.run("2026-11", [line("10", "s-1"), line("20", "s-2")], export="account")
    run(bills("account"), **NOVEMBER)
    container.run("2026-11", [line("10", "s-1")], export="account")
    assert [one.outcome for one in run(bills("account"), **NOVEMBER).slices] == ["loaded"]
    assert spent(database) == 10


def notes(report: SourceReport) -> list[str]:
    return [note for one in report.slices for note in one.notes]


def test_of_two_forms_of_one_account_the_best_is_loaded_and_the_other_named_once(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    """Ten are ten, in whatever forms they are delivered; nothing is refused, and a day later nothing is said again."""
    container.run("2026-11", [focus("2026-11", "10")], export="focus")
    container.run("2026-11", [cost("2026-11", "10")], export="cash", kind="ActualCost")
    made = bills("cash", "focus")
    said = "cash 2026-11 and focus 2026-11 show the same money"
    assert said in " ".join(one.what for one in made.examine())
    report = run(made, **NOVEMBER)
    assert [(one.title, one.outcome) for one in report.slices] == [("focus, 2026-11", "loaded")]
    assert (notes(report), spent(database)) == (["cash 2026-11 shows the same money and is left out."], 10)

    container.run("2026-11", [focus("2026-11", "12")], export="focus")
    again = run(bills("cash", "focus"), **NOVEMBER)
    assert ([one.outcome for one in again.slices], notes(again), spent(database)) == (["loaded"], [], 12)


def test_a_month_stays_in_the_form_it_was_loaded_in_and_one_that_only_one_form_has_is_loaded_in_that(
    container: Container, bills: Made, run: Run, database: Store
) -> None:
    container.run("2026-10", [cost("2026-10", "5")], export="cash", kind="ActualCost")
    container.run("2026-11", [cost("2026-11", "10")], export="cash", kind="ActualCost")
    container.run("2026-11", [cost("2026-11", "10")], export="spread", kind="AmortizedCost")
    both = {"first": date(2026, 10, 1), "end": date(2026, 11, 21)}
    assert run(bills("cash", "spread"), **both).failures == 0
    container.run("2026-11", [focus("2026-11", "10")], export="focus")
    report = run(bills("cash", "spread", "focus"), **both)
    assert (report.failures, spent(database)) == (0, 15)
    assert notes(report) == ["focus 2026-11 shows the same money and is left out."]
    assert notes(run(bills("cash", "spread", "focus"), **both)) == []
