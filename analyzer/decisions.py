"""Ask :mod:`analyzer.attribution` once for each distinct combination in the charges, not once per charge.

Fills the temporary table ``decision``: account, SKU, place, tag set (and resource, where a rule looks at it) ×
span of days between the dates on which rules begin or end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from analyzer.attribution import Attribution, Attributor, Subject

FIELDS = ("model", "team", "stage")
_KEYS = ("account_key", "sku_key", "location_key", "tag_set_key", "resource_key")

_CREATE = f"""
    CREATE TEMP TABLE decision (
        {", ".join(f"{key} bigint NOT NULL" for key in _KEYS)},
        valid_from date NOT NULL,
        valid_to date NOT NULL,
        is_ai boolean NOT NULL,
        ai_ruled boolean,
        shared text,
        {
    ", ".join(
        f"{field} text, {field}_source text NOT NULL, {field}_method text NOT NULL, {field}_confidence numeric NOT NULL"
        for field in FIELDS
    )
}
    ) ON COMMIT DROP"""

_COMBINATIONS = """
    SELECT d.*, a.provider,
           a.sub_account_id, a.sub_account_name, a.billing_account_id, a.billing_account_name,
           s.service_name, s.sku_id, s.sku_meter, s.charge_description, s.is_ai, s.model, s.stage,
           coalesce(r.instance_type, s.instance_type) AS instance_type, nullif(r.resource_id, '') AS resource_id,
           l.region_id, t.tags
    FROM (SELECT DISTINCT account_key, sku_key, location_key, tag_set_key,
                 CASE WHEN :by_resource THEN resource_key ELSE 0 END AS resource_key
          FROM charge
          WHERE billing_month = :month AND slice_id = ANY(:slices)
         ) AS d
    JOIN account a USING (account_key)
    JOIN sku s USING (sku_key)
    LEFT JOIN location l USING (location_key)
    LEFT JOIN tag_set t USING (tag_set_key)
    LEFT JOIN resource r USING (resource_key)"""


def decide_charges(
    connection: Connection, attributor: Attributor, *, month: date, slices: list[int], first: date, last: date
) -> None:
    """Make and fill ``decision`` for the charges of ``slices``; their charge days lie in ``[first, last]``."""
    connection.execute(text(_CREATE))
    scope = {"month": month, "slices": slices, "by_resource": attributor.reads_resource}
    combinations = connection.execute(text(_COMBINATIONS), scope)
    starts = attributor.boundaries(first, last + timedelta(days=1))
    spans = list(zip(starts, [*starts[1:], last + timedelta(days=1)], strict=True))
    cursor = connection.connection.cursor()
    with cursor.copy("COPY decision FROM STDIN") as copy:
        for row in _rows(combinations.mappings(), attributor, spans):
            copy.write_row(row)
    connection.execute(text("ANALYZE decision"))


def _rows(
    combinations: Iterable[Any], attributor: Attributor, spans: list[tuple[date, date]]
) -> Iterator[tuple[Any, ...]]:
    for combination in combinations:
        subject = _subject(combination)
        keys = [combination[key] for key in _KEYS]
        for start, end in spans:
            yield (*keys, start, end, *_values(attributor.decide(subject, start)))


def _subject(row: Any) -> Subject:
    account = (
        (row["sub_account_id"], row["sub_account_name"])
        if row["sub_account_id"]
        else (row["billing_account_id"], row["billing_account_name"])
    )
    return Subject(
        provider=row["provider"],
        account=tuple(name for text in account if text for name in {text, text.removeprefix("/subscriptions/")}),
        service=row["service_name"],
        region=row["region_id"],
        resource_id=row["resource_id"],
        sku=tuple(filter(None, (row["sku_id"], row["sku_meter"], row["charge_description"]))),
        instance_type=row["instance_type"],
        tags={key: str(value) for key, value in (row["tags"] or {}).items() if value is not None},
        is_ai=row["is_ai"],
        model=row["model"],
        stage=row["stage"],
    )


def _values(decided: Attribution) -> Iterator[Any]:
    yield decided.is_ai
    yield decided.ai_ruled
    yield decided.shared
    for answer in (decided.model, decided.team, decided.stage):
        yield from (answer.value, answer.source, answer.method, answer.confidence)
