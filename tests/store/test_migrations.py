"""The migrations make the schema's tables, from nothing, once, and never touch a newer database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Engine, MetaData, Text, inspect, text

from aispend.errors import StoreError, UsageError
from aispend.schema import metadata
from aispend.store import Store, connect, migrate
from migrations.check import differences
from migrations.revise import revision_of


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


def test_advice_of_the_first_version_keeps_its_decisions(empty: Engine) -> None:
    """Accepted and dismissed advice is found again under the identity that the next run gives it, with its events."""
    config = migrate.alembic_config()
    row = (
        "INSERT INTO recommendation (id, kind, resource_key, resource_id, provider, current, proposed, monthly_cost,"
        " monthly_saving_effective, monthly_saving_net, currency, risk, confidence, effort, evidence, reason, undo,"
        " state, counted, created_at, updated_at) VALUES (:id, :kind, 1, 'i-1', 'aws', 'p4d', :proposed, 100, 60, 50,"
        " 'USD', 0, 'high', 'low', '{}', 'idle', 'start it', :state, :counted, now(), now())"
    )
    stop = {"kind": "stop_idle", "counted": True}
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "2026_11_21_initial")
        connection.execute(text(row), stop | {"id": "a", "proposed": "stop it (disks stay)", "state": "accepted"})
        connection.execute(text(row), stop | {"id": "b", "proposed": "stop it", "state": "gone"})
        size = {"id": "c", "kind": "rightsize", "proposed": "g5.12xlarge (4 × nvidia-a10g)", "state": "dismissed"}
        connection.execute(text(row), size | {"counted": False})
        for of, event in (("a", "accepted"), ("b", "proposed"), ("c", "dismissed")):
            connection.execute(
                text("INSERT INTO recommendation_event (recommendation_id, at, event) VALUES (:of, now(), :event)"),
                {"of": of, "event": event},
            )
    migrate.upgrade(empty)

    with empty.connect() as connection:
        found = {row.kind: row for row in connection.execute(text("SELECT * FROM recommendation"))}
        events = {
            tuple(row) for row in connection.execute(text("SELECT recommendation_id, event FROM recommendation_event"))
        }
    stopped, resized = (
        sha256("\x1f".join((kind, "aws", "i-1", "USD", target)).encode()).hexdigest()[:12]
        for kind, target in (("stop_idle", "stop"), ("rightsize", "g5.12xlarge"))
    )
    assert (found["stop_idle"].id, found["stop_idle"].state) == (stopped, "accepted")
    assert (found["rightsize"].id, found["rightsize"].state) == (resized, "dismissed")
    assert events == {(stopped, "accepted"), (stopped, "proposed"), (resized, "dismissed")}
    # what was counted still is: 50 of the 100 it costs
    assert found["stop_idle"].acts_on == {"i-1": {"monthly_cost": "100", "counted_net": "50"}}
    assert (found["stop_idle"].counted_net, found["rightsize"].counted_net) == (50, 0)


def test_invoices_of_one_issuer_a_number_are_kept_and_another_may_have_the_number(empty: Engine) -> None:
    config = migrate.alembic_config()
    row = text(
        "INSERT INTO invoice (provider, invoice_id, currency, issuer, scope, billing_month, net, tax, source,"
        " entered_at) VALUES ('aws', 'N-10', 'USD', :issuer, '1', '2026-10-01', :net, 0, 'typed', now())"
    )
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "2026_11_22_value_of_outcomes")
        connection.execute(row, {"issuer": "AWS EMEA", "net": 2420})
    migrate.upgrade(empty)

    with empty.begin() as connection:
        connection.execute(row, {"issuer": "Acme Inc", "net": 200})
        found = connection.execute(text("SELECT issuer, net FROM invoice ORDER BY net")).all()
        assert [tuple(one) for one in found] == [("Acme Inc", 200), ("AWS EMEA", 2420)]
        keys = inspect(connection).get_pk_constraint("invoice")["constrained_columns"]
    assert keys == [column.name for column in metadata.tables["invoice"].primary_key]


@pytest.mark.parametrize(
    ("slug", "says"), [("budgets", "would come before"), ("a_slug_that_no_column_holds", "longer than 21 characters")]
)
def test_a_new_step_is_the_last_by_name(slug: str, says: str) -> None:
    """The newest step is told by its file's name, without loading Alembic."""
    assert revision_of("curves", date(2026, 11, 21), "2026_11_21_budgets") == "2026_11_21_curves"
    with pytest.raises(UsageError, match=says):
        revision_of(slug, date(2026, 11, 21), "2026_11_21_curves")
