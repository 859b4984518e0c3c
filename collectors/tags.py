"""Tags of a cloud's resources, as far as collectors read them themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aispend.tag_keys import plain_tag_key


def first_tag(tags: Mapping[str, str], keys: Iterable[str]) -> str | None:
    """The value of the first of these keys there is, in whatever case and form; None where none has any.

    >>> first_tag({"Team": " search ", "owner": "kim"}, ("team", "owner"))
    'search'
    """
    plain = {plain_tag_key(key): value.strip() for key, value in tags.items()}
    return next((plain[key] for key in map(plain_tag_key, keys) if plain.get(key)), None)
