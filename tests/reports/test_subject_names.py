"""A slash in the name of a model or a team: in advice, in reasons for none, in what changed and in what was saved."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert

from aispend import cli
from aispend.schema import recommendation, recommendation_event, why_not
from aispend.store import Store
from reports import views
from reports.subject_names import subject_name
from tests.reports.samples import NOW, advice

TOKENS = "tokens:1/us/gpt-4o/Data/AI/standard"
"""Its end alone says that the model is Data and the team AI."""
NAME = "tokens of gpt-4o, Data/AI"
SERVICE = "service:1/us-east-1/meta-llama/Llama-3.1-8B/training/ml/a"


@pytest.fixture
def named(database: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """One piece of advice that was proposed, and a reason of each for none; commands run on them."""
    said = {"kind": "batch", "reason": "not_set", "explanation": "Nobody set it.", "currency": "USD", "at": NOW}
    with database.engine.begin() as connection:
        connection.execute(
            insert(recommendation).values(
                advice(1, kind="route", resource_key=0, resource_id=TOKENS, model="gpt-4o", team="Data/AI")
            )
        )
        connection.execute(
            insert(recommendation_event).values(recommendation_id="00000001aaaa", at=NOW, event="proposed")
        )
        for resource_id, model, team in (
            (TOKENS, "gpt-4o", "Data/AI"),
            (SERVICE, "meta-llama/Llama-3.1-8B", "R&D"),
            ("training:1/demand/it", None, None),
        ):
            connection.execute(
                insert(why_not).values(
                    resource_key=0, provider="aws", resource_id=resource_id, model=model, team=team, **said
                )
            )
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    monkeypatch.setenv("AISPEND_DATABASE_URL", database.uri)
    monkeypatch.chdir(tmp_path)
    return database


def test_reasons_for_none_name_model_and_team(named: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A row of a run before that has no model is called by what its id says."""
    with named.engine.connect() as connection:
        names = {row.resource_id: row.name for row in views.why_not(connection)}
    assert names == {
        TOKENS: NAME,
        SERVICE: "meta-llama/Llama-3.1-8B, training, ml/a",
        "training:1/demand/it": "training of demand, it",
    }
    assert cli.run(("recommendations", "why-not")) == 0
    assert NAME in capsys.readouterr().out


def test_what_changed_and_what_was_decided_name_them(named: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with named.engine.connect() as connection:
        (change,) = views.advice_changes(connection, date(2026, 1, 1)).rows
    assert (change.name, change.team) == (NAME, "Data/AI")
    assert cli.run(("recommendations", "changes", "--since", "2026-01-01")) == 0
    told = capsys.readouterr().out
    assert "tokens of gpt-4o," in told
    assert "Data/AI" in told
    assert cli.run(("recommendations", "done", "00000001")) == 0
    assert NAME in capsys.readouterr().out
    with named.engine.connect() as connection:
        (saved,) = views.savings(connection).items
    assert saved.name == NAME


@pytest.mark.parametrize(
    ("resource_id", "model", "name"),
    [
        (TOKENS, "gpt-4o", NAME),
        (SERVICE, "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B, training, ml/a"),
        ("service:1/us/gpt/oss/inference_online", "gpt/oss", "gpt/oss, inference online"),
        ("service:1/us/gpt-4o/inference_online", "another", "gpt-4o, inference online"),
        ("i-1", "gpt-4o", None),
    ],
)
def test_what_is_known_of_it_stands_over_its_id(resource_id: str, model: str, name: str | None) -> None:
    assert subject_name(resource_id, model, "Data/AI") == name
