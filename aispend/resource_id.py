"""One id per thing, whoever names it: bills, telemetry, inventories and Kubernetes write the same machine differently.

===========  ==========================================================  ===================================
provider     written as                                                  canonical
===========  ==========================================================  ===================================
aws          ``arn:aws:ec2:us-east-1:1:instance/i-0ab``, ``i-0ab``,      ``i-0ab``
             ``aws:///us-east-1a/i-0ab``
aws          any other ARN (endpoint, training job, volume …)            the ARN, region and account kept
gcp          ``//compute.googleapis.com/projects/p/zones/z/…``,          ``projects/p/zones/z/instances/n``
             ``https://www.googleapis.com/compute/v1/projects/p/…``,
             ``gce://p/z/n``
azure        any case, ``/`` at the end, ``azure://`` or the             ``/subscriptions/…`` in lower case
             management address in front
other        anything                                                    itself, without blanks around it
===========  ==========================================================  ===================================

:func:`canonical` is for single ids, :func:`canonical_sql` the same in DuckDB SQL for millions of lines; a property
test holds them together. Ids are never looked up here, so nothing says that two ids *are* one machine: a GCP bill
may name a VM by number and telemetry by name. That is what ``resource_alias`` and :func:`short_names` are for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BLANKS = " \t\r\n"
_BLANKS_SQL = r"E' \t\r\n'"
_TAIL = "/" + _BLANKS
_TAIL_SQL = r"E'/ \t\r\n'"
_EC2_INSTANCE = r"arn:[^:]*:ec2:[^:]*:[^:]*:instance/(i-[0-9a-zA-Z]+)"
_AWS_NODE = r"aws:///[^/]*/(i-[0-9a-zA-Z]+)"
_GCE_NODE = r"gce://([^/]+)/([^/]+)/([^/]+)"
_AZURE_FRONT = r"(?:azure:/*|https?://[^/]*/+)?/*((?:subscriptions|providers)/(?s:.*))"

_IPV4 = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_IP_NAME = re.compile(r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_PORT = re.compile(r"(.+):\d{1,5}")
_GCE_INSTANCE = re.compile(r"projects/([^/]+)/zones/([^/]+)/instances/([^/]+)")
_SCALE_SET_VM = re.compile(r".*/virtualmachinescalesets/([^/]+)/virtualmachines/(\d+)")
_SHORTEST_NAME = 3
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class ShortName(NamedTuple):
    """A name derived from an id: ``alias`` in lower case, and how sure it is that the name means this thing."""

    alias: str
    confidence: float


def plain_account(name: str) -> str:
    """An account in lower case; an Azure subscription by its id alone, which bills name with and without its path."""
    return name.lower().removeprefix("/subscriptions/")


def canonical(provider: str, resource_id: str) -> str:
    """The one id of a resource, from any form in the table above; ``""`` stays ``""``.

    ``provider`` is ``aws``, ``gcp``, ``azure`` or any other, in lower case.
    """
    text = resource_id.strip(_BLANKS)
    if provider == "aws":
        match = re.fullmatch(_EC2_INSTANCE, text) or re.fullmatch(_AWS_NODE, text)
        return lower(match[1]) if match else text
    if provider == "gcp":
        if match := re.fullmatch(_GCE_NODE, text):
            return f"projects/{match[1]}/zones/{match[2]}/instances/{match[3]}"
        start = text.find("/projects/")
        if start >= 0 and text.startswith(("/", "https://", "http://")):
            text = text[start + 1 :]
        return text.rstrip(_TAIL)
    if provider == "azure":
        text = lower(text)
        match = re.fullmatch(_AZURE_FRONT, text)
        return ("/" + match[1] if match else text).rstrip(_TAIL)
    return text


def trimmed_sql(id_sql: str) -> str:
    """DuckDB SQL: an id without the blanks around it, as :func:`canonical_sql` takes it."""
    return f"trim({id_sql}, {_BLANKS_SQL})"


def canonical_sql(provider_sql: str, trimmed: str) -> str:
    """DuckDB SQL for :func:`canonical` over two text columns, the id by :func:`trimmed_sql`; NULL stays NULL.

    A plain search goes before each pattern: patterns are dear, and most ids are written in no other form.
    """
    text = trimmed
    aws = (
        f"CASE WHEN contains({text}, ':instance/i-')"
        f" THEN coalesce(nullif(lower(regexp_extract({text}, '^{_EC2_INSTANCE}$', 1)), ''), {text})"
        f" WHEN starts_with({text}, 'aws:///')"
        f" THEN coalesce(nullif(lower(regexp_extract({text}, '^{_AWS_NODE}$', 1)), ''), {text}) ELSE {text} END"
    )
    gcp = (
        f"CASE WHEN starts_with({text}, 'gce://') AND regexp_full_match({text}, '{_GCE_NODE}') THEN"
        rf" regexp_replace({text}, '{_GCE_NODE}', 'projects/\1/zones/\2/instances/\3')"
        f" WHEN contains({text}, '/projects/')"
        f" AND (starts_with({text}, '/') OR starts_with({text}, 'https://') OR starts_with({text}, 'http://'))"
        f" THEN rtrim(substr({text}, instr({text}, '/projects/') + 1), {_TAIL_SQL})"
        f" ELSE rtrim({text}, {_TAIL_SQL}) END"
    )
    azure = (
        f"rtrim(CASE WHEN regexp_full_match(lower({text}), '{_AZURE_FRONT}') THEN"
        f" '/' || regexp_extract(lower({text}), '{_AZURE_FRONT}', 1) ELSE lower({text}) END, {_TAIL_SQL})"
    )
    return f"CASE {provider_sql} WHEN 'aws' THEN {aws} WHEN 'gcp' THEN {gcp} WHEN 'azure' THEN {azure} ELSE {text} END"


def lower(text: str) -> str:
    """Lower case character by character, as DuckDB and Postgres do it (Python alone treats a final sigma apart)."""
    return text.lower() if text.isascii() else "".join(character.lower()[0] for character in text)


def short_names(provider: str, canonical_id: str, resource_name: str | None = None) -> list[ShortName]:
    """Names telemetry is likely to use for a resource, best first, each once; all below confidence 1.

    Derived from the id (last segment, virtual machine and scale-set host names) and from the name the bill gives
    (as it stands, its host part, the private host name of an address). They are guesses: a caller uses one only
    where it means a single resource at that time.
    """
    found: dict[str, float] = {}

    def add(alias: str, confidence: float) -> None:
        alias = lower(alias.strip(_BLANKS))
        if len(alias) >= _SHORTEST_NAME and alias != lower(canonical_id):
            found[alias] = max(confidence, found.get(alias, 0.0))

    if resource_name:
        name = lower(resource_name.strip(_BLANKS))
        add(name, 0.9)
        for alias, confidence in _host_names(name):
            add(alias, confidence)
    if scale_set := _SCALE_SET_VM.fullmatch(canonical_id):
        # Azure names the hosts of a scale set by its name and the instance number in base 36, six places wide.
        add(f"{scale_set[1]}_{scale_set[2]}", 0.9)
        add(scale_set[1] + _base36(int(scale_set[2])).rjust(6, "0"), 0.9)
    else:
        if gce := _GCE_INSTANCE.fullmatch(canonical_id):
            project, zone, name = gce.groups()
            add(f"{name}.{zone}.c.{project}.internal", 0.95)
            add(f"{name}.c.{project}.internal", 0.95)
        segments = [segment for segment in re.split("[/:]", canonical_id) if segment]
        if len(segments) > 1 and not (provider == "gcp" and segments[-1] in {"default", "_"}):
            add(segments[-1], 0.9)
            add("/".join(segments[-2:]), 0.9)
    return sorted((ShortName(*item) for item in found.items()), key=lambda item: (-item.confidence, item.alias))


def measured_names(alias: str) -> list[ShortName]:
    """The forms under which a name seen in telemetry may be known to a bill, best first.

    The name itself, its canonical id under each provider, without a port, its host part.
    """
    found: dict[str, float] = {}

    def add(name: str, confidence: float) -> None:
        if len(name) >= _SHORTEST_NAME:
            found[name] = max(confidence, found.get(name, 0.0))

    name = lower(alias.strip(_BLANKS))
    add(name, 1.0)
    for provider in ("aws", "gcp", "azure"):
        add(lower(canonical(provider, name)), 1.0)
    if (match := _PORT.fullmatch(name)) and "/" not in name and not name.startswith("arn:"):
        name = match[1]
        add(name, 0.95)
    for host, confidence in _host_names(name):
        add(host, confidence)
    return sorted((ShortName(*item) for item in found.items()), key=lambda item: (-item.confidence, item.alias))


def _host_names(name: str) -> list[tuple[str, float]]:
    """Host part of a full host name; the private EC2 host name of an address, and back. Addresses are reused."""
    if _IPV4.fullmatch(name):
        return [(name, 0.6), ("ip-" + name.replace(".", "-"), 0.6)]
    if not _HOST.fullmatch(name) and not _IP_NAME.fullmatch(name):
        return []
    host = name.split(".", 1)[0]
    if address := _IP_NAME.fullmatch(host):
        return [(host, 0.6), (".".join(address.groups()), 0.6)]
    return [(host, 0.8)]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits or "0"
