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
``aws_autoscaling_group_name``). Where a key is one that the product knows, or a rule of advice names, only letters and
digits are compared: what should keep a machine must not be missed for a dash. What ``aws:`` begins is set by AWS alone,
so a key that a person wrote is never taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

PREFIX = r"^(?:resourcetags/|resource_tags_)?(?:user:|user_)|^resourcetags/"
"""What AWS puts before a key of a person, and before any; a regular expression on lower case, for SQL as well."""

_BEFORE = re.compile(PREFIX)
_OF_A_PERSON = re.compile(r"^(?:resourcetags/|resource_tags_)?(?:user:|user_)")
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
