"""What cannot be meant under ``[recommend]`` is refused with the file, the key, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aispend.errors import SettingsError
from aispend.settings import load_settings


def refused(tmp_path: Path, toml: str) -> str:
    path = tmp_path / "aispend.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings({"AISPEND_HOME": str(tmp_path), "AISPEND_CONFIG": str(path)})
    assert raised.value.where.startswith(f"{path}: ")
    return raised.value.where


@pytest.mark.parametrize(
    ("toml", "key", "value"),
    [
        ("[recommend]\nmin_monthly_saving = -5", "recommend.min_monthly_saving", "-5"),
        ("[recommend]\nmax_payback_months = -1", "recommend.max_payback_months", "-1"),
        ("[recommend]\nexpires_after_days = 1000000000", "recommend.expires_after_days", "1000000000"),
        ("[recommend.commit]\nwindow_days = 1000000", "recommend.commit.window_days", "1000000"),
        ("[recommend.relocate]\ngb_per_month = { s = -4 }", "recommend.relocate.gb_per_month.s", "-4"),
        (
            "[recommend.idle_capacity]\ntokens_per_unit_minute = { x = -1 }",
            "recommend.idle_capacity.tokens_per_unit_minute.x",
            "-1",
        ),
        (
            "[recommend.idle_capacity]\ntokens_per_unit_minute = { x = 0 }",
            "recommend.idle_capacity.tokens_per_unit_minute.x",
            "0",
        ),
        ("[recommend.spot]\ncheckpoint_minutes = { x = -2 }", "recommend.spot.checkpoint_minutes.x", "-2"),
        ("[recommend.spot]\nrestart_minutes = inf", "recommend.spot.restart_minutes", "inf"),
        ("[recommend.auto_stop]\nmin_coverage = nan", "recommend.auto_stop.min_coverage", "nan"),
        ("[recommend.schedule]\nnode_minutes = inf", "recommend.schedule.node_minutes", "inf"),
        ("[recommend.training_waste]\nsmoke_hours = inf", "recommend.training_waste.smoke_hours", "inf"),
        ("[recommend.idle]\nmax_activity = 2", "recommend.idle.max_activity", "2"),
        ("[recommend.batch]\nstages = ['inference_bach']", "recommend.batch.stages.0", "'inference_bach'"),
        ("[recommend.rightsize]\npreset = ['default']", "recommend.rightsize.preset", "['default']"),
        ("[[recommend.exclude]]\nkinds = []\nwhy = 'x'", "recommend.exclude.0.kinds", "[]"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, toml: str, key: str, value: str) -> None:
    where = refused(tmp_path, toml)
    assert f"{key} = {value}: " in where


def test_values_of_other_sections_are_not_shown(tmp_path: Path) -> None:
    """Somebody may have written a credential where none belongs."""
    assert "hunter2" not in refused(tmp_path, "[[aws]]\nname = 'a'\npassword = 'hunter2'")


def test_settings_know_the_file_they_were_read_from(tmp_path: Path) -> None:
    path = tmp_path / "aispend.toml"
    path.write_text("[recommend]\nmin_monthly_saving = 5", encoding="utf-8")
    assert load_settings({"AISPEND_HOME": str(tmp_path), "AISPEND_CONFIG": str(path)}).read_from == path
    path.unlink()
    assert load_settings({"AISPEND_HOME": str(tmp_path)}).read_from is None
