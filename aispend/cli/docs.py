"""``python -m aispend.cli.docs [--check]``: write what is derived in docs/, or say that it is stale.

Derived are docs/cli.md from the commands' own help, docs/data-dictionary.md from the tables as ``aispend.schema``
declares them, and in the documents of the clouds what each source needs, from the requests its collector declares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from aispend.cli import app
from aispend.schema import metadata

if TYPE_CHECKING:
    from collectors.base import Cloud

DOCS = Path(__file__).resolve().parents[2] / "docs"
WIDTH = 88
_WRITTEN = "<!-- Written by `python -m aispend.cli.docs`; edit the command or the schema instead. -->"
_NEEDED = "<!-- What each source needs: written by `python -m aispend.cli.docs` from what collectors declare. -->"
_NEEDED_END = "<!-- Up to here. -->"


def documents() -> dict[Path, str]:
    """Path and text of each generated document."""
    from collectors.registry import clouds

    derived = {DOCS / "cli.md": command_reference(), DOCS / "data-dictionary.md": data_dictionary()}
    for name, cloud in clouds().items():
        path = DOCS / f"connect-{name}.md"
        before, _, rest = path.read_text("utf-8").partition(_NEEDED)
        derived[path] = f"{before}{_NEEDED}\n\n{permissions(cloud)}\n\n{_NEEDED_END}{rest.partition(_NEEDED_END)[2]}"
    return derived


def permissions(cloud: Cloud) -> str:
    """The permissions that each source of a cloud needs, as a table."""
    rows = [
        (kind, "<br>".join(f"`{name}`" for name in cloud.permissions(collector.operations)) or "none of a role")
        for kind, collector in cloud.collectors().items()
    ]
    return "\n".join(["| source | permissions |", "|---|---|", *(f"| `{kind}` | {names} |" for kind, names in rows)])


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups before what is in them."""
    yield from _below((), typer.main.get_command(app))


def command_reference() -> str:
    """docs/cli.md."""
    parts = [
        "# The command line",
        _WRITTEN,
        "Exit status: 0 done, 1 failed (or, for `reconcile`, a promise does not hold), 2 wrong use. Results go to "
        "stdout, remarks and errors (what, where, next step) to stderr. `AISPEND_DEBUG=1` shows the details of an "
        "unexpected error.",
        "Environment: `AISPEND_HOME` (data folder), `AISPEND_DATABASE_URL`, `AISPEND_CONFIG` (settings file).",
    ]
    for words, command in commands():
        if not words:
            continue
        parts.append(f"## aispend {' '.join(words)}")
        parts.append(f"```text\n{_help(words, command)}\n```")
    return "\n\n".join(parts) + "\n"


def data_dictionary() -> str:
    """docs/data-dictionary.md."""
    parts = [
        "# Data dictionary",
        _WRITTEN,
        "Every table and column. Amounts are exact decimals in the row's own currency; NULL is unknown, never zero; "
        "times are UTC and periods half-open. Tables are read-only for others: SQL and BI tools are welcome to read.",
    ]
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        parts += [f"## {table.name}", table.comment or "", _columns(table)]
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Write the documents, or with ``--check`` compare; returns the exit status."""
    stale = [path for path, text in documents().items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"docs/{path.name} is not current. Run: python -m aispend.cli.docs\n")
        return 1 if stale else 0
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return 0


def _below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _below((*words, name), child)


def _help(words: tuple[str, ...], command: Any) -> str:
    context = command.make_context(
        f"aispend {' '.join(words)}", [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
    )
    text: str = command.get_help(context)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip()


def _columns(table: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    rows = ["| column | type | null | meaning |", "|---|---|---|---|"]
    for column in table.columns:
        mark = " (key)" if column.primary_key else ""
        null = "yes" if column.nullable else "no"
        meaning = (column.comment or "").replace("|", "\\|")
        rows.append(f"| `{column.name}`{mark} | {column.type.compile(dialect).lower()} | {null} | {meaning} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
