"""What the credential may read in a subscription, so that what is left out is not taken for nothing.

Azure's listings over a whole tenant leave out what may not be read, instead of refusing: without this an assignment
that was taken away would look like machines that were. Azure says itself which actions a credential has in a
subscription; roles that were given for some resource groups only do not count, since they are not all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from aispend.errors import AccessError, CollectError
from collectors.azure.base import ABSENT, FORBIDDEN, code_of, needed_for, status_of
from collectors.azure.clients import AzureClients

PERMISSIONS = "arm.ListPermissions"
GRANT = "Grant what 'aispend policy azure' prints, or go without."
_VERSION = "2022-04-01"
_UNUSED = frozenset({"MissingSubscriptionRegistration", "SubscriptionNotRegistered", "NoRegisteredProviderFound"})
"""Codes for a service that a subscription does not use."""


@dataclass(frozen=True)
class _Granted:
    actions: tuple[str, ...]
    except_for: tuple[str, ...]

    def has(self, action: str) -> bool:
        return _among(action, self.actions) and not _among(action, self.except_for)


@dataclass(frozen=True)
class Readable:
    """Subscriptions of which something may be read, those of which it may not, and remarks on these."""

    subscriptions: tuple[str, ...]
    lacking: tuple[str, ...]
    remarks: tuple[str, ...]


class Access:
    """The actions the credential has, asked once for each subscription."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients
        self._granted: dict[str, list[_Granted]] = {}

    def missing(self, subscription: str, actions: Iterable[str]) -> list[str]:
        """Those of ``actions`` that it does not have there."""
        if subscription not in self._granted:
            path = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions"
            self._granted[subscription] = [
                _Granted(tuple(one.get("actions") or ()), tuple(one.get("notActions") or ()))
                for one in self._clients.pages(path, api_version=_VERSION)
            ]
        return [one for one in actions if not any(granted.has(one) for granted in self._granted[subscription])]

    def readable(self, where: str, what: str, actions: Iterable[str]) -> Readable:
        """Of which subscriptions ``what`` may be read, which takes all of ``actions``.

        Raises ``AccessError`` where it may be read of none.
        """
        wanted = tuple(actions)
        missing = {one: self.missing(one.id, wanted) for one in self._clients.subscriptions}
        if missing and all(missing.values()):
            raise nothing_may_be_read(where, (name for names in missing.values() for name in names))
        return Readable(
            tuple(one.id for one, names in missing.items() if not names),
            tuple(one.id for one, names in missing.items() if names),
            tuple(denied(f"{what} in {one.name}", names) for one, names in missing.items() if names),
        )


def _among(action: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def left_out(error: Exception, what: str, operation: str) -> str:
    """The remark for a part that Azure denies or does not have; raises ``error`` where it is neither."""
    if status_of(error) == FORBIDDEN:
        return f"{what} is unknown: the permission {needed_for(operation)} is missing."
    if status_of(error) == ABSENT or code_of(error) in _UNUSED:
        return f"{what} is not there ({code_of(error) or status_of(error)})."
    raise error


def denied(what: str, missing: Iterable[str]) -> str:
    """The remark for what may not be read."""
    return f"{what} is unknown: the permission {' and '.join(missing)} is missing."


def limited(where: str) -> CollectError:
    """The error that ends a run's questions: to ask on, day by day, would only prolong the wait."""
    return CollectError(
        "Azure limits the rate of requests, also after waiting; none is asked any more now.",
        where=where,
        next_step="The next run goes on from here.",
    )


def nothing_may_be_read(where: str, missing: Iterable[str]) -> AccessError:
    """The error where no part of anything may be read."""
    return AccessError(
        "Azure denies everything.",
        where=f"{where}: {', '.join(sorted(set(missing)))}",
        next_step="Assign the role: 'aispend policy azure' prints it.",
    )
