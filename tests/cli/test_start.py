"""How the command line starts and fails: fast, and without a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from aispend import cli
from aispend.advising import Recommend
from aispend.cli import forms
from aispend.cli.setup import TEMPLATE
from tests.cli.conftest import Run

HEAVY = {
    "adbc_driver_manager", "alembic", "azure", "boto3", "botocore", "duckdb", "google", "numpy", "pandas", "plotly",
    "psycopg", "pyarrow", "scipy", "sqlalchemy", "streamlit",
}  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["spend", "--help"], ["import-metrics", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import json, sys\nfrom aispend.cli import run\n"
        f"status = run({arguments!r})\n"
        "sys.stderr.write(json.dumps([status, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stderr)

    assert status == 0
    assert "Usage: aispend" in done.stdout
    assert "typer" in modules
    assert HEAVY & set(modules) == set()


def test_an_unexpected_error_is_one_line_and_says_how_to_see_more(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = typer.Typer()

    @failing.command()
    def fail() -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(cli, "app", failing)
    outcome = run()

    assert outcome.status == 1
    assert "ZeroDivisionError: first line\n" in outcome.err
    assert "AISPEND_DEBUG=1" in outcome.err
    assert "second line" not in outcome.err

    monkeypatch.setenv("AISPEND_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.run([])


def test_a_database_that_cannot_be_reached(run: Run) -> None:
    outcome = run("spend", "--database", "postgresql://somebody:hunter2@127.0.0.1:1/nothing")

    assert outcome.status == 1
    assert outcome.err.startswith("aispend: The database cannot be reached.")
    assert "hunter2" not in outcome.err


def test_no_command_prints_help(run: Run) -> None:
    outcome = run()

    assert outcome.status == 2
    assert "Usage: aispend" in outcome.out + outcome.err


def test_version(run: Run) -> None:
    assert run("version").out == "aispend 0.1.0\n"


def test_init_writes_settings_that_load(run: Run, tmp_path: Path) -> None:
    assert run("init").status == 0
    text = (tmp_path / "aispend.toml").read_text(encoding="utf-8")
    again = run("init")

    assert again.status == 2
    assert "The file exists." in again.err
    assert run("init", "--force").status == 0
    assert run("spend").status == 0
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("# ") or " = " in line or "[[" in line
    )
    (tmp_path / "aispend.toml").write_text(uncommented, encoding="utf-8")
    assert run("spend").status == 0, "the examples in the file are valid settings"


@pytest.mark.parametrize("name", Recommend.model_fields)
def test_init_names_every_part_of_advice_that_may_be_set(name: str) -> None:
    assert f"[recommend.{name}" in TEMPLATE or f"\n# {name} = " in TEMPLATE


def test_forms_name_the_columns_the_imports_read() -> None:
    from collectors.files import curves, inventory, invoices, metrics, usage, workloads

    for module, described in (
        (metrics, forms.METRICS),
        (usage, forms.USAGE),
        (workloads, forms.WORKLOADS),
        (curves, forms.CURVES),
        (inventory, forms.INVENTORY),
    ):
        read = [(column.name, column.required) for column in module.FORM.columns]
        assert [(field.name, field.required) for field in described] == read, module.__name__
    assert tuple(field.name for field in forms.INVOICES) == invoices.COLUMNS


def test_a_doctor_who_saw_nothing_does_not_say_that_all_is_well(run: Run) -> None:
    found = run("doctor", "aws")

    assert found.status == 0
    assert "none is named in aispend.toml" in found.out
    assert found.out.endswith("Nothing was checked.\n")
    assert "[[aws]]" in found.out
    assert "[[azure]]" not in found.out


def test_a_doctor_without_any_cloud_names_all_there_are(run: Run) -> None:
    found = run("doctor").out
    assert all(f"[[{name}]]" in found and f"docs/connect-{name}.md" in found for name in ("aws", "azure", "gcp"))
