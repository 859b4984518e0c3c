"""Which recommendations: one filter for the view, the page, the command line and every file."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert, update

from aispend import cli
from aispend.schema import recommendation, recommendation_event
from aispend.store import Store
from reports import views
from reports.advice_columns import RECOMMENDATIONS
from reports.export import recommendations_csv
from reports.views import AdviceFilter
from tests.reports.samples import NOW, advice

ROWS = (
    advice(1, model="llama", account="012345678901"),
    advice(2, kind="spot", provider="gcp", team=None, risk=3, counted=False, counted_net=Decimal(0)),
    advice(3, kind="route", gate="an evaluation", counted=False, counted_net=Decimal(0), model="gpt-4o"),
    advice(4, kind="rightsize", state="accepted", counted_net=Decimal(100), risk=0),
    advice(5, currency="EUR", account=None),
    advice(6, state="dismissed", counted=False),
    advice(7, state="gone", counted=False),
    advice(8, kind="prompt_cache", estimate_only=True, counted=False, counted_net=Decimal(0), risk=0),
    advice(9, monthly_saving_net=Decimal(0), counted=False, counted_net=Decimal(0), hard_to_regain=True),
)
CASES: tuple[tuple[AdviceFilter, tuple[str, ...], str], ...] = (
    (AdviceFilter(), (), "5 1 8 3 2 9 4 6"),
    (AdviceFilter(kinds=("spot", "route")), ("--kind", "spot,route"), "3 2"),
    (AdviceFilter(providers=("gcp",)), ("--provider", "GCP"), "2"),
    (AdviceFilter(accounts=("012345678901", None)), ("--account", "012345678901,unknown"), "5 1"),
    (AdviceFilter(teams=(None,)), ("--team", "unknown"), "2"),
    (AdviceFilter(models=("llama", "gpt-4o")), ("--model", "llama,gpt-4o"), "1 3"),
    (AdviceFilter(currency="EUR"), ("--currency", "eur"), "5"),
    (AdviceFilter(min_saving=Decimal(270)), ("--min-saving", "270"), "5 8 3 4 6"),
    (AdviceFilter(max_risk=0), ("--risk", "none"), "8 4"),
    (AdviceFilter(counted_only=True), ("--counted",), "5 1 4"),
    (AdviceFilter(states=("gone",)), ("--state", "gone"), "7"),
    (
        AdviceFilter(states=("open",), currency="USD", max_risk=1, min_saving=Decimal(1)),
        ("--state", "open", "--currency", "USD", "--risk", "very-low", "--min-saving", "1"),
        "1 8 3",
    ),
    (AdviceFilter(teams=("nobody",)), ("--team", "nobody"), ""),
)


@pytest.fixture
def advised(database: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A database with these recommendations; commands run on it in an empty folder."""
    with database.engine.begin() as connection:
        for row in ROWS:
            connection.execute(insert(recommendation).values(row))
        for event, who in (("accepted", "ann"), ("evaluation_failed", "bob")):
            given = {"recommendation_id": "00000003aaaa", "at": NOW, "event": event, "who": who, "reason": "=cmd|x"}
            connection.execute(insert(recommendation_event).values(given))
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    monkeypatch.setenv("AISPEND_DATABASE_URL", database.uri)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aispend.toml").write_text('reporting_currency = "EUR"\n')
    return database


def ids(text: str) -> list[str]:
    return [f"{int(number):08d}aaaa" for number in text.split()]


