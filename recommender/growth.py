"""What a recommendation said it would save when it was proposed, and that it grew: a fifth more since it was last said.

Assumes     ``record.py`` has written the figures of this run and the event of each new proposal.
Method      The net monthly saving is kept with the event of a proposal. Where an open or accepted one has grown by a
            fifth, and by the least saving worth advice, over what was last said, that is an event of its own.
Drawbacks   What shrinks is not told: it is in the list with its new figure, or gone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, text

GREW = Decimal("1.2")


def note_growth(connection: Connection, least: Decimal, now: datetime) -> int:
    """Write it down; how many grew. ``least`` is the least growth of a month worth telling."""
    connection.execute(text(_SAID))
    return connection.execute(text(_GROWN), {"grew": GREW, "least": least, "now": now}).rowcount


_SAID = """
    UPDATE recommendation_event e SET monthly_saving_net = r.monthly_saving_net
    FROM recommendation r
    WHERE r.id = e.recommendation_id AND e.event = 'proposed' AND e.monthly_saving_net IS NULL
      AND e.event_id = (SELECT max(event_id) FROM recommendation_event
                        WHERE recommendation_id = r.id AND event = 'proposed')"""

_GROWN = """
    INSERT INTO recommendation_event (recommendation_id, at, event, who, monthly_saving_net)
    SELECT r.id, :now, 'grew', 'aispend', r.monthly_saving_net
    FROM recommendation r
    JOIN LATERAL (SELECT monthly_saving_net AS said FROM recommendation_event e
                  WHERE e.recommendation_id = r.id AND e.event IN ('proposed', 'grew')
                    AND e.monthly_saving_net IS NOT NULL
                  ORDER BY event_id DESC LIMIT 1) last ON true
    WHERE r.state IN ('open', 'accepted') AND r.monthly_saving_net >= last.said * :grew
      AND r.monthly_saving_net - last.said >= :least"""
