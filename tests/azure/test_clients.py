"""Clients against the double: what may be read, counts, waits, budgets, where credentials go, and what errors say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from aispend.errors import AccessError, AispendError, BudgetError, CollectError, InputError, NotReadyError
from collectors.azure.base import explained
from collectors.azure.clients import AzureClients
from collectors.azure.operations import OPERATIONS, operation_of
from collectors.azure.pipeline import ATTEMPTS, PATIENCE
from sample.azure_double import Azure, RefusalError, Reply
from tests.azure.double import PLACE, SUBSCRIPTION, TENANT, subscription

Connect = Callable[..., AzureClients]
QUERY = f"{PLACE}/providers/Microsoft.CostManagement/query"
VERSION = "2025-03-01"


def ask(clients: AzureClients) -> Any:
    """A question to Cost Management, as any."""
    return clients.post(QUERY, {"type": "ActualCost"}, api_version=VERSION)


def test_the_subscriptions_are_all_pages_without_those_that_are_switched_off(azure: Azure, connect: Connect) -> None:
    other = "aaaaaaaa-2222-3333-4444-555555555555"
    azure.on(
        "GET /subscriptions",
        [
            {"value": [subscription()], "nextLink": f"{azure.url}/subscriptions?api-version=2022-12-01&$skiptoken=2"},
            {"value": [subscription(other.upper()), subscription("off", state="Disabled")], "nextLink": ""},
        ],
    )
    clients = connect()
    assert [one.id for one in clients.subscriptions] == [SUBSCRIPTION, other]
    assert clients.scopes == (f"subscriptions/{SUBSCRIPTION}", f"subscriptions/{other}")
    assert clients.signed_in() == f"signed in to tenant {TENANT}; 2 subscription(s) to read"
    assert clients.requests() == {"arm.ListSubscriptions": 2}
    assert azure.calls[0].headers["ClientType"] == "aispend"


def test_a_subscription_of_the_settings_that_may_not_be_seen_is_named(connect: Connect) -> None:
    with pytest.raises(AccessError, match="may not see the subscription 0000"):
        _ = connect(subscriptions=("0000",)).subscriptions


def test_no_subscription_at_all_says_what_to_do(azure: Azure, connect: Connect) -> None:
    azure.on("GET /subscriptions", {"value": []})
    with pytest.raises(AccessError, match="aispend policy azure"):
        _ = connect().subscriptions


def test_who_names_exports_needs_no_subscription(azure: Azure, connect: Connect) -> None:
    azure.on("GET /subscriptions", {"value": []})
    export = {"account_url": "https://acme.blob.core.windows.net", "container": "bills", "name": "focus"}
    assert connect(export=[export]).signed_in() == "signed in to tenant unknown; 0 subscription(s) to read"


@pytest.mark.parametrize("url", ["http://acme.blob.core.windows.net", "acme", "http://127.0.0.1.example/x"])
def test_a_token_is_for_safe_connections(url: str, connect: Connect) -> None:
    with pytest.raises(ValidationError, match="account_url"):
        connect(export=[{"account_url": url, "container": "bills", "name": "focus"}])


def test_billing_scopes_take_the_place_of_subscriptions(connect: Connect) -> None:
    account = "/providers/Microsoft.Billing/billingAccounts/123/"
    assert connect(billing_scopes=(account,)).scopes == ("providers/Microsoft.Billing/billingAccounts/123",)


def test_pages_that_lead_in_a_circle_end(azure: Azure, connect: Connect) -> None:
    again = f"{azure.url}/subscriptions?api-version=2022-12-01&$skiptoken=2"
    azure.on("GET /subscriptions", {"value": [], "nextLink": again})
    with pytest.raises(InputError, match="circle"):
        _ = connect().subscriptions


def test_amounts_keep_their_digits(azure: Azure, connect: Connect) -> None:
    azure.on(f"POST {QUERY}", Reply('{"properties": {"rows": [[0.1000000000000000055, 20261101]]}}'))
    ((cost, day),) = ask(connect())["properties"]["rows"]
    assert (cost, day) == (Decimal("0.1000000000000000055"), 20261101)


def test_no_content_is_none(azure: Azure, connect: Connect) -> None:
    azure.on(f"POST {QUERY}", Reply(status=204))
    assert ask(connect()) is None


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, 7),
        (
            {
                "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "3",
                "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "25",
                "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after": "x",
                "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining": "99",
            },
            25,
        ),
        ({"x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after": "11", "Retry-After": "2"}, 11),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({}, 5),
    ],
)
def test_a_limit_is_waited_out_as_long_as_it_says_and_each_attempt_counts(
    azure: Azure, connect: Connect, waits: list[float], headers: dict[str, str], waited: float
) -> None:
    azure.on(f"POST {QUERY}", [RefusalError(429, "429", headers=headers), {"properties": {}}])
    clients = connect()
    assert ask(clients) == {"properties": {}}
    assert waits == [waited]
    assert clients.requests() == {"arm.QueryCosts": 2}
    assert clients.requests() == {}, "each request is reported once"


def test_a_date_to_wait_for_is_a_wait(azure: Azure, connect: Connect, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    azure.on(f"POST {QUERY}", [RefusalError(429, headers={"Retry-After": later}), {}])
    ask(connect())
    assert waits == [pytest.approx(29, abs=2)]


def test_a_storm_of_limits_ends(azure: Azure, connect: Connect, waits: list[float]) -> None:
    azure.on(f"POST {QUERY}", RefusalError(429, "429"))
    with pytest.raises(NotReadyError, match="limits the rate"), explained("azure/cost-query"):
        ask(connect())
    assert waits == [5, 10, 20, 40, 60]
    assert len(azure.asked("/query")) == ATTEMPTS


def test_a_wait_of_an_hour_is_left_to_the_next_run(azure: Azure, connect: Connect, waits: list[float]) -> None:
    azure.on(f"POST {QUERY}", RefusalError(429, "429", headers={"Retry-After": str(PATIENCE + 1)}))
    with pytest.raises(NotReadyError), explained("azure"):
        ask(connect())
    assert (waits, len(azure.asked("/query"))) == ([], 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fails_is_asked_again(azure: Azure, connect: Connect, status: int) -> None:
    azure.on(f"POST {QUERY}", [RefusalError(status), RefusalError(status), {"properties": {}}])
    assert ask(connect()) == {"properties": {}}


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (403, "AuthorizationFailed", AccessError, "Azure denies it"),
        (401, "ExpiredAuthenticationToken", AccessError, "does not accept the credentials"),
        (500, "InternalServerError", CollectError, "also when it was asked again"),
        (400, "BadRequest", CollectError, "could not answer"),
    ],
)
def test_errors_say_what_to_do_and_nothing_of_what_azure_repeats(
    azure: Azure, connect: Connect, status: int, code: str, kind: type[AispendError], says: str
) -> None:
    azure.on(f"POST {QUERY}", RefusalError(status, code, "https://acme.blob.core.windows.net/x?sig=SECRETKEY"))
    with pytest.raises(kind, match=says) as raised, explained("azure/cost-query"):
        ask(connect())
    assert code in str(raised.value)
    assert "SECRETKEY" not in str(raised.value)


def test_a_broken_connection_tells_no_address(connect: Connect, waits: list[float]) -> None:
    clients = connect(endpoint_url="http://127.0.0.1:9")
    with pytest.raises(CollectError, match="connection to Azure failed") as raised, explained("azure"):
        clients.get("/subscriptions", api_version="1", sig="SECRETKEY")
    assert "SECRETKEY" not in str(raised.value)


def test_what_is_no_json_is_an_error_in_words(azure: Azure, connect: Connect) -> None:
    azure.on(f"POST {QUERY}", Reply("<html>proxy</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(AispendError, match="no JSON"), explained("azure"):
        ask(connect())


def test_a_budget_ends_the_asking_retries_included(azure: Azure, connect: Connect) -> None:
    azure.on(f"POST {QUERY}", RefusalError(503))
    with pytest.raises(BudgetError, match="cost_queries_per_day"):
        ask(connect(allowed={"arm.QueryCosts": 2}))
    assert len(azure.asked("/query")) == 2


def test_nothing_is_sent_to_a_server_that_an_answer_names(azure: Azure, connect: Connect) -> None:
    clients = connect()
    with pytest.raises(CollectError, match="another server"):
        clients.get("http://127.0.0.1:1/subscriptions?api-version=1")
    assert clients.requests() == {}


def test_a_request_that_no_line_declares_is_not_sent(azure: Azure, connect: Connect) -> None:
    with pytest.raises(KeyError, match="register"):
        connect().post(f"{PLACE}/providers/Microsoft.Compute/register", {}, api_version="1")
    assert azure.calls == []


class Token:
    """A credential that hands out a secret, and remembers for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.asked.append((scopes, options))
        return AccessToken("SECRETTOKEN", 4_000_000_000)


