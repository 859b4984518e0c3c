"""Content keys: a dimension row's identity computed from what it says, the same in every engine.

A key is the lower 63 bits of the MD5 of the parts joined by ``US`` (a missing part is ``NUL_PART``).
Keys need no round trip to the database, so the roll-up can produce finished facts by itself.
Two different rows with one key would be a silent merge; the loader compares the natural
columns of every key it meets and refuses the load if they ever differ.
Key 0 means "none".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

NO_KEY = 0
_US = "\x1f"
_NULL_PART = "\x1e"
_MASK = (1 << 63) - 1


def content_key(*parts: str | None) -> int:
    """The key of one dimension row, from its natural columns as text."""
    text = _US.join(_NULL_PART if part is None else part for part in parts)
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little") & _MASK


def content_key_sql(expressions: Sequence[str]) -> str:
    """DuckDB SQL for :func:`content_key` over text expressions (tested to agree with it)."""
    parts = ", ".join(f"coalesce({expression}, chr(30))" for expression in expressions)
    return f"CAST(md5_number_lower(concat_ws(chr(31), {parts})) & 9223372036854775807 AS BIGINT)"
