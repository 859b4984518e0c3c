"""Names of resources in the database: what telemetry calls things, and what is known about the things.

Rows of ``resource_alias`` with one namespace and alias never overlap in time; whoever writes them sees to that, under
the lock :data:`LOCK`. Rows of an inventory stay until another inventory names the alias; settings' and derived ones
follow every refresh, which writes only what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, tuple_
from sqlalchemy.dialects import postgresql

from aispend.keys import content_key
from aispend.schema import resource, resource_alias

LOCK = "names of resources"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""``valid_from`` of a name that always meant its resource."""

_NAMES_AT_ONCE = 1000

_NAME_KEY = ("namespace", "alias", "valid_from")
INVENTORY, SETTINGS, BILL = "inventory", "settings", "bill"
_DESCRIPTION = ("resource_name", "account", "region", "fleet", "instance_type", "accelerator_type", "accelerators")


class AliasRow(NamedTuple):
    """One row of ``resource_alias``: the name means the resource in ``[valid_from, valid_to)``."""

    namespace: str
    alias: str
    valid_from: datetime
    valid_to: datetime | None
    resource_key: int
    method: str
    confidence: Decimal


class SeenName(NamedTuple):
    """A name telemetry uses, and about when. ``named`` is false for an endpoint that stands in for a missing name."""

    namespace: str
    alias: str
    first_hour: datetime
    last_hour: datetime
    named: bool


class KnownResource(NamedTuple):
    """A resource that may be meant, with its first and last charge day; ``open`` where it may run still."""

    resource_key: int
    provider: str
    resource_id: str
    resource_name: str | None
    first_seen: date | None
    last_seen: date | None
    open: bool


def resource_key(provider: str, canonical_id: str) -> int:
    """The key of a resource."""
    return content_key(provider, canonical_id)


