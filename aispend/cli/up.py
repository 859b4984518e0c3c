"""``aispend up`` and ``aispend dashboard``: everything running on localhost until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli.doors import DatabaseOption

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store

TOP_SAVINGS = 5
TOP_MODELS = 10

PortOption = Annotated[
    int | None,
    typer.Option("--port", help="Where the dashboard listens. Default: 8501, or as set.", show_default=False),
]

HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Address it listens on. Default: this machine only (127.0.0.1), or as set; it asks for no password.",
        show_default=False,
    ),
]


@dataclass
class Steps:
    """Says how long each step took, as it ends."""

    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Time a step; what is put into the list is printed behind its title."""
        start = time.monotonic()
        details: list[str] = []
        yield details
        detail = f" ({'; '.join(details)})" if details else ""
        typer.echo(f"{time.monotonic() - start:6.1f} s  {title}{detail}")

    def total(self) -> None:
        """The whole time."""
        typer.echo(f"{time.monotonic() - self.began:6.1f} s  in all")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("up")(up)
    app.command("dashboard")(dashboard)


def up(
    sample: Annotated[
        bool | None,
        typer.Option(
            "--sample/--no-sample",
            help="Load the sample company. Default: only where no other bill is loaded.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 7,
    scale: Annotated[float, typer.Option(min=0.01, help="Size of the company; 1 is about 400,000 bill lines.")] = 1.0,
    port: PortOption = None,
    database: DatabaseOption = None,
) -> None:
    """Start everything, with a sample company.

    Database, sample company, analysis, advice and dashboard; Ctrl-C stops all of it, the database too.
    The sample's bills and telemetry take the way a real bill takes. A second run finds them loaded and starts at once.

    Example: aispend up
    """
    from aispend.cli.serving import free_port_or_error, serve, stops_on_signals
    from aispend.cli.trial import load_sample, wants_sample
    from aispend.store import open_store

    steps = Steps()
    settings = _settings(database, port)
    free_port_or_error(settings.dashboard)
    with stops_on_signals():
        with steps.step("database ready") as details:
            store = open_store(settings)
            details.append(f"data in {settings.home}" if settings.database_url is None else "yours")
        with store:
            if wants_sample(store, sample):
                settings = load_sample(store, settings, steps, seed=seed, scale=scale)
            elif sample is None:
                typer.echo("          bills other than the sample's are loaded: the sample company stays out")
            with serve(settings, steps) as dashboard_process:
                _summary(store, settings)
                steps.total()
                dashboard_process.announce()
                dashboard_process.wait()


def dashboard(host: HostOption = None, port: PortOption = None, database: DatabaseOption = None) -> None:
    """Serve the dashboard until Ctrl-C.

    Example: aispend dashboard --port 8502
    """
    from aispend.cli.serving import free_port_or_error, serve, stops_on_signals
    from aispend.store import open_store

    settings = _settings(database, port, host)
    free_port_or_error(settings.dashboard)
    with stops_on_signals(), open_store(settings), serve(settings, Steps()) as process:
        process.announce()
        process.wait()


def _settings(database: str | None, port: int | None, host: str | None = None) -> Settings:
    from aispend.settings import load_settings

    settings = load_settings(database_url=database)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return settings.model_copy(update={"dashboard": settings.dashboard.model_copy(update=given)})


def _summary(store: Store, settings: Settings) -> None:
    """AI spend by model and the largest savings, as the dashboard shows them."""
    from aispend.cli import nothing, show
    from aispend.cli.advice import advice_lines
    from aispend.cli.spending import spend_table
    from reports import views
    from reports.home_first import home_first

    with store.engine.connect() as connection:
        spend = views.spend(connection, views.SpendQuery(by=("model",), ai_only=True))
        advice = views.recommendations(connection, views.AdviceFilter(states=("open",), counted_only=True))
        nothing_yet = spend.basis.window is None or bool(spend.basis.pending)
        missing = nothing.no_charges(connection) if nothing_yet else "No AI spend in the newest days of the bills."
    typer.echo("")
    if not spend.rows:
        show.lines([missing])
    else:
        spend_table(spend, ("model",), TOP_MODELS, settings.reporting_currency)
    savings = [row for row in advice.rows if row.monthly_saving_net]
    if savings:
        typer.echo("")
        home = settings.reporting_currency
        advice_lines(home_first(savings, home)[:TOP_SAVINGS])
    typer.echo("")
