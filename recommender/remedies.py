"""How to get what is missing: behind a reason why not whose words name no command.

A kind says what is missing of its subject; by what command it is got is the same for all kinds, and said here once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recommender.contract import WhyNot
from recommender.subjects.machines import Machine
from recommender.subjects.services import Pool, Service

_COMMAND = "aispend "
_NAMED = 3
_CLOUDS = ("aws", "azure", "gcp")
_UTILIZATION = "Collect it from the cloud's agent or DCGM (aispend collect), or load it: aispend import-metrics."
_USE = "Load the requests and tokens it served: aispend import-usage."
_ENDINGS = "Load them again: aispend import-workloads."
_BANDS = {
    "aws": "The market's bands: aispend collect aws/spot.",
    "azure": "The market's bands: aispend collect azure/spot.",
    "gcp": "Google publishes none: what of your own runs on spot tells it (aispend import-workloads).",
}


def with_remedy(said: WhyNot) -> WhyNot:
    """The same with what gets what is missing; as it is where its own words name a command, or nothing is missing."""
    how = None if _COMMAND in said.explanation else _remedy(said)
    return said if how is None else replace(said, explanation=f"{said.explanation} {how}")


def or_unnamed(said: WhyNot, hosts: Sequence[str]) -> WhyNot:
    """The same of a machine without any measurement, with the names in telemetry of which one may be its own."""
    machine = said.subject
    if not hosts or said.reason != "telemetry_missing" or not isinstance(machine, Machine) or machine.accelerators:
        return said
    some = ", ".join(hosts[:_NAMED]) + (" …" if len(hosts) > _NAMED else "")
    are = "1 name in telemetry meets" if len(hosts) == 1 else f"{len(hosts)} names in telemetry meet"
    more = f"{are} no resource of the bills ({some}): if one is it, tell which (aispend import-inventory)."
    return replace(said, explanation=f"{said.explanation} {more}")


def _remedy(said: WhyNot) -> str | None:
    provider = said.subject.provider
    match said.reason:
        case "telemetry_missing":
            return _UTILIZATION if isinstance(said.subject, Machine | Service | Pool) else _USE
        case "telemetry_endings":
            return _ENDINGS
        case "interruptions_unknown":
            return _BANDS.get(provider)
        case "unpriced" if provider in _CLOUDS:
            return f"What {provider} lists: aispend collect {provider}/prices."
        case _:
            return None
