"""What sends a request to Google: each attempt is counted under its operation, and what passes by itself is waited out.

BigQuery, Compute Engine and the plain REST of other services go through a ``requests`` adapter, gRPC services through
an interceptor. Both try again what Google says is temporary (429, 5xx, a rate limit told as 403, a connection that
breaks), after the time the answer names (``Retry-After``), else after one that doubles. What still fails then becomes
an error of aispend, which the SDK's own retries, made for programs that may wait for minutes, let pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import grpc
import requests
from requests.adapters import HTTPAdapter

from collectors.answers import unreadable
from collectors.gcp.errors import broken, exhausted

ATTEMPTS = 6
LONGEST_WAIT = 60.0
"""Seconds; who asks for more is left to the next run."""

TIMEOUT = (10.0, 120.0)
"""Seconds to connect, and between two bytes: BigQuery holds a request for results while its query runs."""

_TEMPORARY = {408, 429, 500, 502, 503, 504}
_RATE = {"rateLimitExceeded", "userRateLimitExceeded"}
_TEMPORARY_CODES = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
}
_BROKEN = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
Count = Callable[[str], None]


class PatientAdapter(HTTPAdapter):
    """Sends requests of one session. ``named`` tells the operation of a method and URL, ``count`` is told each one."""

    def __init__(self, named: Callable[[str, str], str], count: Count, sleep: Callable[[float], None]) -> None:
        super().__init__()
        self._named, self._count, self._sleep = named, count, sleep

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """See the module's text."""
        operation = self._named(request.method or "", request.url or "")
        options["timeout"] = options.get("timeout") or TIMEOUT
        for attempt in range(1, ATTEMPTS + 1):
            self._count(operation)
            try:
                answer = super().send(
                    request, **options | {"stream": False}
                )  # whole here, so that a break is seen here
            except _BROKEN as error:
                if attempt == ATTEMPTS:
                    raise broken(operation, type(error).__name__) from None
                self._sleep(2.0 ** (attempt - 1))
                continue
            reason = _reason(answer)
            if answer.status_code not in _TEMPORARY and reason not in _RATE:
                _look_at(answer, operation)
                return answer
            wait = said_wait(answer.headers, 2.0 ** (attempt - 1))
            if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                limited = answer.status_code == requests.codes.too_many_requests or reason in _RATE
                raise exhausted(operation, f"{answer.status_code} {reason}".strip(), limited=limited)
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")


class PatientCalls(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Sends the calls of one channel, whose operations are called ``service.Method``."""

    def __init__(self, service: str, count: Count, sleep: Callable[[float], None]) -> None:
        self._service, self._count, self._sleep = service, count, sleep

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """See the module's text."""
        operation = f"{self._service}.{str(details.method).rsplit('/', 1)[-1]}"
        for attempt in range(1, ATTEMPTS + 1):
            self._count(operation)
            call = continuation(details, request)
            code = call.code()
            if code not in _TEMPORARY_CODES:
                return call
            wait = said_wait(dict(call.trailing_metadata() or ()), 2.0 ** (attempt - 1))
            if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                limited = code is grpc.StatusCode.RESOURCE_EXHAUSTED
                raise exhausted(operation, code.name, limited=limited)
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def said_wait(headers: Mapping[str, Any], otherwise: float) -> float:
    """Seconds an answer asks to wait: ``Retry-After`` as a number or a date; ``otherwise`` where it says nothing.

    >>> said_wait({"Retry-After": "7"}, 1.0), said_wait({}, 2.0), said_wait({"retry-after": "soon"}, 4.0)
    (7.0, 2.0, 4.0)
    """
    said = str(headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if said.isdigit():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return otherwise


def _look_at(answer: requests.Response, operation: str) -> None:
    """Raise ``CollectError`` for a success without a JSON object, which every answer of these services is."""
    if answer.ok and not answer.content.lstrip().startswith(b"{"):
        kind = str(answer.headers.get("Content-Type") or "nothing said of its kind").partition(";")[0]
        raise unreadable("Google Cloud", f"{operation}: no JSON object ({kind})")


def _reason(answer: requests.Response) -> str:
    """The reason of an error as Google's REST gives it; nothing for what is none."""
    if answer.ok:
        return ""
    try:
        error = json.loads(answer.content)["error"]
        listed = error.get("errors") or [{}]
        return str(listed[0].get("reason") or error.get("status") or "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""
