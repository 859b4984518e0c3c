"""What each model cost, stage by stage: the table first, then what is in none of its rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data
from reports import views

D = Decimal
BESIDES = (
    "Not listed: 50.00 USD of models of which nothing is known to be for data, training or serving: "
    "it is for notebooks, or nobody knows what for."
)


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


def test_what_buying_would_save_is_said_to_be_before_commitments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 paid for own machines 60 would be saved at an API; a commitment that pays for them is not known here."""
    row = views.SelfHosted(
        "llama", "aws", "USD", D(100), D(10**6), D("0.5"), D(100), "novita", "llama", D(40), D(40), D(50), 2, D(60),
        None, D(1), D(1), None, D("0.5"), True, "genai-prices", "", False,
    )  # fmt: skip
    found = views.SelfHosting((row,), views.Window(date(2026, 11, 1), date(2026, 11, 3)))
    monkeypatch.setattr(data, "self_hosting", lambda: found)

    def script() -> None:
        from dashboard import economics

        economics._serving("USD")

    app = AppTest.from_function(script, default_timeout=60).run()
    assert not app.exception
    said = " ".join(caption.value.replace("\\", "") for caption in app.caption)
    assert "What commitments pay for is paid on where tokens are bought: Recommendations has what is saved net" in said
