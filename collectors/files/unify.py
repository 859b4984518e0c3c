"""Files of one bill whose headers differ: kept apart where they are different slices, else given one header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.engine.line import Header, LineSql, identifier, literal
from aispend.engine.scan import BillFile
from collectors.files import reading

if TYPE_CHECKING:
    import duckdb

Same = tuple[Sequence[BillFile], LineSql]
_NESTED = ("MAP", "STRUCT", "UNION")


def disjoint_or_common(
    sets: Sequence[Same], connection: duckdb.DuckDBPyConnection, workdir: Path
) -> list[list[BillFile]]:
    """Groups of files, each readable as one relation, so that no slice is in two groups.

    ``sets`` are files of one header each, with its mapping. Sets that share a (scope, month) are written to Parquet
    with all their columns under one header; the rows of such a file keep their order, the header being line 1.
    """
    found = [slices(files, line, connection) for files, line in sets]
    clusters: list[tuple[set[tuple[object, ...]], list[int]]] = []
    for place, mine in enumerate(found):
        touching = [cluster for cluster in clusters if cluster[0] & mine]
        merged = (
            mine.union(*(cluster[0] for cluster in touching)),
            [n for cluster in touching for n in cluster[1]] + [place],
        )
        clusters = [cluster for cluster in clusters if cluster not in touching] + [merged]
    grouped: list[list[BillFile]] = []
    for _, places in clusters:
        files = [file for place in sorted(places) for file in sets[place][0]]
        grouped.append(files if len(places) == 1 else _common(files, connection, workdir))
    return grouped


def slices(files: Sequence[BillFile], line: LineSql, connection: duckdb.DuckDBPyConnection) -> set[tuple[object, ...]]:
    """Provider, scope and billing month of the lines of files of one header."""
    columns = ", ".join(line.select[name] for name in ("x_provider", "x_scope", "x_billing_month"))
    return set(reading.asker(connection, files)(f"SELECT DISTINCT {columns} FROM raw"))


def _common(files: Sequence[BillFile], connection: duckdb.DuckDBPyConnection, workdir: Path) -> list[BillFile]:
    """The files as Parquet with one header: all columns of all; text where their types differ."""
    types: dict[str, str] = {}
    names: dict[str, str] = {}
    for file in files:
        for name, kind in file.header.types.items():
            names.setdefault(name.lower(), name)
            known = types.setdefault(name.lower(), kind)
            if known != kind:
                types[name.lower()] = "VARCHAR"
    header = Header({names[key]: kind for key, kind in types.items()})
    written = []
    connection.execute("SET preserve_insertion_order = true")
    for place, file in enumerate(files):
        own = {name.lower(): (name, kind) for name, kind in file.header.types.items()}
        select = ", ".join(
            f"{_value(own.get(key), kind, file)} AS {identifier(names[key])}" for key, kind in types.items()
        )
        target = workdir / f"common{place}_{abs(hash((file.path, tuple(types)))):x}.parquet"
        connection.execute(
            f"COPY (SELECT {select} FROM {reading.relation([file])}) TO {literal(str(target))} (FORMAT parquet)"
        )
        written.append(replace(file, path=target, format="parquet", header=header, delimiter=",", skip_lines=0))
    connection.execute("SET preserve_insertion_order = false")
    return written


def _value(own: tuple[str, str] | None, kind: str, file: BillFile) -> str:
    if own is None:
        return f"CAST(NULL AS {kind})"
    name, has = own
    quoted = identifier(name)
    if has == kind == "VARCHAR" and file.format != "parquet":
        return f"CASE WHEN {quoted} IN ('NULL', 'null', 'Null') THEN NULL ELSE {quoted} END"
    if has == kind:
        return quoted
    if has.upper().startswith(_NESTED) or has.endswith("[]"):
        return f"CAST(to_json({quoted}) AS VARCHAR)"
    return f"CAST({quoted} AS {kind})"
