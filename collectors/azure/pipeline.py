"""How requests to Azure are sent: counted, limited and tried again the same way, whichever SDK client makes them.

*Nothing is changed by accident.* Of azure-core's policies those are left out that would do something else than asked:
the one that registers resource providers, and the one that follows redirects, which could carry a token elsewhere.
*Credentials* go to the endpoint they are for and nowhere else, whatever an answer names as its next page.
*Trying again.* Every request here reads, a POST too, so each may be sent again. Cost Management says how long to wait
in headers of its own; the longest wait that is named counts. One that is longer than ``PATIENCE`` is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import policies
from azure.core.pipeline.transport import RequestsTransport

from aispend.errors import CollectError
from collectors.azure.operations import operation_of

ATTEMPTS = 6
PATIENCE = 120.0
"""Seconds; Azure lets most callers in again within a minute."""

_CONNECT_SECONDS, _READ_SECONDS = 10, 120
_BUSY = frozenset({429, 503})
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 60.0
_READING = frozenset({"GET", "HEAD", "POST"})
_CLIENT = "aispend"

Count = Callable[[str], None]
"""Told the name of a request just before it leaves; raises where it may not."""


class Transport(RequestsTransport):  # type: ignore[misc]
    """The SDK's own transport, each attempt counted, each wait by the function given."""

    def __init__(self, service: str, count: Count, sleep: Callable[[float], None]) -> None:
        super().__init__(connection_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
        self._service, self._count, self._sleep = service, count, sleep

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request, once."""
        self._count(operation_of(self._service, request.method, request.url))
        return super().send(request, **options)

    def sleep(self, duration: float) -> None:
        """Wait between two attempts."""
        self._sleep(duration)


class Retries(policies.RetryPolicy):  # type: ignore[misc]
    """The SDK's own policy, for requests that only read, with the waits Azure names."""

    def __init__(self) -> None:
        super().__init__(retry_total=ATTEMPTS - 1, retry_status=ATTEMPTS - 1)

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """See the SDK."""
        return {**super().configure_retries(options), "methods": _READING}

    def get_retry_after(self, response: Any) -> float | None:
        """The wait that an answer asks for."""
        return asked_wait(response.http_response.headers)

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        """Whether it is tried again: not where Azure asks for more patience than there is."""
        answer = response.http_response
        if answer.status_code not in self._retry_on_status_codes:
            return False
        return (asked_wait(answer.headers) or 0.0) <= PATIENCE and bool(settings["total"])

    def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:
        """Wait as long as is asked for; where a limit names no wait, longer each time."""
        transport.sleep(self.wait(settings, response))

    def wait(self, settings: dict[str, Any], response: Any) -> float:
        """Seconds to wait before the next attempt."""
        asked = self.get_retry_after(response) if response is not None else None
        if asked is None and response is not None and response.http_response.status_code in _BUSY:
            asked = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (len(settings["history"]) - 1))
        return asked if asked is not None else float(self.get_backoff_time(settings))


class BlobRetries(Retries):
    """The same for Blob storage, whose SDK's own policy gives up where a rate is limited (429), and does not look at
    the wait that an answer asks for.

    It waits by the function given: clients of blobs hide the transport, and its wait, behind one of the SDK's.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__()
        self._sleep = sleep

    def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:
        """See the base."""
        self._sleep(self.wait(settings, response))

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """See the SDK; a second host, which storage's clients may name to their own policy, is not asked."""
        self._mode = options.pop("location_mode", "primary")
        for name in ("hosts", "retry_hook", "retry_to_secondary"):
            options.pop(name, None)
        return super().configure_retries(options)

    def send(self, request: Any) -> Any:
        """Send until it is answered; storage's clients read from the answer which host gave it."""
        answer = super().send(request)
        answer.http_response.location_mode = self._mode
        return answer


class OnlyTo(policies.SansIOHTTPPolicy):  # type: ignore[misc]
    """Refuses to send a request elsewhere than to one endpoint."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._place = _origin(endpoint)

    def on_request(self, request: Any) -> None:
        """Called before the credential is added."""
        if _origin(request.http_request.url) != self._place:
            raise CollectError(
                "An answer of Azure leads to another server; nothing was sent there.",
                where="://".join(_origin(request.http_request.url)),
                next_step="Check endpoint_url and the network's proxy: no service of Azure does this.",
            )


def arm_policies(endpoint: str, authentication: Any | None) -> list[Any]:
    """The policies of every client of the management plane, in order."""
    return [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy({"ClientType": _CLIENT, "Accept": "application/json"}),
        policies.UserAgentPolicy(_CLIENT),
        policies.ContentDecodePolicy(),
        Retries(),
        OnlyTo(endpoint),
        *([authentication] if authentication is not None else []),
    ]


def asked_wait(headers: Any) -> float | None:
    """Seconds an answer asks to wait: the longest of ``Retry-After`` and Azure's own headers; None where it does not.

    >>> asked_wait({"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "7", "Retry-After": "2"})
    7.0
    """
    waits = []
    for name, value in headers.items():
        said = name.lower()
        try:
            if said in ("retry-after-ms", "x-ms-retry-after-ms"):
                waits.append(float(value) / 1000)
            elif said == "retry-after" or said.endswith("-retry-after"):
                waits.append(_seconds(value))
        except (TypeError, ValueError):
            continue  # a wait that says nothing
    return max(0.0, *waits) if waits else None


def _seconds(said: str) -> float:
    """Seconds, or the time of an HTTP date from now on."""
    try:
        return float(said)
    except ValueError:
        return (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
