"""Acting as a service account: the SDK's own chain and exchange of tokens, over HTTP with a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import google.auth
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aispend.connections import GcpConnection
from aispend.errors import AccessError
from collectors.gcp.clients import SCOPES, GcpClients
from collectors.gcp.errors import explained
from sample.local_server import on_this_machine
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.double import Google

AISPEND = "aispend@company-billing.iam.gserviceaccount.com"
OWN = "deployer@company-ops.iam.gserviceaccount.com"
OWN_TOKEN, ACTING = "own-token-5d1e", "acting-token-c0fe"
EXCHANGE = f"/v1/projects/-/serviceAccounts/{AISPEND}:generateAccessToken"


class Exchange:
    """Google's token servers, before the double: who may act, for how long a token is good, and all that was asked."""

    def __init__(self, google: Google) -> None:
        self.google = google
        self.lasts = timedelta(hours=1)
        self.refuses = ""
        self.asked: list[tuple[str, str, Any]] = []
        self.url = ""

    def answer(self, method: str, path: str, bearer: str, body: bytes) -> tuple[int, Any]:
        """Status and content of the answer to a request."""
        if path == "/token":
            self.asked.append((path, bearer, parse_qs(body.decode())["grant_type"]))
            return 200, {"access_token": OWN_TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if path == EXCHANGE:
            self.asked.append((path, bearer, json.loads(body)))
            if self.refuses:
                return 403, {"error": {"code": 403, "message": self.refuses, "status": "PERMISSION_DENIED"}}
            number = sum(one == EXCHANGE for one, _, _ in self.asked)
            ends = datetime.now(UTC) + self.lasts
            return 200, {"accessToken": f"{ACTING}-{number}", "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        self.asked.append((path, bearer, None))
        return 200, self.google.respond(method, path, body)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve on this machine while the context lasts."""
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, said = exchange.answer(self.command, unquote(self.path).partition("?")[0], bearer, body)
                sent = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = _answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        with on_this_machine(Handler) as self.url:
            yield


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.private_bytes(*kind).decode()


@pytest.fixture
def exchange(google: Google) -> Iterator[Exchange]:
    serve(google, [line()])
    found = Exchange(google)
    with found.serving():
        yield found


@pytest.fixture
def acting(exchange: Exchange, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], GcpClients]:
    """Clients that act as the account of the settings; their own credentials are found by google-auth's chain."""
    told = {"type": "service_account", "client_email": OWN, "private_key": key, "token_uri": f"{exchange.url}/token",
            "project_id": "company-ops"}  # fmt: skip
    (tmp_path / "key.json").write_text(json.dumps(told))
    # beside a request the SDK asks Google itself, whatever the endpoints, in which regions an account may be used: what
    # leaves this machine goes through a proxy that refuses, and the SDK does without
    monkeypatch.setenv("HTTPS_PROXY", exchange.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))

    def made() -> GcpClients:
        own, project = google.auth.default(scopes=SCOPES)
        assert project == "company-ops"
        given = {"project": "company-billing", "projects": ["ml"], "impersonate": AISPEND, "endpoint_url": exchange.url}
        return GcpClients(GcpConnection.model_validate(given), credentials=own, sleep=lambda _seconds: None)

    return made


def test_requests_are_sent_as_the_account_of_the_settings(exchange: Exchange, acting: Callable[[], GcpClients]) -> None:
    clients = acting()
    clients.bigquery().get_table(TABLE, retry=None)

    (_, _, grant), (_, own, wanted), (path, bearer, _) = exchange.asked
    assert grant == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert (own, wanted["scope"], wanted["lifetime"]) == (OWN_TOKEN, list(SCOPES), "3600s")
    assert path.endswith("gcp_billing_export_resource_v1_0177BB")
    assert bearer == f"{ACTING}-1", "what is asked for is asked as the other account"
    assert clients.signed_in() == f"signed in as {AISPEND}; queries count for company-billing; 1 project(s) to read"
    assert clients.requests() == {"bigquery.tables.get": 1}


def test_a_token_that_ends_is_exchanged_anew(exchange: Exchange, acting: Callable[[], GcpClients]) -> None:
    clients = acting()
    exchange.lasts = timedelta(seconds=1)
    clients.bigquery().get_table(TABLE, retry=None)
    exchange.lasts = timedelta(hours=1)
    clients.bigquery().get_table(TABLE, retry=None)
    clients.bigquery().get_table(TABLE, retry=None)

    sent = [bearer for path, bearer, _ in exchange.asked if path not in ("/token", EXCHANGE)]
    assert sent == [f"{ACTING}-1", f"{ACTING}-2", f"{ACTING}-2"]
    assert [path for path, _, _ in exchange.asked].count("/token") == 1, "one's own is good for an hour"


def test_who_may_not_act_as_it_is_told_what_to_grant_and_no_token(
    exchange: Exchange, acting: Callable[[], GcpClients], caplog: pytest.LogCaptureFixture
) -> None:
    exchange.refuses = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    with pytest.raises(AccessError, match="may not be acted as") as caught, explained("gcp/bills"):
        acting().bigquery().get_table(TABLE, retry=None)
    assert "iam.serviceAccounts.getAccessToken" in str(caught.value)
    with pytest.raises(AccessError, match="may not be acted as"):
        acting().signed_in()
    said = f"{caught.value!r}{caught.value.__dict__}{caplog.text}"
    assert not [one for one in (OWN_TOKEN, ACTING, "PRIVATE KEY") if one in said]


def test_where_the_service_that_gives_tokens_is_off_it_is_told_to_enable_it(
    exchange: Exchange, acting: Callable[[], GcpClients]
) -> None:
    exchange.refuses = "IAM Service Account Credentials API has not been used in project 42 before or it is disabled."
    with pytest.raises(AccessError, match="is not enabled") as caught:
        acting().signed_in()
    assert "gcloud services enable iamcredentials.googleapis.com" in str(caught.value)
    assert "Token Creator" not in str(caught.value)
