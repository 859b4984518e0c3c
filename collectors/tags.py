"""Tags of a cloud's resources, as far as collectors read them themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aispend.tag_keys import said


def first_tag(tags: Mapping[str, str], keys: Iterable[str]) -> str | None:
    """The value of the first of these keys there is, in whatever case and form; None where none has any.

    A key that says several things, as two that differ in signs alone may, says nothing.

    >>> first_tag({"Team": " search ", "owner": "kim"}, ("team", "owner"))
    'search'
    """
    values = (said(tags, key) for key in keys)
    return next((found[0] for found in values if len(found) == 1), None)
