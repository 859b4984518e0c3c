"""When two keys of tags or labels are one: bills write what a person called a resource in several ways.

==============================  ============================================  =========================
written by                      as                                            plain
==============================  ============================================  =========================
FOCUS of AWS, an inventory      ``user:Team``, ``Team``                       ``team``
Cost and Usage Report 1         ``resourceTags/user:Team``                    ``team``
its columns, report 2.0         ``resource_tags_user_team``, ``user_team``    ``team``
AWS itself                      ``aws:autoscaling:groupName``                 ``aws:autoscaling:groupname``
Azure, Google                   ``Team``, ``compute.googleapis.com/team``     as it is, in lower case
==============================  ============================================  =========================

Reports in columns also write every sign that is no letter or digit as ``_`` and words apart (``user_do_not_stop``,
``aws_autoscaling_group_name``), so two keys that differ in signs alone may have become one there. Only letters and
digits are compared, then: what should keep a machine must not be missed for a dash. Where settings name a key, one
written as there, but for case and prefix, comes first, and of others that are alike none is believed that another
contradicts. What ``aws:`` begins is set by AWS alone, so a key that a person wrote is never taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

_OF_A_PERSON = re.compile(r"^(?:resourcetags/|resource_tags_)?(?:user:|user_)")
_BEFORE = re.compile(_OF_A_PERSON.pattern + "|^resourcetags/")
"""What AWS puts before a key of a person, and before any."""
_SYSTEM = "aws:"
_KEYS = 10_000
"""A company has few keys, and they are asked for of every machine by every kind."""


@lru_cache(maxsize=_KEYS)
def plain_tag_key(key: str) -> str:
    """A tag key without case, surrounding blanks and the provider's prefix.

    >>> plain_tag_key("resourceTags/user:Cost-Center")
    'cost-center'
    """
    return _BEFORE.sub("", key.strip().lower())


@lru_cache(maxsize=_KEYS)
def is_called(key: str, name: str) -> bool:
    """Whether a tag's key is ``name``, either written in any of the ways above.

    >>> is_called("user_do_not_stop", "do-not-stop"), is_called("user:aws:x", "aws:x")
    (True, False)
    """
    plain = plain_tag_key(name)
    if plain.startswith(_SYSTEM) and _OF_A_PERSON.match(key.strip().lower()):
        return False
    return _signs(plain_tag_key(key)) == _signs(plain)


def spellings(keys: Iterable[str], name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of ``keys`` are ``name``: those written as it is, but for case and prefix; and those alike without signs.

    >>> spellings(("user:Team-A", "user_team_a", "teams"), "team-a")
    (('user:Team-A',), ('user_team_a',))
    """
    plain = plain_tag_key(name)
    called = [key for key in keys if is_called(key, name)]
    as_asked = tuple(key for key in called if plain_tag_key(key) == plain)
    return as_asked, tuple(key for key in called if key not in as_asked)


def said(tags: Mapping[str, str], name: str) -> list[str]:
    """What the tags say under ``name``: one value, several where tags differ, none where none has any.

    Tags written as ``name`` is come first; only where they are empty or missing, those alike without signs.

    >>> said({"cost_center": "ml", "CostCenter": "ads"}, "cost-center")
    ['ml', 'ads']
    """
    return _values(tags, spellings(tags, name))


def all_said(tags: Mapping[str, str], names: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """The ``names``, in their order, under which the tags say something, and what; for many tags of the same keys.

    >>> all_said({"user_cost_center": "ml"}, ("team", "cost-center"))
    [('cost-center', ['ml'])]
    """
    told = ((name, _values(tags, groups)) for name, groups in _called(tuple(tags), names))
    return [(name, values) for name, values in told if values]


_Spellings = tuple[tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=_KEYS)
def _called(keys: tuple[str, ...], names: tuple[str, ...]) -> tuple[tuple[str, _Spellings], ...]:
    return tuple((name, groups) for name in names if any(groups := spellings(keys, name)))


def _values(tags: Mapping[str, str], groups: _Spellings) -> list[str]:
    for keys in groups:
        found: dict[str, str] = {}
        for key in keys:
            if value := tags[key].strip():
                found.setdefault(value.lower(), value)
        if found:
            return list(found.values())
    return []


def tag_values(tags: Mapping[str, str], name: str) -> list[str]:
    """Values, without surrounding blanks, of all tags called ``name``; two spellings of a key may differ in them."""
    return [value.strip() for key, value in tags.items() if is_called(key, name)]


def is_part(part: str, key: str) -> bool:
    """Whether ``part`` is in a tag's key, however that is written.

    >>> is_part("goog-gke-", "user_goog_gke_node"), is_part("goog-gke-", "gke")
    (True, False)
    """
    return _signs(part.lower()) in _signs(plain_tag_key(key))


def _signs(plain: str) -> str:
    return "".join(sign for sign in plain if sign.isalnum()) or plain
