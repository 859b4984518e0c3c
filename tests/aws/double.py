"""A server that speaks AWS's protocols: what moto lacks or gets wrong is answered by functions of the test.

Requests come from the real boto3 client. They are parsed, and answers written, by moto's protocol code from botocore's
own service models; both are validated against these models first, so that an invented field or type fails the test.
"""

from __future__ import annotations

import json
import re
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel
from botocore.validate import ParamValidator
from moto.core.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SERIALIZERS
from moto.core.utils import get_service_model

from sample.local_server import on_this_machine

Answer = Callable[[dict[str, Any]], Mapping[str, Any]]
_PROTOCOLS = ("ec2", "json", "query", "rest-json", "rest-xml")


class RefusalError(Exception):
    """What a handler raises to answer with an error; ``headers`` are sent with it."""

    def __init__(self, code: str, message: str = "", *, status: int = 400, headers: Mapping[str, str] | None = None):
        self.code, self.message, self.status = code, message, status
        self.headers = dict(headers or {})
        super().__init__(code)


class Aws:
    """Answers by ``service.Operation``, and the requests that came, in order.

    ``calls`` holds (operation, parameters, region, access key id). An operation without an answer is refused with
    501, which boto3 does not try again. ``defects`` are failures of the double itself, or of the answers given to it.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[tuple[str, dict[str, Any], str, str]] = []
        self.defects: list[str] = []
        self.url = ""
        self._lock = threading.Lock()

    def on(self, operation: str, answer: Answer | Mapping[str, Any] | list[Any]) -> None:
        """Answer ``service.Operation`` (boto3's service name) with a function, a reply, or replies in turn.

        In a list an exception is raised, and the last entry repeats.
        """
        if callable(answer):
            self.answers[operation] = answer
            return
        replies = list(answer) if isinstance(answer, list) else [answer]

        def in_turn(_parameters: dict[str, Any]) -> Mapping[str, Any]:
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            if isinstance(reply, Exception):
                raise reply
            return reply

        self.answers[operation] = in_turn

    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [call[0] for call in self.calls]

    def refusal(self, operation: str) -> RefusalError | None:
        """What an operation is refused with, whatever its answer is; None where it is not."""
        return None

    def respond(self, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """Status, headers and body of the answer to one request."""
        model = get_service_model(service)
        protocol = next(name for name in _PROTOCOLS if name in (model.metadata.get("protocols") or [model.protocol]))
        split = urllib.parse.urlsplit(path)
        query = urllib.parse.parse_qs(split.query, keep_blank_values=True)
        form = urllib.parse.parse_qs(body.decode(errors="replace")) if protocol in ("query", "ec2") else {}
        operation, uri = _operation(model, protocol, method, split.path, headers, form)
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": method,
                "headers": headers,
                "body": body,
                "url_path": split.path,
                "url_params": uri,
                "values": _Values(form if protocol in ("query", "ec2") else query),
            }
        )
        name = f"{service}.{operation.name}"
        scope = _scope(headers)
        with self._lock:
            self.calls.append((name, parsed, scope[2] if len(scope) > 2 else "", scope[0] if scope else ""))
        try:
            if (refusal := self.refusal(name)) is not None:
                raise refusal
            if name not in self.answers:
                raise RefusalError("NotImplemented", f"the test has no answer to {name}", status=501)
            reply = self.answers[name](parsed)
        except RefusalError as refusal:
            return _refused(model, protocol, refusal)
        if operation.output_shape is not None:
            report = ParamValidator().validate(dict(reply), operation.output_shape)
            if report.has_errors():
                raise AssertionError(f"the answer to {name} is not what AWS sends: {report.generate_report()}")
        written = SERIALIZERS[protocol](operation).serialize(dict(reply))
        return written["status_code"], dict(written["headers"]), written["body"]


class _Values(dict[str, Any]):
    """Query parameters as moto's parsers read them: the first of each, or all."""

    def __getitem__(self, key: str) -> Any:
        found = super().__getitem__(key)
        return found[0] if isinstance(found, list) else found

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if super().__contains__(key) else default

    def getlist(self, key: str) -> list[str]:
        found = super().get(key, [])
        return found if isinstance(found, list) else [found]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]


