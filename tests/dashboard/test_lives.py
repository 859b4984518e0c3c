"""What each model cost, stage by stage: the table first, then what is in none of its rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from reports import views

D = Decimal
BESIDES = "Besides, of models that are in other stages alone or in none known: 50.00 USD."


def lived(model: str, serving: str, other: str) -> views.ModelLifecycle:
    return views.ModelLifecycle(model, "USD", D(0), D(0), D(serving), D(other), D(0), D(0), None, False)


def shown(monkeypatch: pytest.MonkeyPatch, *rows: views.ModelLifecycle) -> list[str]:
    found = views.Lifecycles(rows, views.Window(date(2026, 11, 1), date(2026, 11, 3)))
    monkeypatch.setattr(data, "lifecycles", lambda: found)

    def script() -> None:
        from dashboard import economics

        economics._lives("USD")

    app = AppTest.from_function(script, default_timeout=60).run()
    assert not app.exception
    return [str(getattr(element, "value", "")).replace("\\", "") for element in app.main]


def test_what_is_in_no_row_is_said_after_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, lived("llama", "10", "2"), lived("notes", "0", "50"))
    (table,) = (place for place, text in enumerate(said) if "<table" in text and "llama" in text)
    assert said.index(BESIDES) > table


def test_and_where_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BESIDES in shown(monkeypatch, lived("notes", "0", "50"))
