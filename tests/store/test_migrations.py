"""The migrations make the schema's tables, from nothing, once, and never touch a newer database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Engine, MetaData, Text, inspect, text

from aispend.errors import StoreError
from aispend.schema import metadata
from aispend.store import Store, connect, migrate
from migrations.check import differences


@pytest.fixture
def empty(empty_database: str) -> Iterator[Engine]:
    """An engine on a database without any table."""
    engine = connect.engine_for(empty_database)
    yield engine
    engine.dispose()


def test_migrations_and_schema_agree(empty: Engine) -> None:
    """What ``make check`` asks."""
    assert differences(empty) == []


def test_the_check_sees_a_difference(empty: Engine) -> None:
    """It can fail: an extra column, a lost comment, a check and a missing table are each named."""
    declared = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        if table.name != "why_not":
            table.to_metadata(declared)
    declared.tables["account"].append_column(Column("surprise", Text, comment="unheard of"))
    declared.tables["invoice"].append_constraint(CheckConstraint("net > 0", name="positive"))
    declared.tables["load"].c.rows_in.comment = None
    found = differences(empty, declared)

    assert "+account.surprise: text -- unheard of" in found
    assert "+invoice: constraint ck_invoice_positive CHECK ((net > (0)::numeric))" in found
    assert "+load.rows_in: integer not null" in found
    assert "-load.rows_in: integer not null -- lines read, without the header" in found
    assert any(line.startswith("-why_not.reason: text not null") for line in found)


def test_upgrade_from_nothing_and_again(empty: Engine) -> None:
    """An empty database gets every table; a second time nothing happens."""
    with empty.connect() as connection:
        before = migrate.current(connection)
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    with empty.connect() as connection:
        after = migrate.current(connection)
    tables = set(inspect(empty).get_table_names())

    assert before is None
    assert after == migrate.expected()
    assert tables == {*metadata.tables, migrate.VERSION_TABLE}


def test_two_first_commands_at_once(empty: Engine) -> None:
    """Both find an empty database; one makes the tables, the other waits for it."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: migrate.upgrade(empty), range(2)))
    with empty.connect() as connection:
        assert migrate.current(connection) == migrate.expected()


def test_a_newer_database_is_left_alone(database: Store) -> None:
    """Both revisions are named, with what to do."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '2031_01_01_future'"))
    with pytest.raises(StoreError) as caught:
        migrate.upgrade(database.engine)

    assert "newer version of aispend" in str(caught.value)
    assert "2031_01_01_future" in str(caught.value)
    assert migrate.expected() in str(caught.value)


def test_file_names_say_the_revisions() -> None:
    """The names are read instead of the files; so each must be true, and the last one the head."""
    directory = ScriptDirectory.from_config(migrate.alembic_config())
    walked = {script.revision: script.path for script in directory.walk_revisions()}

    assert walked == {revision: str(path) for revision, path in migrate.steps().items()}
    assert directory.get_current_head() == migrate.expected()


def test_key_zero_means_none(database: Store) -> None:
    """The four optional dimensions have a row for "none", so that every join from ``charge`` is an inner join."""
    with database.engine.connect() as connection:
        found = [
            connection.scalar(text(f"SELECT count(*) FROM {table} WHERE {table}_key = 0"))
            for table in ("location", "resource", "tag_set", "commitment")
        ]

    assert found == [1, 1, 1, 1]