def _operation(
    model: ServiceModel, protocol: str, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, Any]
) -> tuple[OperationModel, dict[str, str]]:
    if protocol == "json":
        return model.operation_model(headers["X-Amz-Target"].split(".")[-1]), {}
    if protocol in ("query", "ec2"):
        return model.operation_model(form["Action"][0]), {}
    best: tuple[int, OperationModel, dict[str, str]] | None = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        found = _match(operation.http["requestUri"].split("?")[0], path)
        if operation.http["method"] == method and found is not None:
            fixed = sum("{" not in part for part in operation.http["requestUri"].split("/"))
            if best is None or fixed > best[0]:
                best = (fixed, operation, found)
    if best is None:
        raise AssertionError(f"no operation of {model.service_name} fits {method} {path}")
    return best[1], best[2]


def _match(pattern: str, path: str) -> dict[str, str] | None:
    """The variables of a path; ``{Key+}`` takes the rest."""
    parts = re.split(r"(\{[^}]+\})", pattern.rstrip("/"))
    names = [part.strip("{}+") for part in parts if part.startswith("{")]
    wanted = "".join(
        (r"(.+)" if part.endswith("+}") else r"([^/]+)") if part.startswith("{") else re.escape(part) for part in parts
    )
    found = re.fullmatch(wanted, path.rstrip("/"))
    return dict(zip(names, map(urllib.parse.unquote, found.groups()), strict=True)) if found else None


def _refused(model: ServiceModel, protocol: str, refusal: RefusalError) -> Any:
    if protocol in ("query", "ec2", "rest-xml"):
        inside = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
        kinds = {
            "ec2": f"<Response><Errors>{inside}</Errors><RequestID>1</RequestID></Response>",
            "query": f"<ErrorResponse>{inside}<RequestId>1</RequestId></ErrorResponse>",
            "rest-xml": inside,
        }
        return refusal.status, {"Content-Type": "text/xml", **refusal.headers}, kinds[protocol]
    body = json.dumps({"__type": refusal.code, "message": refusal.message})
    kind = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": refusal.code}
    return refusal.status, {**kind, **refusal.headers}, body


def _scope(headers: Mapping[str, str]) -> list[str]:
    """Access key id, day, region and signing name a request was signed with."""
    _, _, credential = headers.get("Authorization", "").partition("Credential=")
    return credential.split(",")[0].split("/")


def _service(headers: Mapping[str, str]) -> str:
    """The service by the name requests to it are signed with; for one name of several services by the target."""
    target = headers.get("X-Amz-Target", "")
    for prefix, service in _BY_TARGET.items():
        if target.startswith(prefix):
            return service
    scope = _scope(headers)
    return _BY_SIGNING.get(scope[3], scope[3]) if len(scope) > 3 else "s3"


_BY_SIGNING = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
_BY_TARGET = {"AWSInsightsIndexService": "ce", "AWSOrganizations": "organizations", "AWSPriceListService": "pricing"}


@contextmanager
def serving(aws: Aws) -> Iterator[str]:
    """Serve on loopback; gives the URL for ``endpoint_url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet: the client would wait for the second one

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            try:
                status, headers, content = aws.respond(
                    _service(self.headers), self.command, self.path, self.headers, body
                )
            except Exception:  # noqa: BLE001 - whatever went wrong here fails the test at its end
                aws.defects.append(traceback.format_exc())
                status, headers, content = 501, {"Content-Type": "text/plain"}, aws.defects[-1]
            data = content if isinstance(content, bytes) else content.encode()
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, str(value))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 - names the base class looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with on_this_machine(Handler) as url:
        aws.url = url
        yield url
