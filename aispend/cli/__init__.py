"""The command line: it opens settings, clock and database, calls what does the work, and prints. No logic.

Nothing heavy is imported until a command runs, so that ``aispend --help`` answers at once.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from aispend.cli import (
    advice,
    analysis,
    anomalies,
    budgets,
    checks,
    closing,
    clouds,
    collect,
    company,
    database,
    economics,
    edge,
    energy,
    exports,
    imports,
    invoices,
    outlook,
    savings,
    setup,
    spending,
    up,
    use,
    why,
)
from aispend.errors import AispendError

app = typer.Typer(
    name="aispend",
    help="What each AI model and each inference costs across AWS, Google Cloud and Azure, and what to do about it.",
    epilog="Start with: aispend up (a sample company) or aispend import PATH (your own bill).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"aispend {version('aispend')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options of the program itself; its help text is the one given above."""


for part in (
    up,
    setup,
    imports,
    company,
    clouds,
    collect,
    analysis,
    spending,
    why,
    use,
    economics,
    edge,
    energy,
    outlook,
    advice,
    savings,
    anomalies,
    budgets,
    checks,
    invoices,
    closing,
    exports,
    database,
):
    part.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 2 wrong use. Errors go to stderr."""
    try:
        _command_of(app)(args=list(arguments), prog_name="aispend")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except AispendError as error:
        _say(str(error))
        return error.exit_status
    except Exception as error:
        if os.environ.get("AISPEND_DEBUG") == "1":
            raise
        _say(
            f"Something went wrong that aispend did not expect: {type(error).__name__}: {_first_line(error)}\n"
            "  next:  run it again with AISPEND_DEBUG=1 in the environment for the details, and report them."
        )
        return 1
    return 0


@functools.cache
def _command_of(program: typer.Typer) -> Any:
    """All its commands, made once: who runs several in a process waits once for the making of them."""
    return typer.main.get_command(program)


def main() -> None:
    """The entry point."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # its notes on connections are not for whoever reads the screen
    sys.exit(run(sys.argv[1:]))


def _say(message: str) -> None:
    sys.stderr.write(f"aispend: {message}\n")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
