"""What a cloud gives to the contract of all collectors: its servers, and how they refuse, fail and change.

A cloud's own are the class ``Servers`` of ``tests/<cloud>/servers.py``; a new cloud needs nothing else to be held to
everything in this folder, and a new collector of a cloud only what it reads in the cloud's small company.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Fault = Literal["denied", "expired", "broken", "limited", "limited with a wait"]
FAULTS: tuple[Fault, ...] = ("denied", "expired", "broken", "limited", "limited with a wait")
WAIT = 3
"""Seconds that ``limited with a wait`` asks for."""

Garble = Literal["a proxy's page", "cut off", "of another shape", "entries without fields"]
GARBLED: tuple[Garble, ...] = ("a proxy's page", "cut off", "of another shape", "entries without fields")
"""What may come, with the status of success, where an answer is expected."""


@dataclass(frozen=True)
class Secrets:
    """What must not be told: ``given`` to the clients as their credential, or ``said`` by the cloud in a refusal."""

    given: str = "planted-credential-7f3a"
    said: str = "planted-signature-91bc"

    def of(self, text: str) -> list[str]:
        """Those that stand in a text."""
        return [one for one in (self.given, self.said) if one in text]


SECRETS = Secrets()
SAID = (
    f"see https://acme.example/bills/part.csv?v=2&X-Amz-Signature={SECRETS.said}&X-Goog-Signature={SECRETS.said} or "
    f"https://acme.blob.core.windows.net/bills?sv=2024&sig={SECRETS.said}, signed with AccountKey={SECRETS.said}; "
    f"Authorization: Bearer {SECRETS.said}"
)
"""What a cloud may say of a request that it refuses, with secrets in it."""

TELLING = {"X-Amz-Security-Token": SECRETS.said, "Set-Cookie": f"session={SECRETS.said}"}
"""Headers an answer may have, with secrets in them."""


def garbled(how: Garble, honest: Any) -> str:
    """What comes in an answer's place, which is JSON."""
    written = json.dumps(emptied(honest) if how == "entries without fields" else honest, default=str)
    return {
        "a proxy's page": page(),
        "cut off": written[: max(1, len(written) // 2)],
        "of another shape": json.dumps(["of", "another", {"shape": SAID}]),
        "entries without fields": written,
    }[how]


def page() -> str:
    """What a proxy shows to whom it does not know; well-formed, as XML too."""
    return f"<html><head><title>Sign in</title></head><body><p>{SAID.replace('&', '&amp;')}</p></body></html>"


def emptied(said: Any) -> Any:
    """An answer whose lists are as long as they were, with nothing in their entries."""
    if isinstance(said, Mapping):
        return {name: emptied(value) for name, value in said.items()}
    if isinstance(said, list):
        return [{} if isinstance(one, Mapping) else "{}" if _is_json(one) else one for one in said]
    return said


def _is_json(one: Any) -> bool:
    return isinstance(one, str) and one.startswith("{")


class CloudServers(ABC):
    """One cloud, served on this machine for the contract."""

    always: ClassVar[frozenset[str]]
    """Operations the clients ask for every collector: who is signed in, and which places there are."""

    elsewhere: ClassVar[Mapping[str, frozenset[str]]]
    """By kind the operations the small company gives no reason to ask; a collector's own tests do."""

    @classmethod
    @abstractmethod
    def serving(cls) -> AbstractContextManager[CloudServers]:
        """Its servers, running."""

    @abstractmethod
    def connect(self, kind: str, *, settled: bool = True) -> Any:
        """New clients for a kind of collector; ``settled`` where the settings name the places to read."""

    @abstractmethod
    def refuse(self, fault: Fault | None, *, but: Collection[str] = ()) -> None:
        """From now on everything fails so, but for these operations; None: all is well. Nothing was asked yet.

        What is said of it holds :data:`SAID`, and with it :data:`TELLING` is sent.
        """

    @abstractmethod
    def garble(self, how: Garble, *, but: Collection[str] = ()) -> None:
        """From now on every answer comes garbled, but for those to these operations. Nothing was asked yet."""

    @abstractmethod
    def fill(self) -> None:
        """From now on there is the small company: something to read for each collector."""

    @abstractmethod
    def restate(self, collector: str) -> None:
        """Change what one slice of a collector holds, and nothing else."""

    @abstractmethod
    def asked(self) -> int:
        """Requests that came since this was asked last."""

    @abstractmethod
    def costly(self) -> list[str]:
        """Of the requests since :meth:`asked` those that cost money, or are taken from the few there are."""

    @abstractmethod
    def permissions(self, operation: str) -> Collection[str] | None:
        """What must be granted for an operation; none where nothing; None where there is no such operation."""

    @abstractmethod
    def reads(self, operation: str) -> bool:
        """Whether an operation, and what is granted for it, changes nothing."""
