"""A source's telemetry is taken out whole, and what was there can come again."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store, collections
from aispend.store.forgetting import forget_telemetry
from collectors.files.usage import import_usage

USAGE = """timestamp,period_seconds,provider,account,model,requests,uncached_input_tokens
2026-11-19T10:00:00Z,3600,gcp,ml-prod,gemini-2.5-pro,2,100
"""


def test_what_is_forgotten_comes_again_and_what_others_have_stays(
    database: Store, store_settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(USAGE)
    given = ([path], database, store_settings, clock)
    for source in ("sample-gcp/usage", "mine"):
        assert import_usage(*given, source=source).outcome == "loaded"
    with database.engine.begin() as connection:
        for source in ("sample-gcp/usage", "sample-gcp/bills", "mine/usage"):
            collections.remember(connection, source, "2026-11-19", "settled", rows=1, now=clock())

        forget_telemetry(connection, "sample")

    with database.engine.connect() as connection:
        left = connection.execute(text("SELECT DISTINCT namespace FROM inference_hour")).scalars().all()
        known = connection.execute(text("SELECT source FROM collection ORDER BY source")).scalars().all()
    assert left == ["mine"]
    assert known == ["mine/usage", "sample-gcp/bills"], "of a bill its months say themselves whether they changed"
    assert import_usage(*given, source="sample-gcp/usage").outcome == "loaded"
    assert import_usage(*given, source="mine").outcome == "unchanged"
