"""The names that somebody may have meant who wrote one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

NEAR = 3
"""Names offered in place of an unknown one, at most."""


def same(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that differ from ``name`` in case, or in ``-`` for ``_``, alone."""
    return tuple(one for one in sorted(set(known)) if _plain(one) == _plain(name))


def nearest(name: str, known: Iterable[str], most: int = NEAR, alike: float = 0.6) -> tuple[str, ...]:
    """The known names nearest to ``name``, the nearest first, ``most`` of them; none where none is near.

    What is the same name but for its case stands alone. ``alike`` is how much of two names has to be the same, of 1.
    """
    plain = {_plain(one): one for one in sorted(set(known), reverse=True)}
    near = difflib.get_close_matches(_plain(name), plain, n=most, cutoff=alike)
    return same(name, known)[:most] or tuple(plain[one] for one in near)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the nearest names and a space behind it; empty where none is near."""
    near = nearest(name, known)
    return f"Did you mean {either(near)}? " if near else ""


def either(names: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_")
