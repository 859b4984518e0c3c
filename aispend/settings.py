"""One typed object from ``aispend.toml`` and the environment.

Looked for, first found wins: the path in ``AISPEND_CONFIG``, ``./aispend.toml``,
``$AISPEND_HOME/aispend.toml``. Unknown keys are errors. Only the doors call :func:`load_settings`.
"""

from __future__ import annotations

import fnmatch
import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from aispend import buying
from aispend.advising import Recommend
from aispend.connections import AwsConnection, AzureConnection, Connection, GcpConnection
from aispend.errors import SettingsError
from aispend.foresight import Forecast
from aispend.settings_errors import at_line, problem
from aispend.tag_keys import is_called
from aispend.taxing import NonRecoverableTax
from aispend.watching import Anomaly, Budget, BudgetAlerts, LatencyTarget

Stage = buying.Stage
STAGES: tuple[Stage, ...] = get_args(Stage)


MOST_THREADS = 8
"""More do not make a roll-up faster: it is as fast as the disk and the database then."""
_NO_KEYS = frozenset({"home", "read_from"})
"""Fields of the settings that no file sets: where it was found says them."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Section):
    """What a rule applies to; every given field must fit. Text fields are shell globs, case-insensitive."""

    provider: str | None = None
    account: str | None = Field(None, description="sub-account id or name")
    service: str | None = None
    region: str | None = None
    resource_id: str | None = None
    sku: str | None = Field(None, description="SKU id, meter or charge description")
    instance_type: str | None = None
    tags: dict[str, str] = Field(default_factory=dict, description="tag key → glob on its value")


class Assign(_Section):
    """What a rule decides; fields left out are decided further down the order."""

    model: str | None = None
    team: str | None = None
    stage: Stage | None = None
    ai: bool | None = Field(None, description="count the charge as AI spend, or not")


class Rule(_Section):
    """One of the user's rules: first match wins per field."""

    name: str
    match: Match
    assign: Assign = Field(alias="set")
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="exclusive")


class Alias(_Section):
    """A name telemetry uses for a resource of the bill."""

    alias: str
    provider: str
    resource_id: str
    namespace: str = Field("*", description="the import's source name the alias holds for; * for all")
    valid_from: date | None = None
    valid_to: date | None = None


class TagKeys(_Section):
    """Tag and label keys that name model, team and stage, in order of preference; case-insensitive.

    A provider's prefix (``user:``, ``resourceTags/user:``, ``user_``) is ignored when matching. Where no key fits so,
    one of the same letters and digits does (``cost_center`` for ``cost-center``). Where those differ, none counts.
    """

    model: tuple[str, ...] = ("model", "model-name", "model_name", "ml-model", "served-model")
    team: tuple[str, ...] = ("team", "owner", "cost-center", "costcenter", "cost_center", "business-unit")
    stage: tuple[str, ...] = ("stage", "ml-stage", "workload-type", "ai-stage", "phase")


class SharedCost(_Section):
    """A cost several teams or models share (a gateway, a control plane, egress): what it is, and who carries it.

    ``match`` is as in a rule. ``to`` says whether teams or models carry it, ``by`` in which proportion:

    even          all alike
    proportional  by the AI spend of the month that is theirs
    fixed         by the percentages in ``percent``, which add up to 100
    requests      by requests answered in the month
    tokens        by tokens counted in the month
    """

    name: str
    match: Match
    to: Literal["team", "model"] = "team"
    by: Literal["even", "proportional", "fixed", "requests", "tokens"] = "proportional"
    targets: tuple[str, ...] = Field((), description="who carries it; default: whoever has AI spend, or usage")
    percent: dict[str, Decimal] = Field(default_factory=dict, description="target → percent, with by = fixed")
    ai: bool | None = Field(None, description="count it as AI spend, or not; default: as the bill and the rules say")
    valid_from: date | None = None
    valid_to: date | None = Field(None, description="exclusive")

    @model_validator(mode="after")
    def _targets_fit(self) -> SharedCost:
        if (self.by == "fixed") != bool(self.percent):
            raise ValueError(f"shared cost {self.name!r}: percent belongs to by = 'fixed', and it needs one")
        if self.percent and self.targets:
            raise ValueError(f"shared cost {self.name!r}: percent names the targets already")
        if any(part <= 0 for part in self.percent.values()) or sum(self.percent.values()) not in (0, 100):
            raise ValueError(f"shared cost {self.name!r}: the percentages are positive and add up to 100")
        return self

    @property
    def named_targets(self) -> tuple[str, ...]:
        """The targets written down, in order; empty where whoever has spend or usage carries it."""
        return tuple(self.percent) or self.targets


