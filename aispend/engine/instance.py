"""DuckDB for one piece of work: opening an instance costs more than reading a small file, so an idle one is kept.

Method
    An instance works for one at a time, within that one's bounds (memory, threads, folder to spill into), which are set
    anew each time. The work has a session of its own, which takes temporary tables, registered objects and the
    session's settings with it, and an attached database of its own, which is detached. Where nothing is idle a further
    instance is opened, so pieces of work that run at the same time never meet.

Cases
    - Work that failed, spilled to disk, or still has a result open ends its instance. A fork ends the idle one, because
      a child has none of its threads.
"""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from aispend.engine.line import literal

if TYPE_CHECKING:
    import duckdb

_WORK = "work_at_hand"


class _Idle:
    """The instance that waits for work, if one does."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._waiting: duckdb.DuckDBPyConnection | None = None
        self._watched = False

    def take(self) -> duckdb.DuckDBPyConnection | None:
        with self._one_at_a_time:
            taken, self._waiting = self._waiting, None
        return taken

    def keep(self, instance: duckdb.DuckDBPyConnection) -> bool:
        with self._one_at_a_time:
            if self._waiting is not None:
                return False
            if not self._watched:
                os.register_at_fork(before=self.end)
                atexit.register(self.end)
                self._watched = True
            self._waiting = instance
        return True

    def end(self) -> None:
        if instance := self.take():
            instance.close()


_idle = _Idle()


def _opened() -> duckdb.DuckDBPyConnection:
    """A new instance; what work leaves in a file is of no use to anybody, so it is not tidied at the end."""
    import duckdb

    instance = duckdb.connect(":memory:")
    instance.execute("PRAGMA disable_checkpoint_on_shutdown; SET autoinstall_known_extensions = false")
    return instance


class Lent:
    """A session in an instance of its own, given back with :meth:`close` or at the end of a ``with``."""

    def __init__(
        self,
        spill: Path,
        memory: str,
        *,
        threads: int | None = None,
        keep_order: bool = True,
        database: Path | None = None,
        zone: str | None = None,
    ) -> None:
        """At most ``memory`` (as DuckDB writes it) and ``threads`` (by default one for each core) are used, and the
        folder ``spill`` beyond. ``keep_order`` is DuckDB's ``preserve_insertion_order``. Tables are in the file
        ``database``, without it in memory; ``zone`` is the session's, by default the machine's.
        """
        self._instance: duckdb.DuckDBPyConnection | None = _idle.take() or _opened()
        try:
            self._instance.execute(
                f"SET enable_external_file_cache = true; SET temp_directory = {literal(str(spill))};"
                f" SET memory_limit = {literal(memory)}; SET preserve_insertion_order = {keep_order};"
                + (f" SET threads = {threads}" if threads else " RESET threads")
            )
            self.connection = self._instance.cursor()
            self.connection.execute(
                f"ATTACH {literal(str(database or ':memory:'))} AS {_WORK}; USE {_WORK};"
                " SET enable_progress_bar = false" + (f"; SET TimeZone = {literal(zone)}" if zone else "")
            )
        except BaseException:
            self.close(whole=False)
            raise

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        return self.connection

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.close(whole=kind is None)

    def close(self, *, whole: bool = True) -> None:
        """Let go of memory and files; ``whole`` says that nothing went wrong. Does nothing the second time."""
        import duckdb

        instance, self._instance = self._instance, None
        if instance is None:
            return
        if hasattr(self, "connection"):
            self.connection.close()
        if whole:
            try:
                # the folder cannot be changed once something was spilled; without the cache no file's content stays
                instance.execute(f"DETACH {_WORK}; SET temp_directory = ''; SET enable_external_file_cache = false")
                if _idle.keep(instance):
                    return
            except duckdb.Error:
                pass
        instance.close()
