"""The recommendations page says up to when its evidence is, not when it was last looked at; its list is not cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import streamlit
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from aispend.schema import recommendation
from aispend.store import Store
from dashboard import data
from tests.conftest import Contents
from tests.reports.samples import NOW, company_with_results


@pytest.fixture
def contents() -> Contents:
    """The hand-made company with its results."""
    return company_with_results


@pytest.fixture
def shown(database: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    """The page's database; nothing of another test's is remembered, and its connections end with the test."""
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    monkeypatch.setenv("AISPEND_DATABASE_URL", database.uri)
    monkeypatch.chdir(tmp_path)
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()
    yield database
    data.store().engine.dispose()
    streamlit.cache_resource.clear()


def page() -> AppTest:
    app = AppTest.from_string("from dashboard import recommendations\nrecommendations.page()\n", default_timeout=90)
    found = app.run()
    assert not found.exception
    return found


def test_the_caption_has_the_day_of_the_evidence(shown: Store) -> None:
    """Looked at five weeks after what it rests on was measured."""
    with shown.engine.begin() as connection:
        connection.execute(update(recommendation).values(updated_at=NOW + timedelta(days=34), evidence_until=NOW))
    captions = [caption.value.replace("\\", "") for caption in page().caption]
    assert captions[0].startswith("Per month of 730 hours, in USD · evidence as of 2026-11-21 06:00 UTC · ")


def test_the_page_warns_of_advice_that_no_run_has_let_expire(shown: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five weeks after what it rests on was measured it would stand as on the first day."""
    for days, warned in ((7, 0), (35, 1)):
        monkeypatch.setattr("aispend.clock.system_clock", lambda days=days: NOW + timedelta(days=days))
        told = [one.value for one in page().warning]
        assert len(told) == warned
    assert "rest on what ended more than 7 days ago" in told[0]


def test_the_net_total_is_not_called_the_next_bill_s(shown: Store) -> None:
    """A commitment in two stages is bought in halves two months apart: one bill shows half of what counts."""
    net = next(one for one in page().metric if one.label.startswith("Net of commitments"))
    assert net.help.startswith("What bills show once all of it is done, later stages of commitments included")


def test_where_all_expired_the_page_says_why(shown: Store) -> None:
    with shown.engine.begin() as connection:
        connection.execute(update(recommendation).values(state="expired", evidence_until=NOW))
    (told,) = (info.value for info in page().info)
    assert "expired: what they rest on ends on 2026-11-21 at the latest" in told


def test_names_leave_room_for_every_column_up_to_the_confidence(shown: Store) -> None:
    """At 1440 pixels the list has 1,059: 33 for the choice, 590 for numbers, risk and confidence, 436 for names."""
    columns = json.loads(page().dataframe[0].proto.columns)
    assert sum(columns[name]["width"] for name in ("What", "Name")) == 1059 - 33 - 590
    assert all("width" not in columns[name] for name in columns.keys() - {"What", "Name"})
