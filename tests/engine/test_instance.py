"""What one piece of work leaves behind for the next: nothing; and that the next need not open DuckDB again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import duckdb
import pyarrow as pa
import pytest

from aispend.engine.instance import Lent
from aispend.settings import Settings
from collectors.files.telemetry_scan import workspace

Opened = Callable[[], int]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """How many instances were opened."""
    count = 0
    connect = duckdb.connect

    def counted(*given: object, **words: object) -> duckdb.DuckDBPyConnection:
        nonlocal count
        count += 1
        return connect(*given, **words)

    monkeypatch.setattr(duckdb, "connect", counted)
    return lambda: count


def seen(session: duckdb.DuckDBPyConnection) -> set[tuple[str, ...]]:
    """Everything a session can see that another may have made: names, settings, what is kept of files."""
    asked = (
        "SELECT database_name, table_name FROM duckdb_tables()",
        "SELECT database_name, view_name FROM duckdb_views() WHERE NOT internal",
        "SELECT database_name, function_name FROM duckdb_functions() WHERE NOT internal",
        "SELECT database_name, type_name FROM duckdb_types() WHERE NOT internal",
        "SELECT name FROM duckdb_secrets()",
        "SELECT name, statement FROM duckdb_prepared_statements()",
        "SELECT name, value FROM duckdb_settings()",
        "SELECT path, location FROM duckdb_external_file_cache()",
        "SHOW DATABASES",
    )
    return {(query, *map(str, row)) for query in asked for row in session.execute(query).fetchall()}


def litter(session: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Everything that work may leave behind."""
    parquet, csv = folder / "lines.parquet", folder / "lines.csv"
    csv.write_text("a,b\n1,2\n3\n")
    session.execute(
        "CREATE TABLE record AS SELECT range AS a FROM range(9); CREATE TEMP TABLE held AS FROM record;"
        " CREATE VIEW half AS FROM record; CREATE MACRO twice(x) AS 2 * x; CREATE TYPE way AS ENUM ('in', 'out');"
        f" COPY record TO '{parquet}'; SET threads = 1; SET TimeZone = 'Asia/Tokyo'; PREPARE one AS SELECT 1;"
        " SET preserve_insertion_order = false; SET memory_limit = '99MB'; SET enable_progress_bar = false"
    )
    session.execute(f"SELECT sum(a) FROM '{parquet}'").fetchall()
    session.register("given", pa.table({"a": [1]}))
    session.execute(
        f"SELECT * FROM read_csv('{csv}', header=true, columns={{'a': 'VARCHAR', 'b': 'VARCHAR'}}, auto_detect=false,"
        " store_rejects=true, rejects_table='misfits', rejects_scan='misfits_scan')"
    ).fetchall()
    assert session.execute("SELECT line FROM misfits").fetchall() == [(3,)]


@pytest.mark.parametrize("database", [False, True])
def test_the_next_finds_nothing_and_nothing_is_opened_again(tmp_path: Path, opened: Opened, database: bool) -> None:
    file = tmp_path / "work.duckdb" if database else None
    spill = tmp_path / "spill"
    with Lent(spill, "100MB", threads=2, zone="UTC") as session:
        before = seen(session)
    first = opened()
    for _ in range(3):
        with Lent(tmp_path / "elsewhere", "200MB", threads=1, database=file, keep_order=False) as session:
            litter(session, tmp_path)
        if file:
            file.unlink()
        with Lent(spill, "100MB", threads=2, zone="UTC") as session:
            assert seen(session) == before
    assert opened() == first


def test_the_next_finds_nothing_after_an_error(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with Lent(spill, "100MB", threads=2, zone="UTC") as session:
        before = seen(session)

    def fail() -> None:
        with Lent(spill, "200MB", threads=1) as session:
            litter(session, tmp_path)
            session.execute("BEGIN; DELETE FROM record; SELECT * FROM nowhere")

    with pytest.raises(duckdb.CatalogException):
        fail()
    with Lent(spill, "100MB", threads=2, zone="UTC") as session:
        assert seen(session) == before


def test_what_was_spilled_is_gone_and_the_next_spills_into_its_own_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        spill = tmp_path / name
        with Lent(spill, "40MB", threads=2) as session:
            session.execute("CREATE TABLE wide AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(2000000)")
            assert list(spill.iterdir())
            assert session.execute("SELECT count(*) FROM wide").fetchone() == (2_000_000,)
        assert not list(tmp_path.rglob("duckdb_temp*"))


def test_a_result_still_open_does_not_hold_up_the_next(tmp_path: Path) -> None:
    lent = Lent(tmp_path / "spill", "100MB", threads=2)
    lent.connection.execute("CREATE TABLE record AS SELECT range AS a FROM range(100000)")
    reader = lent.connection.sql("FROM record").to_arrow_reader(1000)
    reader.read_next_batch()
    lent.close()
    lent.close()
    with Lent(tmp_path / "spill", "100MB", threads=2) as session:
        assert not session.execute("SHOW TABLES").fetchall()


def test_work_at_the_same_time_does_not_meet(tmp_path: Path) -> None:
    """Each with its own bounds and its own tables, in threads as well."""
    together = Barrier(4)

    def work(number: int) -> tuple[object, ...]:
        found: list[tuple[object, ...]] = []
        for _ in range(3):
            with Lent(tmp_path / f"{number}", f"{100 + number}MB", threads=1 + number % 2) as session:
                together.wait(30)
                session.execute(f"CREATE TABLE record AS SELECT {number} AS a")
                together.wait(30)
                asked = session.execute("SELECT a, current_setting('threads') FROM record").fetchone()
                assert asked is not None
                found.append(asked)
                together.wait(30)
        (same,) = set(found)
        return same

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [(0, 1), (1, 2), (2, 1), (3, 2)]


def test_a_workspace_leaves_no_file_and_no_table(tmp_path: Path) -> None:
    """After an error, too."""

    def work(divisor: int) -> None:
        with workspace(Settings(home=tmp_path)) as space:
            assert not space.rows("SHOW TABLES")
            space.engine.execute("CREATE TABLE record AS SELECT 1 AS a")
            assert 1 / divisor

    for _ in range(2):
        work(1)
        with pytest.raises(ZeroDivisionError):
            work(0)
    assert not [path for path in (tmp_path / "work").iterdir() if path.is_dir()]