@pytest.mark.parametrize(
    ("cloud", "endpoint", "scope"),
    [
        ("public", "https://management.azure.com", "https://management.azure.com/.default"),
        (
            "government",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
        ),
        ("china", "https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
    ],
)
def test_each_cloud_has_its_endpoint_and_its_token(cloud: str, endpoint: str, scope: str, connect: Connect) -> None:
    clients, token = connect(endpoint_url=None, cloud=cloud), Token()
    clients.credential = token  # type: ignore[misc]
    assert clients.endpoint == endpoint
    made = clients.pipeline("arm", clients.endpoint)["policies"][-1]
    assert made._scopes == (scope,)


def test_a_token_goes_over_a_safe_connection_alone_and_into_no_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    clients = connect(endpoint_url="http://azure.example")
    clients.credential = Token()  # type: ignore[misc]
    with caplog.at_level(logging.DEBUG), pytest.raises(CollectError) as raised, explained("azure"):
        clients.get("/subscriptions", api_version="1")
    assert "SECRETTOKEN" not in caplog.text + str(raised.value)
    assert clients.requests() == {}


def test_the_tenant_of_the_settings_is_signed_in_to(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    import azure.identity

    token, made = Token(), []

    def chain(**options: Any) -> Token:
        made.append(options)
        return token

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", chain)
    connect(tenant=TENANT, cloud="china").credential.get_token("scope")
    assert made == [{"authority": "login.chinacloudapi.cn", "additionally_allowed_tenants": [TENANT]}]
    assert token.asked == [(("scope",), {"tenant_id": TENANT})]


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    with pytest.raises(AccessError, match="az login"), explained("azure"):
        raise ClientAuthenticationError("DefaultAzureCredential failed: tried SECRET")


def test_every_operation_only_reads_and_none_is_taken_for_another() -> None:
    assert OPERATIONS
    for name, one in OPERATIONS.items():
        assert one.method in ("GET", "POST"), name
        for action in (*one.actions, *one.data_actions):
            assert action.endswith(("/read", "/query/action", "/generateCostDetailsReport/action")), action
    blobs = "https://acme.blob.core.windows.net/bills"
    assert operation_of("blob", "GET", f"{blobs}?restype=container&comp=list&prefix=a") == "blob.ListBlobs"
    assert operation_of("blob", "GET", f"{blobs}/focus/part_0_0001.csv") == "blob.GetBlob"