class Allocation(_Section):
    """How the cost of a machine is divided over those who share it, and what becomes of the rest (docs/methods.md)."""

    method: Literal["residual", "aws_accelerated", "95_3_2", "aws_plain", "accelerators"] = Field(
        "residual", description="how a machine's price is divided over accelerators, CPU and memory"
    )
    idle: Literal["separate", "weighted", "even", "owner"] = Field(
        "separate", description="who carries idle time: nobody in particular, those who hold the machine, its owner"
    )
    idle_owner: str | None = Field(None, description="team of idle machines nobody is known to own, with idle = owner")
    stranded: Literal["holders", "idle"] = Field(
        "holders", description="CPU and memory left over beside accelerators that are taken: part of those, or idle"
    )
    shared: tuple[SharedCost, ...] = ()
    non_recoverable_tax: tuple[NonRecoverableTax, ...] = ()

    @model_validator(mode="after")
    def _different_names(self) -> Allocation:
        names = [source.name.lower() for source in self.shared]
        if len(set(names)) < len(names):
            raise ValueError("shared costs need different names")
        return self


class Agreement(_Section):
    """A spend agreement: an amount promised to a provider for a period (EDP, MACC, a commitment by spend)."""

    name: str
    provider: str
    scope: str = Field("*", description="billing account, a glob")
    valid_from: date = Field(alias="from")
    valid_to: date = Field(alias="to", description="exclusive")
    committed: Decimal = Field(gt=0, description="the floor: what is paid in any case")
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    cost: Literal["billed", "effective", "list", "contracted"] = "billed"
    charge_categories: tuple[str, ...] = Field(("Usage", "Purchase"), description="what counts; never tax, as a rule")
    services: tuple[str, ...] = Field(("*",), description="globs of the services that count")
    without_services: tuple[str, ...] = Field((), description="globs of those that do not, though they match")
    drawn_before: Decimal | None = Field(None, description="drawn down before the first loaded bill; None is unknown")
    run_rate_days: int = Field(90, ge=1, description="days whose pace is taken on to the end")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Agreement:
        if self.valid_to <= self.valid_from:
            raise ValueError("an agreement ends after it starts")
        return self


class Reconcile(_Section):
    """What the checks allow."""

    usage_tolerance: Decimal | None = Field(
        None,
        ge=0,
        description="share of billed tokens by which a final month may differ from measured ones without a cause, on "
        "days that have both; without it 0.02",
    )


class Dashboard(_Section):
    """Where the dashboard listens."""

    host: str = "127.0.0.1"
    port: int = Field(8501, ge=1, le=65535)


class Engine(_Section):
    """Bounds of the roll-up."""

    memory_limit: str | None = Field(None, description="default: 320 MB, and 24 MB for each thread")
    threads: int | None = Field(None, ge=1, description="default: all cores, at most 8")

    @property
    def thread_count(self) -> int:
        """Threads to use."""
        return self.threads or min(os.cpu_count() or 1, MOST_THREADS)

    @property
    def memory(self) -> str:
        """Memory to use, as DuckDB writes it: every thread holds row groups and hash tables of its own."""
        return self.memory_limit or f"{320 + 24 * self.thread_count}MB"


