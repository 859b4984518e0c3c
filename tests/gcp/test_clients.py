"""Clients against the double: who signs in, what is counted, what is waited for, and what errors say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aispend.connections import GcpConnection
from aispend.errors import AccessError, BudgetError, CollectError, NotReadyError, SettingsError
from collectors.gcp.clients import MB_READ, GcpClients
from collectors.gcp.errors import explained
from collectors.gcp.transport import ATTEMPTS
from sample.bigquery import RefusedError
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.double import Google

Connect = Callable[..., GcpClients]
GET = "bigquery.tables.get"


def test_projects_are_those_the_billing_accounts_pay_for(google: Google, connect: Connect) -> None:
    clients = connect()
    assert clients.projects == ("ml-dev", "ml-prod")
    assert clients.requests() == {"cloudbilling.ListBillingAccounts": 1, "cloudbilling.ListProjectBillingInfo": 2}
    assert clients.requests() == {}, "each request is reported once"
    assert clients.signed_in() == "signed in; queries count for billing-host; 2 project(s) to read"


def test_every_attempt_is_counted_and_the_wait_is_the_servers_own(google: Google, connect: Connect) -> None:
    serve(google, [line()])
    busy = RefusedError(503, "backendError", "busy")
    google.turns[GET] = [
        RefusedError(429, "rateLimitExceeded", "slow", {"Retry-After": "7"}),
        RefusedError(403, "rateLimitExceeded", "slow"),
        busy,
    ]
    clients = connect()
    clients.bigquery().get_table(TABLE, retry=None)

    assert clients.requests() == {GET: 4}
    assert clients.waited == [7.0, 2.0, 4.0]  # type: ignore[attr-defined]


def test_grpc_is_tried_again_too(google: Google, connect: Connect) -> None:
    google.turns["cloudbilling.ListBillingAccounts"] = [RefusedError(503, "UNAVAILABLE", "busy")]
    clients = connect()
    assert clients.billing_accounts == ("012345-567890-ABCDEF",)
    assert clients.requests() == {"cloudbilling.ListBillingAccounts": 2}


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (RefusedError(403, "accessDenied", "Permission bigquery.tables.get denied on table x"), AccessError,
         "The permission bigquery.tables.get is missing"),
        (RefusedError(403, "accessNotConfigured", "BigQuery API bigquery.googleapis.com it is disabled"), AccessError,
         "gcloud services enable bigquery.googleapis.com"),
        (RefusedError(403, "billingNotEnabled", "no billing"), AccessError, "no billing account"),
        (RefusedError(403, "quotaExceeded", "Custom quota exceeded"), BudgetError, "quota"),
        (RefusedError(401, "authError", "Invalid Credentials"), AccessError, "There are no Google Cloud credentials"),
        (RefusedError(404, "notFound", "Not found: Dataset a:b was not found in location US"), CollectError,
         "not where it was looked for"),
        (RefusedError(404, "notFound", "projects/ml/locations/us-central1/endpoints is not found"), CollectError,
         "finds no such thing"),
        (RefusedError(429, "rateLimitExceeded", "slow"), NotReadyError, "limits the rate"),
        (RefusedError(429, "rateLimitExceeded", "slow", {"Retry-After": "3600"}), NotReadyError, "limits the rate"),
        (RefusedError(500, "internalError", "oops"), CollectError, "could not answer"),
        (RefusedError(400, "invalidQuery", "Unrecognized name: x"), CollectError, "refuses"),
    ],
)  # fmt: skip
def test_an_error_says_what_to_do(
    google: Google, connect: Connect, fault: RefusedError, kind: type[Exception], says: str
) -> None:
    google.faults[GET] = fault
    with pytest.raises(kind, match=says) as caught, explained("gcp/bills"):
        connect().bigquery().get_table(TABLE, retry=None)

    assert "bigquery.tables.get" in str(caught.value) or "gcp/bills" in str(caught.value)
    patient = fault.status in (429, 500) and "Retry-After" not in fault.headers
    assert google.operations() == [GET] * (ATTEMPTS if patient else 1)


def test_a_broken_connection_is_tried_again_and_named(google: Google, connect: Connect) -> None:
    clients = connect(endpoint_url="http://127.0.0.1:9", grpc_endpoint="127.0.0.1:9")
    with pytest.raises(CollectError, match="connection to Google Cloud failed"), explained("gcp/bills"):
        clients.bigquery().get_table(TABLE, retry=None)
    assert clients.requests() == {GET: ATTEMPTS}


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"]])
def test_a_listing_that_goes_round_in_circles_is_an_error(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tokens: list[str]
) -> None:
    answers = iter({"nextPageToken": token} for token in tokens)
    clients = connect()
    monkeypatch.setattr(clients, "fetch", lambda *_, **__: next(answers))
    with pytest.raises(CollectError, match="same page of a listing again") as caught:
        list(clients.pages("aiplatform.endpoints.list", "/v1/endpoints"))
    assert "aiplatform.endpoints.list" in str(caught.value)


def test_bytes_stop_at_their_budget(connect: Connect) -> None:
    clients = connect(megabytes_left=25)
    clients.read(11_000_000, "one query")
    with pytest.raises(BudgetError, match=r"would read 0\.015 GB, and the day's budget has 0\.014 GB left"):
        clients.read(15_000_000, "October")
    assert clients.requests() == {MB_READ: 11}


def test_nobody_signs_in_to_another_machine_without_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    clients = GcpClients(GcpConnection(endpoint_url="https://proxy.example"))
    with pytest.raises(AccessError, match="no Google Cloud credentials"), explained("gcp/bills"):
        _ = clients.credentials


def test_without_a_project_the_setting_is_named(connect: Connect) -> None:
    with pytest.raises(SettingsError, match="which project"):
        _ = connect(project=None).project


def test_no_secret_is_in_an_error(google: Google, connect: Connect) -> None:
    from google.oauth2.credentials import Credentials

    given = {"endpoint_url": google.url, "project": "p"}
    clients = GcpClients(GcpConnection.model_validate(given), credentials=Credentials("ya29.secret-token"))
    google.faults[GET] = RefusedError(401, "authError", "Invalid Credentials")
    with pytest.raises(AccessError, match="has expired"), explained("gcp/bills"):
        clients.bigquery().get_table(TABLE, retry=None)
    google.faults[GET] = RefusedError(403, "accessDenied", "Permission bigquery.tables.get denied")
    with pytest.raises(AccessError) as caught, explained("gcp/bills"):
        clients.bigquery().get_table(TABLE, retry=None)
    assert "secret-token" not in str(caught.value)
    assert "secret-token" not in repr(caught.value.__dict__)
