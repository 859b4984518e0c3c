"""What is a calculation, or waits for somebody's evaluation, is in no total: by what the kinds say of themselves."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import recommender.kinds
from recommender.portfolio import combine
from recommender.registry import KINDS
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.test_optimize_model import advice, llama

KINDS_FOLDER = Path(recommender.kinds.__file__).parent


def test_devices_at_the_edge_are_a_calculator_and_no_kind() -> None:
    """No kind is named so or reads it: nothing of it can become advice."""
    assert "edge" not in {kind.name for kind in KINDS}
    modules = sorted(KINDS_FOLDER.glob("*.py"))
    assert len(modules) > len(KINDS)
    for module in modules:
        named = [
            node.module
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        ]
        assert "recommender.methods.edge" not in named, module.name


@pytest.mark.parametrize(("machines", "level", "asked"), [(10, 0.8, None), (10, 0.8, 4.0)])
def test_an_optimised_model_counts_once_somebody_has_shown_its_evaluation(
    make_subject: Make, machines: int, level: float, asked: float | None
) -> None:
    found = advice(llama(make_subject, machines, level, asked=asked))
    assert found.gate
    assert found.saving.net > 0
    assert [one.counts for one in combine([found], KINDS)] == [False]
    assert [one.counts for one in combine([replace(found, gate=None)], KINDS)] == [True]
