"""One module per family of bill formats; ``DIALECTS`` is the registry."""

from __future__ import annotations

from collectors.files.dialects import azure, cur, focus, gcp
from collectors.files.dialects.contract import Dialect

DIALECTS: tuple[Dialect, ...] = (focus.DIALECT, cur.DIALECT, azure.DIALECT, gcp.DIALECT)
"""Every bill format that is read; a header fits at most one of them in practice, the first wins."""
