"""Opening a store: in UTC, for SQLAlchemy and ADBC alike, with errors that help and never tell a password."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from adbc_driver_postgresql import dbapi
from sqlalchemy import text

from aispend.errors import StoreError
from aispend.settings import Settings, load_settings
from aispend.store import Store, open_store, server

SECRET = "s3cr3t-word"


def test_sessions_speak_utc(database: Store) -> None:
    """Whatever the database's own zone is."""
    with database.engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'"))
    database.engine.dispose()
    with database.engine.connect() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"


def test_the_uri_serves_adbc(database: Store) -> None:
    """The same database through Arrow."""
    with dbapi.connect(database.uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM location")
        assert cursor.fetchone() == (1,)


def test_an_embedded_store_from_nothing(new_home: Callable[[], Path]) -> None:
    """Server, database and tables appear; when the store is closed the server is gone."""
    home = new_home()
    with open_store(Settings(home=home)) as store, store.engine.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM tag_set"))
    stopped = server.wait_until_stopped(home / "postgres", 0)
    shutil.rmtree(home)

    assert found == 1
    assert stopped


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://someone:{SECRET}@127.0.0.1:1/db",
        f"postgresql://someone@127.0.0.1:1/db?password={SECRET}",
        f"postgresql+psycopg://someone:{SECRET}@127.0.0.1:1/db?sslkey={SECRET}",
        f"postgresql://someone:{SECRET}@127.0.0.1:1/db?nonsense={SECRET}",
        f"mysql://someone:{SECRET}@127.0.0.1/db",
        f"someone:{SECRET}",
        f"postgresql://someone:{SECRET}@127.0.0.1:port/db",
        f"postgresql://someone:first@{SECRET}@127.0.0.1:1/db",
        f"postgresql://someone:first@half/{SECRET}@127.0.0.1:1/db",
        f"postgresql://someone:first@{SECRET}?more=x@127.0.0.1:1/db",
        f"postgresql://someone:first@{SECRET}#more@127.0.0.1:1/db",
    ],
)
def test_no_error_tells_the_password(url: str, tmp_path: Path) -> None:
    """Neither the message nor the trace a crash would print, nor settings and store when shown."""
    settings = Settings(home=tmp_path, database_url=url)
    with pytest.raises(StoreError) as caught:
        open_store(settings)
    told = "".join(traceback.format_exception(caught.value)) + repr(settings)

    assert SECRET not in told
    assert caught.value.next_step


def test_a_store_does_not_show_its_uri(database: Store) -> None:
    """It may hold a password."""
    assert database.uri not in repr(database)


def test_an_unreachable_server_is_named(tmp_path: Path) -> None:
    """Host and database yes, password no."""
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/costs"):
        open_store(Settings(home=tmp_path, database_url="postgresql://me:word@127.0.0.1:1/costs"))


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    """A file stands where the data directory should be: refused, naming it."""
    (tmp_path / "postgres").write_text("")
    with pytest.raises(StoreError, match="postgres"):
        open_store(Settings(home=tmp_path))


def test_the_default_place_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own folder; as root one that a service user can reach."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    as_root = load_settings({}).home
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    as_user = load_settings({}).home

    assert as_root == Path("/var/lib/aispend")
    assert as_user.name == "aispend"
    assert as_user != as_root
    assert load_settings({"AISPEND_HOME": "/srv/x"}).home == Path("/srv/x")
