"""The default engine: DuckDB in this process, streaming, within a memory bound, spilling to ``workdir``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aispend.engine.instance import Lent
from aispend.engine.line import Header, literal
from aispend.engine.result import Classify, Estimate
from aispend.engine.run import RollUp, parquet_rows, shown_names
from aispend.engine.scan import Delivery, FileFormat
from aispend.errors import AispendError, InputError
from aispend.settings import Engine as EngineSettings
from aispend.settings import Rule, TagKeys


class DuckEngine:
    """Reads deliveries and rolls them up. One roll-up at a time; close it before the next."""

    def __init__(self, settings: EngineSettings, workdir: Path) -> None:
        self._settings = settings
        self._workdir = workdir

    def probe(
        self, path: Path, file_format: FileFormat, *, delimiter: str = ",", encoding: str = "utf-8", skip_lines: int = 0
    ) -> Header:
        """The columns of a file with their types; all VARCHAR in CSV. Raises ``InputError``."""
        with self.connect() as duck, reading([str(path)]):
            if file_format == "parquet":
                relation = f"read_parquet({literal(str(path))})"
            elif file_format == "json":
                relation = f"read_json({literal(str(path))}, format='newline_delimited')"
            else:
                relation = (
                    f"read_csv({literal(str(path))}, all_varchar=true, header=true, delim={literal(delimiter)}, "
                    f"quote='\"', escape='\"', skip={skip_lines}, encoding={literal(encoding)}, null_padding=true)"
                )
            rows = duck.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        return Header({str(row[0]): str(row[1]) for row in rows})

    def estimate(self, delivery: Delivery) -> Estimate:
        """Bytes to read, and lines where the files themselves say (Parquet, or the manifest)."""
        lines = delivery.declared_rows
        if delivery.files[0].format == "parquet":
            with self.connect() as duck, reading(shown_names(delivery.files)):
                lines = sum(parquet_rows(duck, delivery.files))
        return Estimate(sum(file.path.stat().st_size for file in delivery.files), lines)

    def roll_up(
        self, delivery: Delivery, classify: Classify, *, rules: Sequence[Rule] = (), tag_keys: TagKeys | None = None
    ) -> RollUp:
        """Roll a delivery up to facts.

        ``classify`` is asked once per distinct SKU; ``rules`` and ``tag_keys`` are the user's.
        Raises ``InputError`` when a file is cut off, too many lines are unreadable, there are no lines, their number is
        not the manifest's, or the dates cannot be right.
        """
        # JSON lines with lists in them are several times as wide: a second thread's share would not fit the bound
        lent = self.connect(threads=1 if delivery.files[0].format == "json" else None)
        try:
            with reading(shown_names(delivery.files)):
                return RollUp(
                    lent,
                    delivery,
                    workdir=self._workdir,
                    classify=classify,
                    rules=rules,
                    tag_keys=tag_keys or TagKeys(),
                )
        except BaseException:
            lent.close(whole=False)
            raise

    def connect(self, *, threads: int | None = None) -> Lent:
        """A private in-memory DuckDB within the bounds of the settings."""
        self._workdir.mkdir(parents=True, exist_ok=True)
        threads = threads or self._settings.thread_count
        return Lent(self._workdir / "spill", self._settings.memory, threads=threads, keep_order=False, zone="UTC")


@contextmanager
def reading(names: Sequence[str]) -> Iterator[None]:
    """DuckDB's errors about files as ours."""
    import duckdb

    where = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise AispendError(
            "The roll-up needs more memory or disk than it may use.",
            where=f"{where}: {_first_line(error)}",
            next_step="Raise memory_limit under [engine] in aispend.toml, or free disk space in the data directory.",
        ) from error
    except duckdb.OutOfRangeException as error:
        raise InputError(
            "An amount is too large to be a cost.", where=f"{where}: {_first_line(error)}", next_step="Check the file."
        ) from error
    except duckdb.Error as error:
        raise InputError(
            "The file cannot be read to its end: it is cut off, damaged or not what its header says.",
            where=f"{where}: {_first_line(error)}",
            next_step="Download or export it again; compare its size with the original.",
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]