def test_the_page_and_the_command_filter_alike(advised: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The page shows what the view gives for its filter."""
    for asked, options, expected in CASES:
        with advised.engine.connect() as connection:
            shown = views.recommendations(connection, asked)
        assert [row.id for row in shown.rows] == ids(expected), options
        assert cli.run(("recommendations", "list", *options, "--format", "json")) == 0
        assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ids(expected), options


@pytest.mark.parametrize(("asked", "options", "expected"), [CASES[0], CASES[-1]])
def test_page_command_csv_json_and_parquet_give_the_same_rows(
    asked: AdviceFilter,
    options: tuple[str, ...],
    expected: str,
    advised: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The page downloads ``recommendations_csv`` of what its view gives."""
    with advised.engine.connect() as connection:
        shown = views.recommendations(connection, asked)

    listed = {}
    for style in ("json", "csv"):
        assert cli.run(("recommendations", "list", *options, "--format", style)) == 0
        listed[style] = capsys.readouterr().out
    for style in ("csv", "json", "parquet"):
        assert cli.run(("export", "recommendations", *options, "--format", style)) == 0
    capsys.readouterr()
    exported = (tmp_path / "recommendations.csv").read_bytes()

    assert exported == recommendations_csv(shown.rows)
    assert (tmp_path / "recommendations.json").read_text("utf-8") == listed["json"]
    in_json = json.loads(listed["json"])
    in_csv = [unquoted(row) for row in csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline=""))]
    assert in_csv == [unquoted(row) for row in csv.DictReader(io.StringIO(listed["csv"], newline=""))]
    table = pq.read_table(tmp_path / "recommendations.parquet")
    in_parquet = table.to_pylist()
    assert [[row["id"] for row in rows] for rows in (in_json, in_csv, in_parquet)] == [ids(expected)] * 3
    for column in RECOMMENDATIONS:
        if column.kind in ("money", "number"):
            assert table.schema.field(column.name).type == pa.decimal128(38, 12)
            amounts = [
                [None if row[column.name] in (None, "") else Decimal(str(row[column.name])) for row in rows]
                for rows in (in_json, in_csv, in_parquet)
            ]
            assert amounts[0] == amounts[1] == amounts[2], column.name
        elif column.kind == "text":
            texts = [[row[column.name] or "" for row in rows] for rows in (in_json, in_csv, in_parquet)]
            assert texts[0] == texts[1] == texts[2], column.name


def unquoted(row: dict[str, str]) -> dict[str, str]:
    """Texts without the apostrophe that a spreadsheet needs."""
    return {name: value.removeprefix("'") for name, value in row.items()}


def test_the_totals_are_of_what_was_asked_for_and_the_rest_has_its_reason(advised: Store) -> None:
    """Counted in USD: 90 and 100; not 270, whose evaluation failed, 720, an estimate, nor 180 beside others."""
    with advised.engine.connect() as connection:
        found = views.recommendations(connection)
        spot = views.recommendations(connection, AdviceFilter(kinds=("spot",)))

    assert [(one.currency, one.recommendations, one.monthly_saving_net) for one in found.totals] == [
        ("EUR", 1, Decimal(450)),
        ("USD", 2, Decimal(190)),
    ]
    assert [(one.reason, one.recommendations, one.monthly_saving_net) for one in found.not_counted()] == [
        ("estimate", 1, Decimal(720)),
        ("evaluation_failed", 1, Decimal(270)),
        ("nothing_net", 1, Decimal(0)),
        ("overlap", 1, Decimal(180)),
    ]
    assert [(one.kind, one.recommendations, one.counted, one.counted_net) for one in found.by_kind()][:3] == [
        ("stop_idle", 1, 1, Decimal(450)),
        ("rightsize", 1, 1, Decimal(100)),
        ("stop_idle", 3, 1, Decimal(90)),
    ]
    assert spot.totals == ()


def test_a_total_of_which_a_part_is_unknown_is_unknown(advised: Store) -> None:
    """The first of the two that count in USD has no list price: the sum at list price is of it too."""
    with advised.engine.begin() as connection:
        row = recommendation.c
        connection.execute(update(recommendation).where(row.id == "00000001aaaa").values(counted_list=None))
        total = next(one for one in views.recommendations(connection).totals if one.currency == "USD")
    assert (total.monthly_saving_list, total.monthly_saving_net) == (None, Decimal(190))


def test_who_decided_last_stands_beside_the_state(advised: Store) -> None:
    with advised.engine.connect() as connection:
        rows = {row.id: row for row in views.recommendations(connection).rows}
    decided = rows["00000003aaaa"]
    assert (decided.decision, decided.decided_by, decided.evaluation) == (
        "evaluation_failed",
        "bob",
        "evaluation_failed",
    )
    assert decided.uncounted == "evaluation_failed"
    assert rows["00000001aaaa"].decision is None


def test_files_say_until_when_advice_is_put_off(advised: Store, tmp_path: Path) -> None:
    """A day, as the last column; empty where nothing is put off."""
    with advised.engine.begin() as connection:
        connection.execute(update(recommendation).where(recommendation.c.id == "00000001aaaa").values(state="snoozed"))
        given = {"recommendation_id": "00000001aaaa", "at": NOW, "event": "snoozed", "until": date(2026, 12, 1)}
        connection.execute(insert(recommendation_event).values(given))
    for style in ("csv", "json", "parquet"):
        assert cli.run(("export", "recommendations", "--format", style)) == 0
    lines = csv.DictReader(io.StringIO((tmp_path / "recommendations.csv").read_text("utf-8-sig"), newline=""))
    in_csv = {row["id"]: row["decided_until"] for row in lines}
    in_json = {row["id"]: row["decided_until"] for row in json.loads((tmp_path / "recommendations.json").read_text())}
    table = pq.read_table(tmp_path / "recommendations.parquet").to_pylist()
    in_parquet = {row["id"]: row["decided_until"] for row in table}
    first, other = "00000001aaaa", "00000003aaaa"
    assert (lines.fieldnames or ())[-1] == "decided_until"
    assert (in_csv[first], in_json[first], in_parquet[first]) == ("2026-12-01", "2026-12-01", date(2026, 12, 1))
    assert (in_csv[other], in_json[other], in_parquet[other]) == ("", None, None)


