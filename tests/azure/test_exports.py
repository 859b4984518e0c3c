"""Which exports are read where the settings name none: one bill for each place, and what is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aispend.clock import Clock
from aispend.connections import AzureExport
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.azure.deliveries import days_of
from collectors.azure.exports import Place, discovered, grouped, same_money
from sample.azure_double import Azure, RefusalError
from tests.azure.double import PLACE, SUBSCRIPTION

Connect = Callable[..., AzureClients]
STORAGE = f"{PLACE}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acmecosts"
LISTED = f"GET {PLACE}/providers/Microsoft.CostManagement/exports"


def export(name: str, kind: str, *, version: str = "", status: str = "Active") -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            "schedule": {"status": status, "recurrence": "Daily"},
            "definition": {"type": kind, "dataSet": {"configuration": {"dataVersion": version}}},
            "deliveryInfo": {
                "destination": {
                    "resourceId": STORAGE,
                    "container": "bills",
                    "rootFolderPath": "/cost/",
                    "type": "AzureBlob",
                }
            },
        },
    }


def found(azure: Azure, connect: Connect, *listed: dict[str, Any]) -> tuple[list[str], list[str]]:
    azure.on(LISTED, {"value": list(listed)})
    azure.on(f"GET {STORAGE}", {"properties": {"primaryEndpoints": {"blob": "https://acmecosts.z1.blob.example/"}}})
    chosen, passed = discovered(connect())
    return [one.export.name for one in chosen], passed


def test_focus_is_taken_before_actual_and_amortised_cost(azure: Azure, connect: Connect) -> None:
    listed = [
        export("prices", "PriceSheet"),
        export("actual", "ActualCost"),
        export("new", "FocusCost", version="1.2"),
        export("old", "FocusCost", version="1.0r2"),
        export("newest", "FocusCost", version="1.3", status="Inactive"),
    ]
    chosen, passed = found(azure, connect, *listed)
    assert chosen == ["new"]
    assert [one.split(" ")[0] for one in passed] == ["old", "newest", "actual"]


def test_a_finished_version_is_taken_before_its_preview(azure: Azure, connect: Connect) -> None:
    listed = [export(f"v{version}", "FocusCost", version=version) for version in ("1.2-preview", "1.2", "1.0", "1.0r2")]
    assert found(azure, connect, *listed)[0] == ["v1.2"]
    listed = [export(f"v{version}", "FocusCost", version=version) for version in ("1.0", "1.0r2", "1.2-preview")]
    assert found(azure, connect, *listed)[0] == ["v1.2-preview"]
    assert found(azure, connect, *listed[:2])[0] == ["v1.0r2"]


def test_what_delivers_is_taken_before_what_was_turned_off(azure: Azure, connect: Connect) -> None:
    paused = export("paused", "FocusCost", version="1.2", status="Inactive")
    active = [export("cash", "ActualCost"), export("spread", "AmortizedCost")]
    chosen, passed = found(azure, connect, paused, *active)
    assert (chosen, [one.split(" ")[0] for one in passed]) == (["cash", "spread"], ["paused"])
    assert found(azure, connect, paused, export("off", "ActualCost", status="Inactive"))[0] == ["paused"]


def test_subscriptions_are_read_in_a_form_that_all_of_them_have(azure: Azure, connect: Connect) -> None:
    """They may be parts of one bill, which cannot be in two forms."""
    halves = [export("cash", "ActualCost"), export("spread", "AmortizedCost")]
    azure.on("GET /subscriptions", {"value": [{"subscriptionId": one, "state": "Enabled"} for one in ("s-1", "s-2")]})
    azure.on(f"GET {STORAGE}", {"properties": {"primaryEndpoints": {"blob": "https://acmecosts.z1.blob.example/"}}})
    of = "GET /subscriptions/{}/providers/Microsoft.CostManagement/exports"
    azure.on(of.format("s-1"), {"value": [export("focus", "FocusCost"), *halves]})
    azure.on(of.format("s-2"), {"value": halves})
    chosen, passed = discovered(connect())
    assert [(one.export.name, one.scope[-3:]) for one in chosen] == [
        ("cash", "s-1"),
        ("spread", "s-1"),
        ("cash", "s-2"),
        ("spread", "s-2"),
    ]
    assert [one.split(" ")[0] for one in passed] == ["focus"]

    azure.on(of.format("s-2"), {"value": []})
    assert [one.export.name for one in discovered(connect())[0]] == ["focus"]


def test_actual_and_amortised_cost_are_taken_together(azure: Azure, connect: Connect) -> None:
    listed = [export("cash", "ActualCost"), export("spread", "AmortizedCost"), export("usage", "Usage")]
    chosen, passed = found(azure, connect, *listed)
    assert (chosen, len(passed)) == (["cash", "spread"], 1)


def test_where_the_files_are_is_asked_of_azure_and_else_as_it_is_called(azure: Azure, connect: Connect) -> None:
    azure.on(LISTED, {"value": [export("new", "FocusCost")]})
    azure.on(f"GET {STORAGE}", {"properties": {"primaryEndpoints": {"blob": "https://acmecosts.z1.blob.example/"}}})
    clients = connect()
    ((place,), _) = discovered(clients)
    assert place.export.account_url == "https://acmecosts.z1.blob.example"
    assert (place.head, place.scope) == ("cost/new/", f"subscriptions/{SUBSCRIPTION}")
    assert set(clients.sent) <= set(Bills.operations)

    azure.on(f"GET {STORAGE}", RefusalError(403, "AuthorizationFailed"))
    ((place,), _) = discovered(connect(cloud="china"))
    assert place.export.account_url == "https://acmecosts.blob.core.chinacloudapi.cn"


def test_the_doctor_names_what_is_passed_over_and_the_missing_permission(
    azure: Azure, connect: Connect, clock: Clock
) -> None:
    azure.on(LISTED, {"value": []})
    (none,) = Bills(connect(), clock).examine()
    assert (none.state, none.what) == ("broken", "there is no export of cost")
    azure.on(LISTED, RefusalError(403, "AuthorizationFailed"))
    (denied,) = Bills(connect(), clock).examine()
    assert denied.what == (
        "Azure denies it: the permission Microsoft.CostManagement/exports/read is missing: 403 AuthorizationFailed"
    )


def place(name: str, scope: str, kind: str = "focuscost", root: str = "") -> Place:
    return Place(AzureExport(account_url="https://a.example", container="c", name=name, root=root), scope, kind)


def test_what_is_loaded_together_is_what_shares_an_account_and_names_stay_apart() -> None:
    groups = grouped(
        [
            place("focus", "providers/Microsoft.Billing/billingAccounts/1", root="one"),
            place("focus", "providers/Microsoft.Billing/billingAccounts/2", root="two"),
            place("a", "subscriptions/1"),
            place("b", "/subscriptions/2/resourceGroups/rg"),
            place("cash", "subscriptions/1", "actualcost"),
        ]
    )
    assert [(one.name, len(one.places)) for one in groups] == [
        ("c/one/focus", 1),
        ("c/two/focus", 1),
        ("focuscost of subscriptions", 2),
        ("cash", 1),
    ]


def test_what_shows_something_that_the_other_does_not_is_never_left_out() -> None:
    days = tuple(one for one in (days_of("20261101-20261130"),) if one)
    whole = {
        one.name: (one, days)
        for one in grouped(
            [
                place("focus", "subscriptions/1"),
                place("cash", "subscriptions/1", "actualcost"),
                place("more", "subscriptions/2", "actualcost"),
            ]
        )
    }
    assert set(whole) == {"focus", "actualcost of subscriptions"}
    assert same_money(whole, ()) == {"focus": "actualcost of subscriptions"}
    assert same_money(whole, ["focus"]) == {}
    apart = {
        one.name: (one, days)
        for one in grouped([place("a", "subscriptions/1"), place("b", "subscriptions/2", "actualcost")])
    }
    assert same_money(apart, ()) == {}


def test_what_does_not_say_whose_cost_it_shows_is_never_left_out() -> None:
    days = tuple(one for one in (days_of("20261101-20261130"),) if one)
    unknown = {one.name: (one, days) for one in grouped([place("dollars", ""), place("euros", "")])}
    assert len(unknown) == 2
    assert same_money(unknown, ()) == {}
