"""Listings of Google's services: parts that a project goes without, and places that did not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from collectors.answers import unreadable
from collectors.gcp.clients import GcpClients
from collectors.gcp.errors import permission_of, reason_of

_OFF = {"SERVICE_DISABLED", "accessNotConfigured"}
_QUOTAS = {"quotaExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"}
AT_ONCE = 500
"""Compute Engine's largest page."""


class UnreachableError(Exception):
    """Places of a listing did not answer, so that what it does not name need not be gone."""


def is_off(error: Exception) -> bool:
    """Whether a service is not enabled in the project: then there is nothing of it."""
    return reason_of(error) in _OFF or "it is disabled" in str(error)


def left_out(error: Exception, what: str) -> str:
    """The remark for a part that Google refuses (no permission, not enabled, a place down); else raises ``error``."""
    from google.api_core.exceptions import Forbidden, NotFound

    if isinstance(error, UnreachableError):
        return f"{what}: unknown just now, {error} did not answer."
    if not isinstance(error, Forbidden | NotFound) or reason_of(error) in _QUOTAS:
        raise error
    if is_off(error):
        return f"{what}: the service is not enabled."
    if isinstance(error, NotFound):
        return f"{what}: unknown, Google finds no such thing."
    return f"{what}: unknown, the permission {permission_of(error) or 'to list them'} is missing."


def of_compute(clients: GcpClients, service: str, project: str, field: str) -> Iterator[Any]:
    """Everything of a kind in all zones and regions of a project: ``of_compute(…, "disks", "ml", "disks")``.

    Raises ``UnreachableError`` where a zone did not answer.
    """
    pager = clients.compute(service).aggregated_list(request={"project": project, "max_results": AT_ONCE})
    for scope, found in pager:
        if found.warning.code == "UNREACHABLE":
            raise UnreachableError(scope.rpartition("/")[2])
        yield from named(getattr(found, field), f"{clients.latest} of {project}")


def named(found: Iterable[Any], asked: str) -> Iterator[Any]:
    """Entries of a listing; raises ``CollectError`` for one without a name: by that things are told from each other."""
    for one in found:
        if not one.name:
            raise unreadable("Google Cloud", f"{asked}: an entry has no name")
        yield one


def of_rest(pages: Iterable[Mapping[str, Any]], field: str) -> Iterator[Mapping[str, Any]]:
    """Everything of a listing in JSON. Raises ``UnreachableError`` where a location did not answer."""
    for page in pages:
        if unreachable := page.get("unreachable"):
            raise UnreachableError(", ".join(str(one).rpartition("/")[2] for one in unreachable))
        found = page.get(field, [])
        if not isinstance(found, list):
            raise unreadable("Google Cloud", f"a listing of {field} is {type(found).__name__}")
        yield from found


def unless_refused(read: Callable[[], list[Any]], what: str, notes: list[str]) -> list[Any] | None:
    """What ``read`` reads; None, and a remark among ``notes``, where it is refused."""
    from google.api_core.exceptions import GoogleAPICallError

    try:
        return read()
    except (GoogleAPICallError, UnreachableError) as error:
        notes.append(left_out(error, what))
        return None


def instant(text: str | None) -> datetime | None:
    """A time as Google writes it, in UTC.

    >>> instant("2026-11-01T03:00:00.500-07:00").isoformat(), instant("")
    ('2026-11-01T10:00:00.500000+00:00', None)
    """
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def last_of(url: str | None) -> str | None:
    """What a link or name ends with; None where there is none.

    >>> last_of("https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a"), last_of("")
    ('us-central1-a', None)
    """
    return url.rstrip("/").rpartition("/")[2] if url else None


def region_of(zone: str | None) -> str | None:
    """The region of a zone.

    >>> region_of("us-central1-a"), region_of(None)
    ('us-central1', None)
    """
    return zone.rpartition("-")[0] if zone else None
