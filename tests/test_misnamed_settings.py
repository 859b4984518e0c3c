"""A setting under a wrong name is refused with file, line, key, and the nearest name there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from aispend.errors import SettingsError
from aispend.misnamed import did_you_mean, nearest
from aispend.settings import load_settings
from aispend.settings_errors import line_of


def refused(tmp_path: Path, toml: str) -> str:
    """What stands behind the file's name."""
    path = tmp_path / "aispend.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings({"AISPEND_HOME": str(tmp_path), "AISPEND_CONFIG": str(path)})
    return raised.value.where.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        # a name that differs in case alone, at every depth
        (
            "[recommend]\n\nMin_Monthly_Saving = 5",
            "line 3, recommend.Min_Monthly_Saving = 5: there is no such setting; did you mean min_monthly_saving?",
        ),
        ("Reporting_Currency = 'EUR'", "line 1, Reporting_Currency: there is no such setting; did you mean"),
        (
            "[[aws]]\nname = 'a'\n\nRegions = ['x']",
            "line 4, aws.0.Regions: there is no such setting; did you mean regions?",
        ),
        ("[recommend.Idle]\nwindow_days = 7", "line 1, recommend.Idle = {'window_days': 7}: "),
        # nearly the name
        ("[recommender]\nx = 1", "line 1, recommender: there is no such setting; did you mean recommend?"),
        ("[Budgets]\nx = 1", "line 1, Budgets: there is no such setting; did you mean budget"),
        ("[tags]\nteams = ['x']", "line 2, tags.teams: there is no such setting; did you mean team?"),
        # a letter less than here, though another table has the very name
        (
            "[[recommend.exclude]]\nkind = ['stop_idle']\nwhy = 'x'",
            "line 2, recommend.exclude.0.kind = ['stop_idle']: there is no such setting; did you mean kinds?",
        ),
        # the name of another table
        (
            "[recommend]\n\nreview_hours = 7",
            "line 3, recommend.review_hours = 7: there is no such setting; did you mean "
            "recommend.training_waste.review_hours?",
        ),
        # one that many tables have names none of them
        ("[dashboard]\nprovider = 'x'", "line 2, dashboard.provider: there is no such setting; there are: host, port"),
        # nothing like it: what there is
        ("[tags]\nqqq = ['x']", "line 2, tags.qqq: there is no such setting; there are: model, team, stage"),
        # alias and name of the field are two things: a file has the alias
        ("[[rules]]\nname = 'a'", "line 1, rules: there is no such setting; did you mean rule?"),
        # what is right by name and wrong by value has its line as well
        ("# x\n[dashboard]\nport = 0", "line 3, dashboard.port: Input should be greater than or equal to 1"),
        # where the settings are is for the environment to say, not for the file that was found there
        ("home = '/srv'", "line 1, home: "),
        ("[engine]\nhome = 'x'", "line 2, engine.home: there is no such setting; there are: memory_limit, threads"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(tmp_path: Path, toml: str, told: str) -> None:
    assert told in refused(tmp_path, toml)


def test_the_nearest_name_of_a_letter_s_case_is_the_only_one(tmp_path: Path) -> None:
    """``budget_alerts`` is like it too, and not meant."""
    assert "did you mean budget?" in refused(tmp_path, "[[Budget]]\nname = 'x'")


def test_values_under_wrong_names_of_other_sections_are_not_shown(tmp_path: Path) -> None:
    where = refused(tmp_path, "Database_URL = 'postgresql://u:hunter2@h/d'")
    assert "did you mean database_url?" in where
    assert "hunter2" not in where


def test_hyphens_are_no_other_name(tmp_path: Path) -> None:
    assert "did you mean latency_target?" in refused(tmp_path, "[[latency-target]]\nname = 'x'")


def test_the_line_is_where_the_key_begins(tmp_path: Path) -> None:
    """Values over several lines, keys in quotes, tables of a list, and a comment that looks like the key."""
    path = tmp_path / "aispend.toml"
    path.write_text(
        "[[rule]]\nname = 'a'\n\n# port = 1\n[[rule]]\nname = 'b'\nmatch.tags = {\"a.b\" = 'x'}\n"
        "[dashboard]\nnote = '''\nport = 2\n'''\nlist = [\n  1,\n  2,\n]\nport = 3\n",
        encoding="utf-8",
    )
    assert line_of(path, ("rule", 0, "name")) == 2
    assert line_of(path, ("rule", 1, "name")) == 6
    assert line_of(path, ("rule", 1, "match", "tags", "a.b")) == 7
    assert line_of(path, ("dashboard", "list", 1)) == 12
    assert line_of(path, ("dashboard", "port")) == 16
    # what is missing is missed in the table that stands
    assert line_of(path, ("dashboard", "host")) == 8
    assert line_of(path, ("engine",)) is None
    assert line_of(tmp_path / "none.toml", ("rule",)) is None
    assert line_of(None, ("rule",)) is None


def test_nearest_names() -> None:
    assert nearest("NVIDIA-L4", ["nvidia-l40s", "nvidia-l4"]) == ("nvidia-l4",)
    assert nearest("stop_idel", ["stop_idle", "spot"]) == ("stop_idle",)
    assert nearest("x", ["abc"]) == ()
    assert did_you_mean("stop_idel", ["stop_idle"]) == "Did you mean stop_idle? "
    assert did_you_mean("opne", ["open", "done", "gone", "accepted"]) == "Did you mean open, gone or done? "
    assert did_you_mean("x", ["abc"]) == ""
