"""Recommendations and reasons for none as flat records: the same for every format, page and command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from reports.advice_columns import EVIDENCE, RECOMMENDATIONS, REPLAY, WHY_NOT
from reports.advice_words import not_counted
from reports.columns import Column
from reports.evidence import other_evidence, replay_sentence
from reports.kinds import kind_title
from reports.records import Record, records
from reports.views import Recommendation, Undecided

_SHOWN = (*(column.name for column in EVIDENCE), "terraform", "replay", "replay_none_because")
"""Evidence that has columns of its own."""
_DERIVED = ("title", "not_counted_because", "acts_on", "acts_on_resources", "terraform", "replay", "evidence_other")


def recommendation_records(rows: Iterable[Recommendation]) -> list[Record]:
    """Recommendations with their proof, their life and what of them is counted."""
    plain = [
        column.name
        for column in RECOMMENDATIONS
        if column.name not in _DERIVED and (not column.name.startswith("evidence_") or column.name == "evidence_until")
    ]
    return [{name: getattr(row, name) for name in plain} | _proof(row) | _told(row) for row in rows]


def why_not_records(resources: Iterable[Undecided]) -> list[Record]:
    """Every reason, resource by resource, the one that decides first."""
    return [
        {**record, "decides": row is one.decides}
        for one in resources
        for row, record in zip(
            (one.decides, *one.others),
            records([column for column in WHY_NOT if column.name != "decides"], (one.decides, *one.others)),
            strict=True,
        )
    ]


def _proof(row: Recommendation) -> dict[str, Any]:
    """The evidence; of a replay that is told in one piece the same columns as of one told item by item."""
    replay: Mapping[str, Any] = row.evidence.get("replay") or {}
    told = {f"replay_{name}": replay.get(name) for name in ("hours", "violation_minutes", "worst_overload")}
    evidence = {name: value for name, value in told.items() if value is not None} | dict(row.evidence)
    bound = replay.get("violation_bound", replay.get("bound"))
    return {
        **{f"evidence_{column.name}": _exact(evidence.get(column.name), column) for column in EVIDENCE},
        **{f"evidence_replay_{column.name}": _exact(replay.get(column.name), column) for column in REPLAY},
        "evidence_replay_bound": None if bound is None else Decimal(str(bound)),
        "evidence_other": other_evidence(row.evidence, _SHOWN),
    }


def _told(row: Recommendation) -> dict[str, Any]:
    return {
        "title": kind_title(row.kind),
        "not_counted_because": not_counted(row),
        "acts_on": "; ".join(f"{name} {part['monthly_cost']}" for name, part in sorted(row.acts_on.items())) or None,
        "acts_on_resources": len(row.acts_on),
        "terraform": row.evidence.get("terraform"),
        "replay": replay_sentence(row.evidence, row.violation_bound),
    }


def _exact(value: Any, column: Column) -> Any:
    """An item of evidence, which JSON keeps as text or binary number, as what its column says it is."""
    if column.kind in ("money", "number") and value is not None and not isinstance(value, bool):
        return Decimal(str(value))
    return value
