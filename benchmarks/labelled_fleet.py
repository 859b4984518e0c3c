"""Machines of which the right advice is known: drawn by a seed, in classes from easy to deceptive.

They join the sample company (``sample.company.generate``), so they have bills, names, tags, gaps and rotations as any
machine of it. ``CLASSES`` says of each class how it behaves and what the right answer of each kind of advice is; who
disagrees with a label changes it there, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sample.demand import Series
from sample.google_projects import GCP_VISION
from sample.machines import Fleet, Load, Naming, Platform, Purchase, Verdict
from sample.story import AZURE_AI, RESEARCH, SERVING

Right = Literal["wanted", "wrong", "fine", "if it carries"]
"""``fine``: a careful engineer could say either. ``if it carries``: right where the size holds what really happened."""
KINDS = ("stop_idle", "rightsize", "schedule", "auto_stop")
MISSING = ("no telemetry", "half of the telemetry")
"""Classes on which any advice is advice from missing data."""
PER_CLASS = 5
SMALL = ("g5.xlarge", "g5.2xlarge", "g6.xlarge", "g4dn.xlarge", "g2-standard-12", "a2-highgpu-1g",
         "Standard_NC24ads_A100_v4")  # fmt: skip
LARGE = ("g5.12xlarge", "g4dn.12xlarge", "Standard_NC96ads_A100_v4")
_TEAMS = ("support", "search", "personalisation", "catalog", "marketing", "research", "supply-chain")


@dataclass(frozen=True)
class Answers:
    """The right answer of each kind."""

    stop_idle: Right = "wrong"
    rightsize: Right = "if it carries"
    schedule: Right = "wrong"
    auto_stop: Right = "fine"

    def of(self, kind: str) -> Right:
        """That of one kind; of a kind that is not judged, ``fine``."""
        return getattr(self, kind) if kind in KINDS else "fine"


@dataclass(frozen=True)
class Drawn:
    """How one machine is: its type and load, and what differs from an ordinary server of its own."""

    machine: str
    load: Load
    platform: Platform = "vm"
    stage: str = "inference_online"
    purchase: Purchase = "on_demand"
    first_day: int = 120
    model: str | None = None
    telemetry: bool = True
    gaps: float = 0.0
    tags: tuple[tuple[str, str], ...] = ()
    asked: Mapping[str, Any] | None = None
    """What is asked of it, as fields of a series; None where nothing records it."""


@dataclass(frozen=True)
class Class:
    """A kind of machine, how hard it is to judge, and the right answers."""

    name: str
    right: Answers
    draw: Callable[[np.random.Generator], Drawn]
    rotates: bool = False
    """Whether some are replaced now and then, as machines of a group are."""


@dataclass(frozen=True)
class LabelledFleet:
    """What joins the sample: fleets, what is asked of them, and which of them got a new model three days ago."""

    fleets: Sequence[Fleet]
    asked: Sequence[Series]
    redeployed: frozenset[str] = field(default_factory=frozenset)


def _one(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]


def _idle_days(rng: np.random.Generator) -> int:
    return int(rng.integers(17, 58))


def _hour(rng: np.random.Generator) -> int:
    return int(rng.integers(0, 22))


def _idle(rng: np.random.Generator, machines: Sequence[str] = (*SMALL, *LARGE), **more: Any) -> Drawn:
    days = _idle_days(rng)
    load = {"level": 0.5, "memory": 0.6, "idle_days": days} | more.pop("load", {})
    return Drawn(_one(rng, machines), Load(**load), first_day=days + int(rng.integers(20, 60)), **more)


def _idle_endpoint(rng: np.random.Generator) -> Drawn:
    days = _idle_days(rng)
    return Drawn(
        _one(rng, ("ml.g5.xlarge", "ml.g5.2xlarge", "ml.g4dn.xlarge")),
        Load(0.3, 0.4, idle_days=days, resident=True), platform="endpoint", first_day=days + 60,
        asked={"requests": 300.0, "last_day": days},
    )  # fmt: skip


def _notebook(rng: np.random.Generator, load: Load, first_day: int = 90) -> Drawn:
    machine = _one(rng, ("ml.g5.xlarge", "ml.g5.2xlarge", "g2-standard-12"))
    return Drawn(machine, load, platform="notebook", stage="notebook", first_day=first_day)


def _kept(rng: np.random.Generator) -> Drawn:
    tags = (("keep", "true"), ("do-not-stop", "yes"), ("role", "standby"), ("dr", "true"))
    drawn = _idle(rng, load={"resident": bool(rng.random() < 0.5)})
    return Drawn(drawn.machine, drawn.load, first_day=drawn.first_day, tags=(tags[int(rng.integers(len(tags)))],))


def _young(rng: np.random.Generator) -> Drawn:
    days = int(rng.integers(3, 11))
    load = Load(0.0, 0.5, idle_days=days, resident=bool(rng.random() < 0.5))
    # what is for development has a window of a day, and would be old enough
    return Drawn(_one(rng, SMALL), load, first_day=days, tags=(("env", "prod"),))


def _busy_now_and_then(rng: np.random.Generator, first_day: int = 150, **when: Any) -> Drawn:
    resident = bool(rng.random() < 0.5)
    load = Load(0.8, 0.6, resident=resident, **when)
    return Drawn(_one(rng, (*SMALL, *LARGE)), load, stage="inference_batch", first_day=first_day)


def _few_busy(rng: np.random.Generator, **more: Any) -> Drawn:
    machine = _one(rng, (*LARGE, "g5.48xlarge"))
    busy = 2 if machine == "g5.48xlarge" else 1
    return Drawn(machine, Load(float(rng.uniform(0.3, 0.55)), 0.5, busy=busy, **more), first_day=120)


def _of_a_few(rng: np.random.Generator, **more: Any) -> Drawn:
    return Drawn("g5.12xlarge", Load(float(rng.uniform(0.2, 0.4)), 0.4, busy=1, **more), first_day=120)


def _small_memory(rng: np.random.Generator) -> Drawn:
    machine = _one(rng, ("a2-ultragpu-1g", "a2-highgpu-1g", "Standard_NC24ads_A100_v4"))
    return Drawn(machine, Load(float(rng.uniform(0.05, 0.09)), 0.1, steady=True), first_day=110)


def _global(rng: np.random.Generator) -> Drawn:
    asked = {"requests": 3000.0, "swing": float(rng.uniform(0.1, 0.3)), "weekend": 0.9}
    return Drawn(_one(rng, SMALL), Load(0.4, 0.6), asked=asked)


def _reserving(rng: np.random.Generator) -> Drawn:
    machine = _one(rng, ("a2-ultragpu-1g", "Standard_NC24ads_A100_v4"))
    asked = {"requests": 40.0, "tokens_in": 600.0, "tokens_out": 150.0, "latency_ms": 2500.0}
    return Drawn(machine, Load(0.08, 0.25, reserved=0.9), model="mistral-7b", asked=asked)


def _without_visible_use(rng: np.random.Generator) -> Drawn:
    return Drawn(_one(rng, SMALL), Load(0.0, 0.5), asked={"requests": float(rng.uniform(20, 400))})


_STOP = Answers(stop_idle="wanted", rightsize="fine", schedule="fine")
_NOTHING = Answers("wrong", "wrong", "wrong", "wrong")
_SMALLER = Answers(rightsize="wanted")

CLASSES: tuple[Class, ...] = (
    # Idle.
    Class("idle, nothing held", _STOP, _idle, rotates=True),
    Class("idle, weights resident", _STOP, lambda rng: _idle(rng, load={"resident": True, "memory": 0.85})),
    Class("idle, sensor noise", _STOP, lambda rng: _idle(rng, load={"blips": (0.3, 0.008)})),
    Class("idle, health checks", _STOP, lambda rng: _idle(rng, SMALL, load={"blips": (1 / 288, 0.03)})),
    Class("endpoint nobody calls", _STOP, _idle_endpoint),
    Class(
        "notebook nobody uses", _STOP,
        lambda rng: _notebook(rng, Load(0.2, 0.4, idle_days=_idle_days(rng), resident=True)),
    ),
    Class("idle, but committed", _STOP, lambda rng: _idle(rng, ("g5.12xlarge", "g4dn.12xlarge"), purchase="reserved")),
    # Not idle, though it looks so.
    Class(
        "weekly job", Answers(rightsize="wrong", schedule="fine"),
        lambda rng: _busy_now_and_then(rng, weekly=(int(rng.integers(7)), _hour(rng), int(rng.integers(2, 5)))),
    ),
    Class(
        "monthly job", Answers(rightsize="wrong"),
        lambda rng: _busy_now_and_then(rng, monthly=(int(rng.integers(1, 29)), _hour(rng), int(rng.integers(4, 20)))),
    ),
    Class(
        "low steady load", Answers(),
        lambda rng: Drawn(_one(rng, SMALL), Load(float(rng.uniform(0.018, 0.028)), 0.5, steady=True)), rotates=True,
    ),
    Class("requests without visible use", Answers(rightsize="fine"), _without_visible_use),
    Class(
        "power without counted activity", Answers(rightsize="wrong"),
        lambda rng: Drawn(_one(rng, SMALL), Load(float(rng.uniform(0.65, 0.9)), 0.4, counted=False), first_day=100),
    ),
    Class("kept on purpose", _NOTHING, _kept),
    Class("younger than the window", Answers(rightsize="fine"), _young),
    Class("deployed three days ago", Answers(rightsize="fine"), lambda rng: _idle(rng, load={"resident": True})),
    # Unknown.
    Class(MISSING[0], _NOTHING, lambda rng: _idle(rng, telemetry=False)),
    Class(MISSING[1], _NOTHING, lambda rng: _idle(rng, gaps=0.5)),
    # Too large.
    Class("few accelerators busy", _SMALLER, _few_busy, rotates=True),
    Class("small memory on a large card", _SMALLER, _small_memory),
    Class(
        "low utilisation on all", _SMALLER,
        lambda rng: Drawn(_one(rng, ("g5.12xlarge", "g5.48xlarge")), Load(float(rng.uniform(0.07, 0.14)), 0.15)),
    ),
    # Not too large, though it looks so.
    Class(
        "all busy together once a week", Answers(),
        lambda rng: _of_a_few(rng, together=(int(rng.integers(7)), _hour(rng), 1)),
    ),
    Class(
        "memory peak in the last week", Answers(),
        lambda rng: _of_a_few(rng, memory_peak=(int(rng.integers(2, 7)), int(rng.integers(1, 4)), 0.9)),
    ),
    Class(
        "memory peak weeks ago", Answers(),
        lambda rng: _of_a_few(rng, memory_peak=(int(rng.integers(16, 27)), int(rng.integers(1, 4)), 0.9)),
    ),
    Class(
        "high load", Answers(rightsize="wrong"),
        lambda rng: Drawn(_one(rng, (*SMALL, *LARGE)), Load(float(rng.uniform(0.75, 0.9)), 0.8)), rotates=True,
    ),
    Class("memory reserved by the server", Answers(), _reserving),
    # By the clock.
    Class(
        "office hours", Answers(schedule="wanted"),
        lambda rng: Drawn(
            _one(rng, SMALL), Load(0.5, 0.6, daily=(int(rng.integers(7, 9)), int(rng.integers(8, 11)), True))
        ),
    ),
    Class(
        "nightly window", Answers(schedule="wanted"),
        lambda rng: Drawn(
            _one(rng, SMALL), Load(0.75, 0.6, daily=(int(rng.integers(20, 24)), int(rng.integers(3, 7)), False)),
            stage="inference_batch",
        ),
    ),
    Class(
        "random bursts", Answers(),
        lambda rng: Drawn(_one(rng, SMALL), Load(0.7, 0.6, scattered=float(rng.uniform(0.15, 0.3)), resident=True)),
    ),
    Class("traffic from all over the world", Answers(), _global, rotates=True),
    Class(
        "notebook in use", Answers(schedule="fine", auto_stop="wanted"), lambda rng: _notebook(rng, Load(0.18, 0.4)),
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in CLASSES}
_REDEPLOYED = "deployed three days ago"


def draw(seed: int, per_class: int = PER_CLASS) -> LabelledFleet:
    """The machines of a seed; the same for the same seed, whatever else is drawn."""
    fleets: list[Fleet] = []
    asked: list[Series] = []
    for index, one in enumerate(CLASSES):
        for number in range(per_class):
            rng = np.random.default_rng([seed, index, number])
            fleet, series = _fleet(one, f"unit-{index:02d}{number:02d}", rng)
            fleets.append(fleet)
            asked += [series] if series else []
    redeployed = frozenset(one.name for one in fleets if one.verdict and one.verdict.state == _REDEPLOYED)
    return LabelledFleet(fleets, asked, redeployed)


def _fleet(one: Class, name: str, rng: np.random.Generator) -> tuple[Fleet, Series | None]:
    drawn = one.draw(rng)
    bill, account, region = _place(drawn)
    names: tuple[Naming, ...] = ("id", "host", "host") if bill == "aws" else ("short", "host")
    is_host = drawn.platform in ("endpoint", "notebook")
    model = None if drawn.platform == "notebook" else drawn.model or f"{name}-model"
    series = None
    load = drawn.load
    if drawn.asked is not None:
        what = {"tokens_in": 0.0, "tokens_out": 0.0, "growth": 0.9} | dict(drawn.asked)
        series = Series(
            name=name, bill=bill, account=account, region=region, endpoint=name, model=model or name,
            team=_TEAMS[0], token_api=False, first_day=drawn.first_day, **what,
        )  # fmt: skip
        load = Load(**{**vars(load), "follows": name})
    fleet = Fleet(
        name=name, bill=bill, account=account, region=region, machine=drawn.machine, model=model,
        team=_one(rng, _TEAMS), stage=drawn.stage, load=load, platform=drawn.platform, purchase=drawn.purchase,
        names="short" if is_host else names[int(rng.integers(len(names)))], first_day=drawn.first_day,
        rotate_days=int(rng.integers(25, 60)) if one.rotates and rng.random() < 0.3 else None,
        tags=tuple(({"env": _one(rng, ("prod", "prod", "sandbox", "dev"))} | dict(drawn.tags)).items()),
        mapped=bool(rng.random() > 0.03), telemetry=drawn.telemetry, gaps=drawn.gaps,
        verdict=Verdict(one.name, "", one.right.stop_idle == "wanted", one.name, 60),
    )  # fmt: skip
    return fleet, series


def _place(drawn: Drawn) -> tuple[str, str, str]:
    if drawn.machine.startswith("Standard"):
        return "azure-usd", AZURE_AI, "eastus"
    if drawn.machine.startswith(("a2", "g2")):
        return "gcp", GCP_VISION, "us-central1"
    return "aws", RESEARCH if drawn.platform == "notebook" else SERVING, "us-east-1"
