"""What all collectors of Azure share: errors in words of what to do, and proof of the permissions they declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

from aispend.errors import AccessError, AispendError, CollectError, NotReadyError
from collectors.answers import readable, unreadable
from collectors.azure.clients import AzureClients
from collectors.azure.operations import OPERATIONS
from collectors.base import MOST_EXAMINED, CloudCollector, finding_of
from collectors.contract import Finding, Slice, Window

FORBIDDEN, UNKNOWN, ABSENT, THROTTLED = 403, 401, 404, 429
_NETWORK = "AuthorizationFailure"
"""How Blob storage refuses whoever its account's network rules keep out, with the status of a denial, too."""

_CREDENTIALS = {"AuthenticationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken"}
"""What is wrong is who asks or when, not what may be asked: Blob storage says the first with the status of a denial."""


class AzureCollector(CloudCollector):
    """One kind of fact from one connection; see ``collectors.contract.Collector``."""

    clients: AzureClients

    def explained(self, where: str) -> AbstractContextManager[None]:
        """See :func:`explained`."""
        return explained(where, lambda: self.clients.latest)

    def examine(self) -> Iterator[Finding]:
        """See the contract. Here: what :meth:`find` and :meth:`prove` ask is asked once.

        A collector adds what it alone knows.
        """
        from azure.core.exceptions import HttpResponseError

        today = self.clock().date()
        try:
            with self.explained(self.name):
                try:
                    found = list(islice(self.find(Window(today - timedelta(days=2), today), {}), MOST_EXAMINED))
                    self.prove(found)
                except HttpResponseError as error:
                    yield self.denied(error)
                    return
        except AispendError as error:
            yield finding_of(error, self.name)
            return
        yield Finding("good", f"can be read; {len(found)} to collect of the last days" if found else "can be read")

    def prove(self, found: Sequence[Slice]) -> None:
        """Ask one small question for what was found without asking; raises what the SDK raises."""

    def denied(self, error: Exception) -> Finding:
        """An error of the SDK as a finding; a missing permission by its name."""
        return finding_of(http_error(error, self.name, self.clients.latest), self.name)


@contextmanager
def explained(where: str, asked: Callable[[], str] = str) -> Iterator[None]:
    """Errors of the SDK and the network as errors of aispend: what, where, what to do. No secret is in them.

    What the network says is left out: it may hold an address with a key in it.
    """
    from azure.core import exceptions

    with readable("Azure", where, asked):
        try:
            yield
        except exceptions.ClientAuthenticationError as error:
            if error.response is not None:
                raise http_error(error, where, asked()) from None
            raise AccessError(
                "There are no Azure credentials.",
                where=where,
                next_step="Sign in (az login), set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, "
                "or give the machine an identity. See docs/connect-azure.md.",
            ) from None
        except exceptions.DecodeError as error:
            raise unreadable("Azure", f"{where}: {asked()}, {type(error).__name__}") from None
        except exceptions.HttpResponseError as error:
            raise http_error(error, where, asked()) from None
        except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
            raise CollectError(
                "The connection to Azure failed, also when it was tried again.",
                where=f"{where}: {type(error).__name__}",
                next_step="Check the network and proxy; the next run goes on from here.",
            ) from None
        except exceptions.AzureError as error:
            raise CollectError(
                "Azure cannot be asked like this.",
                where=f"{where}: {type(error).__name__}",
                next_step="Check [[azure]] in aispend.toml; if it stays so, report it with these words.",
            ) from None


def status_of(error: Exception) -> int | None:
    """The HTTP status of an ``HttpResponseError``; None where there was no answer."""
    status = getattr(error, "status_code", None)
    return int(status) if status is not None else None


def code_of(error: Exception) -> str:
    """Azure's own code of an error, as in ``AuthorizationFailed`` or ``BlobNotFound``."""
    said: Any = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    return str(getattr(said, "value", said) or "")


def needed_for(operation: str) -> str:
    """What must be granted for a request, in words for a person."""
    known = OPERATIONS[operation]
    return " and ".join((*known.actions, *known.data_actions)) or operation


def http_error(error: Exception, where: str, operation: str) -> CollectError:
    """An ``HttpResponseError`` as what a person can act on; ``operation`` is what was asked, by its name.

    Of what Azure says only its code is told: its text may repeat an address that holds a key.
    """
    status, code = status_of(error), code_of(error)
    place = f"{where}: {status or ''} {code}".rstrip()
    if status == FORBIDDEN and code not in _CREDENTIALS:
        return _refused(place, code, operation)
    if status == UNKNOWN or code in _CREDENTIALS:
        return AccessError(
            "Azure does not accept the credentials.",
            where=place,
            next_step="Sign in again (az login), or use an identity that renews itself; the next run goes on here. "
            "If they are new, check the tenant and this machine's clock.",
        )
    if status == THROTTLED:
        return NotReadyError(
            "Azure limits the rate of requests, also after waiting.",
            where=place,
            next_step="The next run goes on from here.",
        )
    if status is not None and status >= 500:
        return CollectError(
            "Azure could not answer, also when it was asked again.", where=place, next_step="The next run asks again."
        )
    return CollectError(
        "Azure could not answer.", where=place, next_step="The next run asks again; what was collected before stays."
    )


def _refused(place: str, code: str, operation: str) -> AccessError:
    known = OPERATIONS.get(operation)
    if code == _NETWORK:
        return AccessError(
            "The storage account lets nobody in from here.",
            where=place,
            next_step="Allow this machine's network under Networking of the storage account; no role grants that.",
        )
    if known is None or not (known.actions or known.data_actions):
        return AccessError(
            "Azure denies it.", where=place, next_step="Give the identity the role that docs/connect-azure.md names."
        )
    return AccessError(
        f"Azure denies it: the permission {needed_for(operation)} is missing.",
        where=place,
        next_step="Grant it: 'aispend policy azure' prints the role.",
    )
