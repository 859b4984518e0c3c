"""What was done, taken back and is decided anew: what was realised until then stays in the ledger, under another id.

Method
    The recommendation keeps its id and begins anew. A copy that is gone keeps its baseline and its lines; its id is a
    hash of the id and the day it was taken back.
Cases
    Taken back on the day it was done, or the next: nothing of it was ever counted, and nothing is kept.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from aispend.schema import recommendation, recommendation_event, saving, saving_baseline

_NOT_COUNTED = {"counted": False, "counted_list": 0, "counted_effective": 0, "counted_net": 0}


def keep_what_was_taken_back(connection: Connection, name: str, now: datetime) -> None:
    """Make room for a new promise of the recommendation ``name``; nothing where it was not taken back."""
    b = saving_baseline.c
    old = connection.execute(
        select(b.done_on, b.undone_on).where(b.recommendation_id == name, b.undone_on.is_not(None))
    ).first()
    if old is None:
        return
    if old.undone_on <= old.done_on + timedelta(days=1):
        connection.execute(delete(saving_baseline).where(b.recommendation_id == name))
        return
    kept = hashlib.sha256(f"{name}\x1ftaken back\x1f{old.undone_on}".encode()).hexdigest()[:12]
    row = connection.execute(select(recommendation).where(recommendation.c.id == name)).mappings().one()
    connection.execute(
        insert(recommendation).values({**row, "id": kept, "state": "gone", "updated_at": now} | _NOT_COUNTED)
    )
    for table in (saving_baseline, saving):
        connection.execute(update(table).where(table.c.recommendation_id == name).values(recommendation_id=kept))
    connection.execute(
        insert(recommendation_event).values(
            recommendation_id=kept,
            at=now,
            event="gone",
            who="aispend",
            reason=f"Taken back on {old.undone_on}, and decided anew as {name[:8]}.",
        )
    )