def describe_resources(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add resources, or complete what is known of them; a column given as None changes nothing.

    Each row has ``provider``, ``resource_id`` (canonical) and any of name, account, region, fleet and hardware columns.
    """
    if not rows:
        return
    statement = postgresql.insert(resource)
    statement = statement.on_conflict_do_update(
        index_elements=["resource_key"],
        set_={name: func.coalesce(statement.excluded[name], resource.c[name]) for name in _DESCRIPTION},
    )
    complete = [
        {name: row.get(name) for name in _DESCRIPTION}
        | {
            "resource_key": resource_key(row["provider"], row["resource_id"]),
            "provider": row["provider"],
            "resource_id": row["resource_id"],
        }
        for row in rows
    ]
    connection.execute(statement, complete)


def replace_inventory(connection: Connection, rows: Sequence[AliasRow]) -> None:
    """Write an inventory's names: whatever was known of the same namespaces and aliases goes."""
    names = sorted({(row.namespace, row.alias) for row in rows})
    _delete_names(connection, names)
    _write(connection, rows)


def extend_inventory(connection: Connection, rows: Sequence[AliasRow]) -> None:
    """Write what names mean for a time: what an inventory said of them for other times stays.

    Where both say something the new rows count; a meaning without an end ends where the next one begins. Of a resource
    and a start that are given anew only the new row stays.
    """
    given: dict[tuple[str, str], list[AliasRow]] = {}
    for row in sorted(rows, key=lambda row: row.valid_from):
        given.setdefault((row.namespace, row.alias), []).append(row)
    columns = [resource_alias.c[name] for name in AliasRow._fields]
    name = tuple_(resource_alias.c.namespace, resource_alias.c.alias)
    keys = sorted(given)
    known = [
        AliasRow(*found)
        for start in range(0, len(keys), _NAMES_AT_ONCE)
        for found in connection.execute(
            select(*columns).where(name.in_(keys[start : start + _NAMES_AT_ONCE]), resource_alias.c.method == INVENTORY)
        )
    ]
    kept = [left for old in known if (left := _outside(old, given[old.namespace, old.alias])) is not None]
    replace_inventory(connection, [*kept, *rows])


def _outside(old: AliasRow, new: Sequence[AliasRow]) -> AliasRow | None:
    """What is left of ``old`` beside ``new``, which is in the order of time."""
    if any(row.resource_key == old.resource_key and row.valid_from <= old.valid_from for row in new):
        return None
    for row in new:
        if old.valid_to is not None and old.valid_to <= row.valid_from:
            break
        if old.valid_from < row.valid_from:
            return old._replace(valid_to=row.valid_from)
        if row.valid_to is None:
            return None
        if old.valid_from < row.valid_to:
            old = old._replace(valid_from=row.valid_to)
            if old.valid_to is not None and old.valid_to <= old.valid_from:
                return None
    return old


def end_inventory(connection: Connection, ends: Mapping[int, datetime]) -> None:
    """End what inventories' names of resources mean, where they meant it for longer: the end by resource key."""
    if ends:
        connection.execute(
            text(
                "UPDATE resource_alias AS name SET valid_to = given.ended"
                " FROM unnest(CAST(:keys AS bigint[]), CAST(:ends AS timestamptz[])) AS given (resource_key, ended)"
                " WHERE name.resource_key = given.resource_key AND name.method = :inventory"
                " AND name.valid_from < given.ended AND (name.valid_to IS NULL OR name.valid_to > given.ended)"
            ),
            {"keys": list(ends), "ends": list(ends.values()), "inventory": INVENTORY},
        )


def replace_found(connection: Connection, rows: Sequence[AliasRow]) -> None:
    """Make ``rows`` all there is of names from settings and bills; what is there already is left untouched."""
    columns = [resource_alias.c[name] for name in AliasRow._fields]
    there = select(*columns).where(resource_alias.c.method.in_([SETTINGS, BILL]))
    known = {AliasRow(*row) for row in connection.execute(there)}
    wanted = set(rows)
    gone = sorted(known - wanted)
    for start in range(0, len(gone), _NAMES_AT_ONCE):
        keys = [(row.namespace, row.alias, row.valid_from) for row in gone[start : start + _NAMES_AT_ONCE]]
        connection.execute(
            delete(resource_alias).where(tuple_(*(resource_alias.c[name] for name in _NAME_KEY)).in_(keys))
        )
    _write(connection, sorted(wanted - known))


def inventory_names(connection: Connection) -> list[AliasRow]:
    """The names inventories gave."""
    query = select(*(resource_alias.c[name] for name in AliasRow._fields)).where(resource_alias.c.method == INVENTORY)
    return [AliasRow(*row) for row in connection.execute(query)]


def fingerprint(connection: Connection) -> str:
    """Of all that names are found from: which telemetry is loaded, the resources, what inventories say."""
    return " ".join(str(connection.scalar(text(query))) for query in _FOUND_FROM)


_FOUND_FROM = (
    """SELECT md5(string_agg(concat_ws(' ', slice_id, loaded_at), ',' ORDER BY slice_id))
       FROM slice WHERE kind IN ('metrics', 'usage', 'workloads')""",
    """SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('|', resource_key, resource_name, first_seen,
       last_seen), 0))) FROM resource""",
    """SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('|', namespace, alias, valid_from, valid_to,
       resource_key, confidence), 0))) FROM resource_alias WHERE method = 'inventory'""",
    """SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('|', namespace, alias, valid_from, valid_to,
       resource_key, confidence, method), 0))) FROM resource_alias WHERE method <> 'inventory'""",
)


def seen_names(connection: Connection) -> list[SeenName]:
    """Every name in telemetry with its first and last hour.

    ``accelerator_hour`` is large: its names are walked along the primary key, and the hours of a machine are those of
    its first accelerator.
    """
    query = text(
        """
        WITH RECURSIVE walk AS (
            (SELECT namespace, alias, accelerator_index FROM accelerator_hour
                ORDER BY namespace, alias, accelerator_index LIMIT 1)
            UNION ALL
            SELECT next.* FROM walk CROSS JOIN LATERAL (
                SELECT namespace, alias, accelerator_index FROM accelerator_hour
                WHERE (namespace, alias) > (walk.namespace, walk.alias)
                ORDER BY namespace, alias, accelerator_index LIMIT 1
            ) AS next
        ),
        name AS (
            SELECT namespace, alias, first_hour, last_hour, true AS named FROM walk CROSS JOIN LATERAL (
                SELECT min(hour) AS first_hour, max(hour) AS last_hour FROM accelerator_hour AS a
                WHERE a.namespace = walk.namespace AND a.alias = walk.alias
                    AND a.accelerator_index = walk.accelerator_index
            ) AS span
            UNION ALL
            SELECT namespace, alias, min(hour), max(hour), true FROM workload_hour GROUP BY namespace, alias
            UNION ALL
            SELECT namespace, coalesce(alias, lower(endpoint)), min(hour), max(hour), bool_or(alias IS NOT NULL)
            FROM inference_hour WHERE alias IS NOT NULL OR endpoint IS NOT NULL GROUP BY 1, 2
        )
        SELECT namespace, alias, min(first_hour), max(last_hour), bool_or(named) FROM name
        GROUP BY namespace, alias ORDER BY namespace, alias
        """
    )
    return [SeenName(*row) for row in connection.execute(query)]


def resources_named(connection: Connection, tokens: Iterable[str]) -> list[KnownResource]:
    """Resources whose id, last part of the id, name, host part of the name or scale set is among ``tokens``.

    A superset of what can match, so that of a million short-lived machines only a few pass through Python.
    """
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.token"))
    connection.execute(text("CREATE TEMP TABLE token (name text PRIMARY KEY) ON COMMIT DROP"))
    values = [{"name": token} for token in sorted(set(tokens))]
    if not values:
        return []
    connection.execute(text("INSERT INTO token VALUES (:name)"), values)
    connection.execute(text("ANALYZE token"))
    # Each IN becomes a hashed sub-plan: two seconds over a million resources, where a join takes ten.
    written = (
        "lower(resource_id)",
        "lower(split_part(split_part(resource_id, '/', -1), ':', -1))",
        "lower(resource_name)",
        "lower(split_part(resource_name, '.', 1))",
        "split_part(split_part(resource_id, '/virtualmachinescalesets/', 2), '/', 1)",
    )
    found = " OR ".join(f"{form} IN (SELECT name FROM token)" for form in written)
    query = text(
        "WITH bill AS MATERIALIZED (SELECT provider, max(last_seen) AS latest FROM resource GROUP BY provider),"
        f" found AS MATERIALIZED (SELECT * FROM resource WHERE {found})"
        " SELECT resource_key, provider, resource_id, resource_name, first_seen, last_seen,"
        " coalesce(last_seen >= latest - 1, true) AS open FROM found JOIN bill USING (provider) ORDER BY resource_key"
    )
    return [KnownResource(*row) for row in connection.execute(query)]


def known_keys(connection: Connection, keys: Iterable[int]) -> set[int]:
    """Those of ``keys`` that are resources."""
    wanted = sorted(set(keys))
    query = select(resource.c.resource_key).where(resource.c.resource_key.in_(bindparam("keys", expanding=True)))
    return set(connection.scalars(query, {"keys": wanted})) if wanted else set()


def resource_ids(connection: Connection, keys: Iterable[int]) -> dict[int, str]:
    """The ids behind keys, for messages."""
    query = select(resource.c.resource_key, resource.c.resource_id).where(
        resource.c.resource_key.in_(bindparam("keys", expanding=True))
    )
    return {row.resource_key: row.resource_id for row in connection.execute(query, {"keys": sorted(set(keys))})}


def _delete_names(connection: Connection, names: Sequence[tuple[str, str]]) -> None:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        batch = names[start : start + _NAMES_AT_ONCE]
        connection.execute(
            delete(resource_alias).where(tuple_(resource_alias.c.namespace, resource_alias.c.alias).in_(batch))
        )


def _write(connection: Connection, rows: Sequence[AliasRow]) -> None:
    if rows:
        connection.execute(insert(resource_alias), [row._asdict() for row in rows])