class Settings(_Section):
    """Everything a person may set."""

    home: Path
    read_from: Path | None = Field(None, description="the file they were read from; no key of it")
    database_url: SecretStr | None = None
    reporting_currency: str = Field("USD", pattern="^[A-Z]{3}$")
    rules: tuple[Rule, ...] = Field((), alias="rule")
    aliases: tuple[Alias, ...] = Field((), alias="alias")
    tags: TagKeys = TagKeys()
    allocation: Allocation = Allocation()
    aws: tuple[AwsConnection, ...] = ()
    azure: tuple[AzureConnection, ...] = ()
    gcp: tuple[GcpConnection, ...] = ()
    recommend: Recommend = Recommend()
    agreements: tuple[Agreement, ...] = Field((), alias="agreement")
    reconcile: Reconcile = Reconcile()
    anomaly: Anomaly = Anomaly()
    budget_alerts: BudgetAlerts = BudgetAlerts()
    budgets: tuple[Budget, ...] = Field((), alias="budget")
    forecast: Forecast = Forecast()
    latency_targets: tuple[LatencyTarget, ...] = Field((), alias="latency_target")
    dashboard: Dashboard = Dashboard()
    engine: Engine = Engine()

    @model_validator(mode="after")
    def _connections_differ(self) -> Settings:
        connections: tuple[Connection, ...] = (*self.aws, *self.azure, *self.gcp)
        names = [connection.name for connection in connections]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each connection needs a name of its own; used more than once: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _shared_costs_end(self) -> Settings:
        _refuse_circles(self.allocation.shared, self.tags)
        return self


def _refuse_circles(sources: Sequence[SharedCost], tags: TagKeys) -> None:
    """Raise ``ValueError`` where what carries a shared cost is shared out itself."""
    nexts: dict[str, list[tuple[str, str]]] = {
        source.name: [
            (other.name, target)
            for target in source.named_targets
            for other in sources
            if any(fnmatch.fnmatch(target.lower(), name.lower()) for name in _stands_for(other, tags))
        ]
        for source in sources
    }
    for start, ways in nexts.items():
        for after, target in ways:
            if after == start:
                raise ValueError(f"shared cost {start!r} cannot carry itself, as {target!r}")
            circle = _way(after, start, nexts)
            if circle:
                raise ValueError(
                    f"shared costs go round in a circle: {' → '.join([start, *circle])};"
                    " let one of them end with who carries it"
                )
            raise ValueError(f"shared cost {start!r} cannot go to {target!r}: that is shared out itself, as {after!r}")


def _stands_for(source: SharedCost, tags: TagKeys) -> list[str]:
    """Names that mean this shared cost: its own, and the team or model its match asks the tags for (globs)."""
    names = tags.team if source.to == "team" else tags.model
    asked = (value for key, value in source.match.tags.items() if any(is_called(key, name) for name in names))
    return [source.name, *asked]


def _way(start: str, home: str, nexts: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Shared costs from ``start`` to ``home``, each a target of the one before; empty where there is no such way."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        if way[-1] == home:
            return way
        for after, _ in nexts[way[-1]]:
            if after not in seen or after == home:
                seen.add(after)
                ways.append([*way, after])
    return []


def load_settings(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read settings from the first configuration file found, then environment, then ``overrides``.

    Environment: ``AISPEND_HOME``, ``AISPEND_DATABASE_URL``, ``AISPEND_CONFIG``.
    Raises ``SettingsError`` naming file, key and what is allowed; values of secrets are never shown.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("AISPEND_HOME") or _default_home()).expanduser().absolute()
    path = _find_config(env, home)
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError("The settings file is not valid TOML.", where=f"{path}: {error}") from error
    if named := _NO_KEYS & values.keys():
        raise SettingsError(
            "A setting is wrong.",
            where="; ".join(f"{path}: {at_line(path, [key])}{key}: no file sets it" for key in sorted(named)),
            next_step="AISPEND_HOME in the environment says where aispend keeps its data.",
        )
    values |= {"home": home, "read_from": path}
    if env.get("AISPEND_DATABASE_URL"):
        values["database_url"] = env["AISPEND_DATABASE_URL"]
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(problem(item, Settings, path, withheld=_NO_KEYS) for item in error.errors())
        raise SettingsError(
            "A setting is wrong.",
            where=f"{path or 'environment'}: {problems}",
            next_step="Compare with the commented file that 'aispend init' writes.",
        ) from error


def _default_home() -> str:
    """As root (containers, services) a place a service user can reach: it may not pass through ``/root``."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return "/var/lib/aispend"
    return platformdirs.user_data_dir("aispend", appauthor=False)


def _find_config(env: Mapping[str, str], home: Path) -> Path | None:
    if env.get("AISPEND_CONFIG"):
        path = Path(env["AISPEND_CONFIG"]).expanduser()
        if not path.is_file():
            raise SettingsError("The file named by AISPEND_CONFIG does not exist.", where=str(path))
        return path
    return next((path for path in (Path("aispend.toml"), home / "aispend.toml") if path.is_file()), None)
