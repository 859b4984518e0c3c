"""A word that is no choice: what it is said to be, where it was typed, and what there is instead."""

from __future__ import annotations

import pytest

from aispend import cli


@pytest.mark.parametrize(
    ("typed", "where", "next_step"),
    [
        (
            ("export", "recommendations", "--format", "xlsx"),
            "--format xlsx",
            "Excel opens csv as it is. Choose from csv, parquet, json.",
        ),
        (("spend", "--format", "cvs"), "--format cvs", "Did you mean csv? Choose from table, json, csv."),
        (("policy", "awz"), "awz", "Did you mean aws? Choose from aws, azure, gcp."),
        (
            ("import-metrics", "x.csv", "--utilization-unit", "share"),
            "--utilization-unit share",
            "Choose from percent, ratio.",
        ),
    ],
)
def test_what_is_no_choice_is_refused(
    typed: tuple[str, ...], where: str, next_step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(typed) == 2
    assert (
        capsys.readouterr().err == f"aispend: There is no {typed[-1]!r} here.\n  where: {where}\n  next:  {next_step}\n"
    )


def test_a_choice_is_known_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(("policy", "AWS", "--format", "Terraform")) == 0
    assert "aws_iam" in capsys.readouterr().out
