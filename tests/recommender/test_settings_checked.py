"""Names and days of the settings that no product, bill or calendar knows are refused before anything is advised."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.errors import SettingsError
from aispend.settings import Settings, load_settings
from recommender.registry import KINDS
from recommender.settings_check import refuse_what_cannot_be

TODAY = date(2026, 11, 22)
RATIO = {
    "present": "nvidia-a10g",
    "target": "nvidia-l4",
    "ratio": 0.9,
    "on": TODAY,
    "source": "wiki/bench-7",
}


def check(options: dict[str, Any]) -> None:
    settings = Settings(
        home=Path("/tmp"), read_from=Path("/etc/aispend.toml"), recommend=Recommend.model_validate(options)
    )
    refuse_what_cannot_be(settings, TODAY, providers={"aws", "lambda_labs"}, types={"p9.48xlarge"})


def refused(options: dict[str, Any]) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        check(options)
    assert raised.value.where.startswith("/etc/aispend.toml: ")
    return raised.value


def test_a_kind_that_is_none_is_refused_with_those_there_are() -> None:
    found = refused({"exclude": [{"why": "x"}, {"kinds": ["rightsize", "stop_idel"], "why": "audit"}]})
    assert found.where == '/etc/aispend.toml: recommend.exclude.1.kinds.1 = "stop_idel"'
    assert "Did you mean stop_idle?" in found.next_step
    assert all(kind.name in found.next_step for kind in KINDS)


def test_a_provider_nobody_bills_is_refused_with_those_there_are() -> None:
    found = refused({"exclude": [{"provider": "awz", "why": "audit"}]})
    assert found.where == '/etc/aispend.toml: recommend.exclude.0.provider = "awz"'
    assert "Did you mean aws?" in found.next_step
    assert "aws, azure, gcp, lambda_labs, oci, own" in found.next_step


@pytest.mark.parametrize("name", ["*", "aws", "A*", "lambda_labs", "own", "azure"])
def test_a_provider_that_bills_or_may_bill_is_taken(name: str) -> None:
    check({"exclude": [{"provider": name, "why": "audit"}], "batch": {"can_wait": [{"provider": name}]}})


@pytest.mark.parametrize("name", ["*", "stop_*", "STOP_IDLE", "commit"])
def test_kinds_may_be_globs_as_they_are_matched(name: str) -> None:
    check({"exclude": [{"kinds": [name], "why": "audit"}]})


def test_providers_are_looked_at_wherever_they_are_named() -> None:
    found = refused({"batch": {"can_wait": [{"provider": "awz"}]}})
    assert found.where == '/etc/aispend.toml: recommend.batch.can_wait.0.provider = "awz"'
    replica = {"model": "m", "provider": "awz", "instance_type": "g6.xlarge", "output_tokens_per_second": 1}
    found = refused({"self_host": {"replica": [replica]}})
    assert found.where == '/etc/aispend.toml: recommend.self_host.replica.0.provider = "awz"'


@pytest.mark.parametrize(
    ("change", "where", "hint"),
    [
        ({"present": "nvidia-a10x"}, 'present = "nvidia-a10x"', "nvidia-a10"),
        ({"target": "g6.48xlarg"}, 'target = "g6.48xlarg"', "g6.48xlarge"),
        ({"on": date(2030, 1, 1)}, "on = 2030-01-01", "2026-11-22"),
    ],
)
def test_a_benchmark_of_what_is_not_known_or_to_come_is_refused(change: dict[str, Any], where: str, hint: str) -> None:
    found = refused({"accelerator": {"measured": [RATIO | change]}})
    assert found.where == f"/etc/aispend.toml: recommend.accelerator.measured.0.{where}"
    assert hint in found.next_step


@pytest.mark.parametrize("target", ["nvidia-l4", "g6.xlarge", "m7g.xlarge", "Standard_D4ps_v5", "ml.c7g.large"])
def test_cards_and_machines_that_are_known_are_taken(target: str) -> None:
    check({"accelerator": {"measured": [RATIO | {"target": target}]}})


def test_a_type_that_only_bills_or_price_lists_know_is_taken() -> None:
    check({"accelerator": {"measured": [RATIO | {"target": "p9.48xlarge"}]}})
    replica = {"model": "m", "provider": "aws", "instance_type": "p9.48xlarge", "output_tokens_per_second": 1}
    check({"self_host": {"replica": [replica]}})
    found = refused({"self_host": {"replica": [replica | {"instance_type": "p8.48xlarge"}]}})
    assert 'replica.0.instance_type = "p8.48xlarge"' in found.where
    instance = {"name": "n", "provider": "aws", "instance_type": "p8.48xlarge", "hourly_price": 1}
    assert 'serverless.0.instance_type = "p8' in refused({"self_host": {"serverless": [instance]}}).where


def test_a_law_nobody_knows_is_refused() -> None:
    check({"relocate": {"also": {"UK": ["EU"]}}})
    assert refused({"relocate": {"also": {"UKK": ["EU"]}}}).where.endswith('recommend.relocate.also = "UKK"')
    assert refused({"relocate": {"also": {"UK": ["EUU"]}}}).where.endswith('recommend.relocate.also.UK.0 = "EUU"')


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"relocate": {"also": {"eu": ["UK"]}}}, "Did you mean EU?"),
        ({"accelerator": {"measured": [RATIO | {"present": "NVIDIA-A10G"}]}}, "Did you mean nvidia-a10g?"),
        ({"exclude": [{"kinds": ["Stop-Idle"], "why": "audit"}]}, "Did you mean stop_idle?"),
    ],
)
def test_a_name_in_another_case_is_answered_with_the_right_one(options: dict[str, Any], meant: str) -> None:
    assert meant in refused(options).next_step


def test_the_line_of_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "aispend.toml"
    path.write_text("[[recommend.exclude]]\nwhy = 'x'\nkinds = [\n  'stop_idel',\n]\n", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        refuse_what_cannot_be(
            load_settings({"AISPEND_HOME": str(tmp_path), "AISPEND_CONFIG": str(path)}), TODAY, providers=(), types=()
        )
    assert raised.value.where == f'{path}: line 3, recommend.exclude.0.kinds.0 = "stop_idel"'


def test_a_run_refuses_before_it_writes(database: Any, store_settings: Settings, clock: Any) -> None:
    from recommender.run import recommend

    wrong = Recommend.model_validate({"exclude": [{"kinds": ["stop_idel"], "why": "audit"}]})
    with pytest.raises(SettingsError, match="stop_idel"):
        recommend(database.engine, store_settings.model_copy(update={"recommend": wrong}), clock)
