"""Names of ours for what is no single resource of the bill: of two different things never the same."""

from __future__ import annotations

_UNKNOWN = "unknown"


def joined(*parts: str | None) -> str:
    """The parts of a name; what nobody knows is ``unknown``, and what somebody called so stands in quotes.

    >>> joined("1", None, "ranker"), joined("1", "unknown", "ranker")
    ('1/unknown/ranker', '1/"unknown"/ranker')
    """
    return "/".join(f'"{part}"' if part == _UNKNOWN else part or _UNKNOWN for part in parts)
