"""A server that speaks as Azure's management endpoint does: what it is told is what it answers.

Requests come from the real clients. Addresses are told by method and path, with ``*`` for any part, in any case of
letters; the version of the API must be given, as Azure demands it. Nobody is asked who they are: it listens on this
machine alone. Tests tell it what a case needs, ``sample.azure_cloud`` what the sample company has.
"""

from __future__ import annotations

import json
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler
from typing import Any

from sample.local_server import on_this_machine


class RefusalError(Exception):
    """What refuses a request, where it is the answer; ``headers`` are sent with it."""

    def __init__(self, status: int, code: str = "", message: str = "no", headers: Mapping[str, str] | None = None):
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        super().__init__(code)


@dataclass(frozen=True)
class Call:
    """One request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """An answer with a status and headers of its own; ``content`` as text is sent as it is."""

    content: Any = ""
    status: int = 200
    headers: Mapping[str, str] | None = None


Answer = Callable[[Call], Any]


class Azure:
    """Answers by ``METHOD /path``, and the requests that came, in order. ``defects`` are failures of the double."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self.refused: RefusalError | None = None
        self.calls: list[Call] = []
        self.defects: list[str] = []
        self.url = ""

    def on(self, address: str, answer: Answer | Mapping[str, Any] | list[Any] | Reply | Exception) -> None:
        """Answer ``GET /path`` with a function, a reply, or replies in turn, of which the last repeats."""
        if callable(answer):
            self._answers[address.lower()] = answer
            return
        replies = list(answer) if isinstance(answer, list) else [answer]
        self._answers[address.lower()] = lambda _call: replies.pop(0) if len(replies) > 1 else replies[0]

    def asked(self, ending: str) -> list[Call]:
        """The requests whose path ends so."""
        return [call for call in self.calls if call.path.lower().endswith(ending.lower())]

    def respond(self, call: Call) -> Reply:
        """The answer to one request."""
        self.calls.append(call)
        if self.refused is not None:
            return _refusal(self.refused)
        address = f"{call.method} {call.path}".lower()
        fitting = [one for one in self._answers if fnmatch(address, one)]
        if not fitting:
            return _refusal(RefusalError(404, "NotFound", f"there is no answer to {address}"))
        if "api-version" not in call.query:
            return _refusal(RefusalError(400, "MissingApiVersionParameter"))
        answer = self._answers[max(fitting, key=len)](call)
        if isinstance(answer, RefusalError):
            return _refusal(answer)
        return answer if isinstance(answer, Reply) else Reply(answer)


def subscription(number: str, tenant: str, name: str, *, state: str = "Enabled") -> dict[str, Any]:
    """A subscription as it is listed."""
    return {
        "id": f"/subscriptions/{number}",
        "subscriptionId": number,
        "tenantId": tenant,
        "displayName": name,
        "state": state,
    }


def _refusal(error: RefusalError) -> Reply:
    return Reply({"error": {"code": error.code, "message": error.message}}, error.status, error.headers)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, default=_number)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


@contextmanager
def serving(azure: Azure) -> Iterator[str]:
    """Serve on a free port of this machine; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet: the client would wait for the second one

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            split = urllib.parse.urlsplit(self.path)
            query = {name: values[0] for name, values in urllib.parse.parse_qs(split.query).items()}
            try:
                said = json.loads(body) if body else None
                path = urllib.parse.unquote(split.path)
                reply = azure.respond(Call(self.command, path, query, dict(self.headers), said))
            except Exception:  # noqa: BLE001 - whatever went wrong is told to who collects, and kept
                azure.defects.append(traceback.format_exc())
                reply = Reply(azure.defects[-1], 501)
            data = _text(reply.content).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **(reply.headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 - names the base class looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with on_this_machine(Handler) as url:
        azure.url = url
        yield url
