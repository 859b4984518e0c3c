"""What was decided since the last run counts as it stands now, and what only the next run can say is said so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, update

from aispend.schema import recommendation, recommendation_event
from aispend.store import Store
from recommender.life import change_state, evaluate
from reports import views
from reports.advice_records import recommendation_records
from reports.advice_words import not_counted, not_counted_line
from reports.views import STATES, AdviceFilter
from tests.reports.samples import NOW, advice

LATER = NOW + timedelta(hours=3)
SINCE = "the next aispend recommend says what it adds, as it was decided on since the last"


def ids(found: views.Recommendations) -> list[str]:
    return [row.id[:8].lstrip("0") for row in found.rows]


@pytest.mark.parametrize("event", ["dismissed", "snoozed", "done"])
def test_what_was_decided_against_is_in_no_list_of_what_counts(database: Store, event: str) -> None:
    """Of 90, 180 and 270 counted the second is refused: 360 are left, on the page, with --counted and in the file."""
    with database.engine.begin() as connection:
        connection.execute(insert(recommendation), [advice(1), advice(2), advice(3)])
        connection.execute(update(recommendation).where(recommendation.c.id == "00000002aaaa").values(state=event))
        found = views.recommendations(connection, AdviceFilter(states=STATES))
        counted = views.recommendations(connection, AdviceFilter(states=STATES, counted_only=True))
    records = recommendation_records(found.rows)

    assert ids(counted) == ["3", "1"]
    assert ids(found) == ["3", "1", "2"], "it stands behind them"
    assert [(row["counted"], row["counted_net"]) for row in records] == [(True, 270), (True, 90), (False, 0)]
    assert sum(row["counted_net"] for row in records) == found.totals[0].monthly_saving_net == Decimal(360)


def test_what_was_taken_back_before_a_run_counts_as_it_did(database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(insert(recommendation), [advice(1), advice(2)])
        for event in ("dismissed", "reopened"):
            change_state(connection, "00000002aaaa", event, who="ann", reason="so", clock=lambda: LATER)  # type: ignore[arg-type]
        found = views.recommendations(connection)
    assert found.totals[0].monthly_saving_net == Decimal(270)
    assert not_counted(found.rows[0]) is None


@pytest.mark.parametrize("event", ["accepted", "done"])
def test_what_changed_says_what_was_promised_of_a_commitment_in_stages(database: Store, event: str) -> None:
    """Both stages save 90 a month; the first is bought, which saves 40, and that is what is promised."""
    stages = {"first_stage_saves": {"net": "40", "p10": None, "p50": None, "p90": None}}
    proposed = {"recommendation_id": "00000001aaaa", "at": NOW, "event": "proposed"}
    with database.engine.begin() as connection:
        connection.execute(insert(recommendation), [advice(1, kind="commit", evidence=stages)])
        connection.execute(insert(recommendation_event).values(proposed))
        change_state(connection, "00000001aaaa", event, who="ann", clock=lambda: LATER)  # type: ignore[arg-type]
        found = views.advice_changes(connection, NOW.date()).rows
    assert [(row.event, row.monthly_saving_net) for row in found] == [("proposed", Decimal(90)), (event, Decimal(40))]


def test_what_no_run_has_counted_since_its_decision_is_not_called_an_overlap(database: Store) -> None:
    """Refused when the last run counted, and open again since: nothing is known to stand in its way."""
    beside = {"counted": False, "counted_net": Decimal(0)}
    with database.engine.begin() as connection:
        connection.execute(
            insert(recommendation),
            [advice(1, state="dismissed", **beside), advice(2, gate="an evaluation", **beside), advice(3, **beside)],
        )
        change_state(connection, "00000001aaaa", "reopened", who="ann", clock=lambda: LATER)
        evaluate(connection, "00000002aaaa", "evaluation_passed", who="bob", reason=None, clock=lambda: LATER)
        found = views.recommendations(connection)
        connection.execute(update(recommendation).values(updated_at=LATER + timedelta(hours=1)))
        counted_again = views.recommendations(connection)

    assert {row.id[7]: (row.uncounted, not_counted(row)) for row in found.rows} == {
        "1": ("not_yet", SINCE),
        "2": ("not_yet", SINCE),
        "3": ("overlap", "it cannot be done beside what is counted"),
    }
    assert not_counted_line(found.not_counted(), "USD") == (
        "Not counted: 1 cannot be done beside what is counted (270.00 USD); 2 were decided on since the last aispend "
        "recommend, and the next says what they add (270.00 USD). Amounts are what each would save alone."
    )
    assert {row.uncounted for row in counted_again.rows} == {"overlap"}
