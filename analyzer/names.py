"""A month's telemetry with the resource each row means, as SQL text: what :mod:`aispend.store.telemetry` resolves.

Names mean something for a time, and are used again: of all there are a month needs a few. :func:`stage_names` takes
these out once, so that a month of telemetry is joined to the names of that month and not to those of all history.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Connection, MetaData, Select, Table, text
from sqlalchemy.engine import make_url

from aispend.schema import resource_alias
from aispend.store.telemetry import (
    resolved_accelerator_hours,
    resolved_inference_hours,
    resolved_workload_hours,
)

_STAGED = "name_now"

_STAGE = f"""
    INSERT INTO {_STAGED}
    SELECT * FROM resource_alias WHERE valid_from < :last AND (valid_to IS NULL OR valid_to > :first)"""


def stage_names(connection: Connection, *, first: date, last: date) -> None:
    """Make ``name_now``: the names that mean something within ``[first, last)``. It ends with the transaction."""
    connection.execute(text(f"CREATE TEMP TABLE {_STAGED} (LIKE resource_alias) ON COMMIT DROP"))
    connection.execute(text(_STAGE), {"first": first, "last": last})
    connection.execute(text(f"ANALYZE {_STAGED}"))


@cache
def _text(select: Callable[[Table], Select[Any]]) -> str:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    staged = resource_alias.to_metadata(MetaData(), name=_STAGED)
    compiled = select(staged).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return f"({compiled})"


def accelerator_hours() -> str:
    """A parenthesised SELECT: ``accelerator_hour`` and its ``resource_key``, NULL where the name means nothing.

    Only for hours within the span of :func:`stage_names`, as its sisters.
    """
    return _text(resolved_accelerator_hours)


def inference_hours() -> str:
    """A parenthesised SELECT: ``inference_hour`` and its ``resource_key``, NULL where there is none."""
    return _text(resolved_inference_hours)


def workload_hours() -> str:
    """A parenthesised SELECT: ``workload_hour`` and its ``resource_key``, NULL where the name means nothing."""
    return _text(resolved_workload_hours)
