"""Telemetry with the resource each row means, as SQL text: what :mod:`aispend.store.telemetry` resolves."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Select
from sqlalchemy.engine import make_url

from aispend.store.telemetry import (
    resolved_accelerator_hours,
    resolved_inference_hours,
    resolved_workload_hours,
)


@cache
def _text(select: Callable[[], Select[Any]]) -> str:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    compiled = select().compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return f"({compiled})"


def accelerator_hours() -> str:
    """A parenthesised SELECT: ``accelerator_hour`` and its ``resource_key``, NULL where the name means nothing."""
    return _text(resolved_accelerator_hours)


def inference_hours() -> str:
    """A parenthesised SELECT: ``inference_hour`` and its ``resource_key``, NULL where there is none."""
    return _text(resolved_inference_hours)


def workload_hours() -> str:
    """A parenthesised SELECT: ``workload_hour`` and its ``resource_key``, NULL where the name means nothing."""
    return _text(resolved_workload_hours)