def test_in_a_spreadsheet_an_id_stays_what_it_is_and_nothing_runs(advised: Store) -> None:
    with advised.engine.connect() as connection:
        found = recommendations_csv(views.recommendations(connection).rows)
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(found.decode("utf-8-sig"), newline=""))}

    assert found.startswith(b"\xef\xbb\xbfid,")
    assert rows["00000001aaaa"]["account"] == "'012345678901"
    assert rows["00000003aaaa"]["decision_reason"] == "'=cmd|x"
    assert rows["00000001aaaa"]["monthly_saving_net"] == "90.00"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--kind", "idle"), "There is no kind 'idle'."),
        (("--risk", "7"), "There is no risk '7'."),
        (("--min-saving", "lots"), "This is not an amount."),
        (("--currency", "euros"), "This is not a currency."),
    ],
)
def test_a_filter_that_means_nothing_is_wrong_use(
    advised: Store, capsys: pytest.CaptureFixture[str], given: tuple[str, str], said: str
) -> None:
    assert cli.run(("recommendations", "list", *given)) == 2
    assert said in capsys.readouterr().err


def test_a_subscription_is_asked_for_with_or_without_its_path(
    advised: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bills name it either way, and people know its id."""
    with advised.engine.begin() as connection:
        for number, account in ((1, "/subscriptions/0f-1a"), (4, "0f-1a")):
            one = recommendation.c.id == f"{number:08d}aaaa"
            connection.execute(update(recommendation).where(one).values(account=account))
    for asked in ("0f-1a", "0F-1A", "/subscriptions/0f-1a", "/Subscriptions/0F-1a"):
        assert cli.run(("recommendations", "list", "--account", asked, "--format", "json")) == 0
        assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ids("1 4"), asked


def test_a_team_with_a_slash_is_no_model(advised: Store) -> None:
    """Of ``tokens:1/us/gpt-4o/Data/AI/standard`` the end alone says that the model is Data and the team AI."""
    given = {
        "00000001aaaa": ("tokens:1/us/gpt-4o/Data/AI/standard", "gpt-4o", "tokens of gpt-4o, Data/AI"),
        "00000004aaaa": ("training:1/meta/llama/Data/AI", "meta/llama", "training of meta/llama, Data/AI"),
    }
    with advised.engine.begin() as connection:
        for key, (name, model, _) in given.items():
            one = update(recommendation).where(recommendation.c.id == key)
            connection.execute(one.values(resource_id=name, model=model, team="Data/AI"))
        rows = {row.id: row.name for row in views.recommendations(connection).rows}
    assert {key: rows[key] for key in given} == {key: said for key, (_, _, said) in given.items()}


def test_what_fits_nothing_is_said_with_its_filter(advised: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(("recommendations", "list", "--team", "nobody", "--counted")) == 0
    assert "No recommendation fits --team, --counted." in capsys.readouterr().out
    assert cli.run(("export", "spend", "--output", "s.csv", "--team", "x")) == 2
    assert "--team is for recommendations." in capsys.readouterr().err


def values(**given: Any) -> views.Recommendation:
    row = advice(1, **given)
    names = views.Recommendation.__dataclass_fields__
    return views.Recommendation(**{name: row[name] for name in names if name in row})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, None),
        ({"counted": False}, "overlap"),
        ({"counted": False, "gate": "x"}, "gate"),
        ({"counted": False, "monthly_saving_net": None}, "unknown_net"),
        ({"counted": False, "monthly_saving_net": Decimal(0), "gate": "x"}, "nothing_net"),
        ({"counted": False, "estimate_only": True, "gate": "x"}, "estimate"),
        ({"state": "done"}, "decided"),
    ],
)
def test_why_a_saving_is_not_counted(given: dict[str, Any], reason: str | None) -> None:
    assert values(**given).uncounted == reason
