"""Tags of a cloud's resources, as far as collectors read them themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def first_tag(tags: Mapping[str, str], keys: Iterable[str]) -> str | None:
    """The value of the first of these keys there is, in whatever case; None where none has any.

    >>> first_tag({"Team": " search ", "owner": "kim"}, ("team", "owner"))
    'search'
    """
    plain = {key.casefold(): value.strip() for key, value in tags.items()}
    return next((plain[key] for key in keys if plain.get(key)), None)
