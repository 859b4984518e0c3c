"""A month's cost details as a report made on request: the bill of those who have no export yet, when a person asks.

*Method.* For each place (a subscription, a billing account or profile) and each of actual and amortised cost Azure is
asked to write a report, which takes minutes; its answer says where to look and how long to wait. The files are fetched
by links that carry their own key, without any other credential, and are as an export's: those of one kind are one bill,
the two kinds the halves of it. Azure makes them for Enterprise and Customer Agreements, 13 months back, a month at a
time. Of a subscription with another agreement it makes none and says so: then Cost Management is asked, which knows
less of each line (``collectors.azure.query_lines``). A place without any cost adds nothing.

*Secrets.* A link is a key: it is in no message, no file and no log, the network library's own included.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import next_month
from aispend.errors import CollectError, InputError, NotReadyError
from collectors.answers import ASKS_AGAIN
from collectors.azure.base import status_of
from collectors.azure.clients import AzureClients, parsed
from collectors.azure.query_lines import write_lines
from collectors.azure.questions import Questions
from collectors.azure.scopes import apart
from collectors.contract import Progress

METRICS = ("ActualCost", "AmortizedCost")
REPORTS_VERSION = "2025-03-01"
_NO_REPORTS = frozenset({400, 404, 405, 409, 422})
"""How Azure refuses a report of a subscription whose agreement has none."""

_COARSE = (
    "Azure writes no report of it; its lines are those of Cost Management's query, by day, resource and meter, "
    "without tags, list prices and commitments. An export knows them."
)
_FIRST_WAIT = 15.0
_LONGEST = 1800.0
"""Seconds until a report that is not there is given up."""
_NETWORK_LOGS = ("urllib3.connectionpool", "azure.core.pipeline.policies.http_logging_policy")


def write_reports(
    clients: AzureClients, month: date, last: date, root: Path, *, progress: Progress | None
) -> tuple[int, list[str]]:
    """Have the reports of a month made and write them to ``root``, with a manifest for each kind.

    Gives the number of files, and a remark on each place without cost. Raises what Azure's refusal is, and
    ``NotReadyError`` where a report takes too long.
    """
    from azure.core.exceptions import HttpResponseError

    questions = Questions(clients)
    notes: list[str] = []
    number = 0
    for metric in METRICS:
        blobs: list[dict[str, Any]] = []
        for scope in apart(clients.scopes)[0]:
            if progress:
                progress(f"{metric} of {scope}, {month:%Y-%m}: Azure writes it", number, None)
            first = root / metric / f"part_{number}.csv"
            first.parent.mkdir(parents=True, exist_ok=True)
            try:
                said = _made(clients, scope, metric, month, last)
            except HttpResponseError as error:
                if status_of(error) not in _NO_REPORTS or not scope.startswith("subscriptions/"):
                    raise
                found = [first] if write_lines(questions, scope, metric, month, last, path=first) else []
                notes.append(f"{metric} of {scope}: {_COARSE}")
            else:
                found = _fetched(clients, said, scope, first.parent, number)
            if not found:
                first.unlink(missing_ok=True)
                notes.append(f"{metric} of {scope}: Azure has no cost in {month:%Y-%m}.")
            blobs += [{"blobName": path.name, "byteCount": path.stat().st_size} for path in found]
            number += len(found)
        if blobs:
            manifest = root / metric / "manifest.json"
            manifest.write_text(json.dumps(_manifest(metric, month, last, blobs)), encoding="utf-8")
    return number, notes


def _fetched(
    clients: AzureClients, said: Mapping[str, Any] | None, scope: str, folder: Path, number: int
) -> list[Path]:
    """The files of a report on disk, numbered from ``number`` on."""
    paths = []
    for place, (link, size) in enumerate(_links(said, scope)):
        path = folder / f"part_{number + place}.csv"
        _fetch(clients, link, size, path, scope)
        paths.append(path)
    return paths


def _made(clients: AzureClients, scope: str, metric: str, month: date, last: date) -> Mapping[str, Any] | None:
    """The report's description, as soon as Azure has written it; None where there is nothing to report."""
    path = f"/{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport"
    body = {"metric": metric, "timePeriod": {"start": f"{month}", "end": f"{last}"}}
    status, headers, text = clients.send("POST", path, body, api_version=REPORTS_VERSION)
    waited, where = 0.0, str(headers.get("Location") or "")
    while status == 202:
        if waited >= _LONGEST or not where:
            raise NotReadyError(
                "Azure has not written the report yet.",
                where=f"{scope}, {metric}, {month:%Y-%m}",
                next_step="Ask again later, with the same command: Azure takes longer for large months.",
            )
        wait = _asked(headers)
        clients.wait(wait)
        waited += wait
        status, headers, text = clients.send("GET", where)
        where = str(headers.get("Location") or where)
    if status == 204 or not text.strip():
        return None
    said: Mapping[str, Any] = parsed(text, f"{clients.latest}, {path}")
    state = str(said.get("status"))
    if state == "NoDataFound":
        return None
    if state != "Completed":
        code = (said.get("error") or {}).get("code")
        raise CollectError(
            "Azure could not write the report.",
            where=f"{scope}, {metric}, {month:%Y-%m}: {code}",
            next_step="Ask again later, with the same command; or make an export (docs/connect-azure.md).",
        )
    return said


def _asked(headers: Mapping[str, str]) -> float:
    from collectors.azure.pipeline import PATIENCE, asked_wait

    asked = asked_wait(headers)
    return _FIRST_WAIT if not asked else min(asked, PATIENCE)


def _links(said: Mapping[str, Any] | None, scope: str) -> Iterator[tuple[str, int | None]]:
    """The files of a report: where each is, and how long."""
    for one in ((said or {}).get("manifest") or {}).get("blobs") or []:
        if not isinstance(one, dict) or not one.get("blobLink"):
            raise InputError(
                "Azure's report names a file without saying where it is.", where=scope, next_step=ASKS_AGAIN
            )
        size = one.get("byteCount")
        yield str(one["blobLink"]), size if isinstance(size, int) and size > 0 else None


def _fetch(clients: AzureClients, link: str, size: int | None, path: Path, scope: str) -> None:
    with _quiet(), path.open("wb") as file:
        try:
            blob = clients.linked(link)
        except ValueError:  # which repeats the link, and with it its key
            raise InputError(
                "Azure's report names a file by a link that is none.", where=scope, next_step=ASKS_AGAIN
            ) from None
        blob.download_blob().readinto(file)
    found = path.stat().st_size
    if size is not None and found != size:
        raise InputError(
            f"A file of the report has {found:,} bytes, Azure says {size:,}.", where=scope, next_step=ASKS_AGAIN
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """While links are used, what would write addresses into a log does not."""
    loggers = [logging.getLogger(name) for name in _NETWORK_LOGS]

    def silent(_record: logging.LogRecord) -> bool:
        return False

    for one in loggers:
        one.addFilter(silent)
    try:
        yield
    finally:
        for one in loggers:
            one.removeFilter(silent)


def _manifest(metric: str, month: date, last: date, blobs: list[dict[str, Any]]) -> dict[str, Any]:
    """As an export's, so that what was reported is read like what was exported."""
    end = max(last, next_month(month) - timedelta(days=1))
    return {
        "manifestVersion": REPORTS_VERSION,
        "blobCount": len(blobs),
        "exportConfig": {"exportName": f"report of {metric}", "resourceId": f"report of {metric}", "type": metric},
        "runInfo": {"runId": "", "startDate": f"{month}T00:00:00", "endDate": f"{end}T00:00:00"},
        "blobs": blobs,
    }
