"""The sample company's Google (``sample.google_cloud``) with faults, and all that was asked of it.

Requests come from the real SDKs. A fault is a refusal given to an operation, in turn; every request is kept.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sample.bigquery import RefusedError, Table, serving
from sample.google_cloud import GoogleCloud, operation_of, serving_grpc


class Google(GoogleCloud):
    """What a test does not say is there is not there: listings are empty, series and prices are none.

    ``turns`` are refusals of an operation, one for each request; ``faults`` refuse it always, ``everything`` whatever
    is asked but for what is ``exempt``. ``calls`` holds (operation, what was asked).
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, RefusedError] = {}
        self.turns: dict[str, list[RefusedError]] = {}
        self.everything: RefusedError | Callable[[str], RefusedError] | None = None
        self.garbling: Callable[[Any], str] | None = None
        self.exempt: set[str] = set()
        self.before: dict[str, Callable[[], None]] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.accounts = {"012345-567890-ABCDEF": ["ml-dev", "ml-prod"]}
        self._lock = threading.Lock()

    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [name for name, _ in self.calls]

    def queries(self) -> list[str]:
        """The texts of the queries that were run, dry runs left out."""
        jobs = [asked["configuration"] for name, asked in self.calls if name == "bigquery.jobs.insert"]
        return [job["query"]["query"] for job in jobs if not job.get("dryRun")]

    def add(
        self, name: str, schema: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], **more: Any
    ) -> Table:
        """A table of rows."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.json"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            return self.bigquery.add(name, schema, [path], **more)

    def called(self, operation: str, asked: Mapping[str, Any]) -> None:
        """See the base."""
        with self._lock:
            self.calls.append((operation, asked))
            waiting = self.turns.get(operation)
            always = None if operation in self.exempt else self.everything
            fault = waiting.pop(0) if waiting else self.faults.get(operation, always)
        fault = fault(operation) if callable(fault) else fault
        if operation in self.before:
            self.before[operation]()
        if fault is not None:
            raise fault

    def answer(self, method: str, target: str, body: bytes) -> Mapping[str, Any] | str:
        """What is sent for :meth:`respond`'s answer: this, or it garbled."""
        honest = self.respond(method, target, body)
        known = operation_of(method, unquote(urlsplit(target).path)) in self.exempt
        return honest if self.garbling is None or known else self.garbling(honest)

    def _method(self, operation: str, answers: str, request: Any) -> Any:
        """See the base; garbled, a message is bytes that are none."""
        whole = super()._method(operation, answers, request)

        def written(made: Any) -> bytes:
            honest: bytes = whole.response_serializer(made)
            return honest if self.garbling is None or operation in self.exempt else self.garbling([]).encode()

        return whole._replace(response_serializer=written)


@contextmanager
def served() -> Iterator[Google]:
    """The double, serving."""
    double = Google()
    with serving(double.answer) as url, serving_grpc(double) as place:
        double.url, double.grpc = url, place
        yield double
    double.bigquery.close()
