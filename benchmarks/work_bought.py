"""Labelled work that is bought without a machine of one's own: tokens, seats and credits, and things that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from benchmarks.work_parts import (
    DAYS,
    HOURS,
    Asked,
    Right,
    Unit,
    Work,
    ago,
    every_hour,
    machine,
    one,
    tokens,
    whose,
)

_SERVED_LITTLE = ("llama-3.1-8b", "llama-3.2-3b", "qwen-2.5-72b", "gemma-2-9b", "mixtral-8x7b")
_SERVED_MUCH = ("llama-3.3-70b", "qwen3-32b", "gpt-oss-20b", "gpt-oss-120b", "llama-4-scout")
"""Models that are sold by the token as well; each is served by one unit alone, as advice names the model."""
REPLICA = """
[[recommend.self_host.replica]]
model = "mistral-7b"
provider = "aws"
instance_type = "g5.xlarge"
output_tokens_per_second = 1500
"""
"""The company's own benchmark: what one such machine serves of the model, at its mix of tokens."""


def _monthly(rng: np.random.Generator, low: float = 600, high: float = 6000) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _online(rng: np.random.Generator, unit: Unit, **more: Any) -> Unit:
    """Tokens of calls somebody waits for."""
    values = {"prompt": rng.uniform(2500, 7000), "answer": rng.uniform(200, 900)} | more
    monthly = values.pop("monthly", _monthly(rng))
    model = values.pop("model", one(rng, ("claude-sonnet-4", "nova-pro")))
    return tokens(rng, unit, monthly, model=model, **values)


def _by_the_morning(rng: np.random.Generator, unit: Unit) -> Unit:
    """Nobody waits: a stage says so, a tag, or the settings."""
    said = one(rng, ("stage", "tag", "settings"))
    if said == "stage":
        return _online(rng, unit, stage="inference_batch", endpoint="digest", peak=2)
    if said == "tag":
        return _online(rng, unit, stage=None, tags=(("deferrable", "true"),), endpoint="labels", peak=2)
    return _online(rng, unit, stage=None, endpoint="nightly-report", peak=2).also(
        settings=whose("batch.can_wait", unit, endpoint="nightly-*")
    )


def _part_may_wait(rng: np.random.Generator, unit: Unit) -> Unit:
    return _online(rng, unit).also(settings=whose("batch.can_wait", unit, share=round(float(rng.uniform(0.4, 0.7)), 2)))


def _measured_prefix(rng: np.random.Generator, unit: Unit, **more: Any) -> Unit:
    """Prompts of which somebody measured how much repeats."""
    rule = {"share": round(float(rng.uniform(0.45, 0.8)), 2), "hit_rate": round(float(rng.uniform(0.8, 0.95)), 2)}
    rule |= more.pop("rule", {})
    return _online(rng, unit, model="claude-sonnet-4", **more).also(
        settings=whose("prompt_cache.shared_prefix", unit, **rule)
    )


def _beside_a_cache(rng: np.random.Generator, unit: Unit) -> Unit:
    """Another model of the team is asked the same and finds most of it in its cache."""
    other = _online(rng, unit, model="nova-pro", cached=float(rng.uniform(0.5, 0.7)))
    return _online(rng, other, model="claude-sonnet-4")


def _cut(rng: np.random.Generator, unit: Unit, *, of: str | None = None) -> Unit:
    drawn = _online(rng, unit, model="claude-sonnet-4", answer=float(rng.uniform(600, 1500)))
    share = round(float(rng.uniform(0.15, 0.4)), 2)
    return drawn.also(settings=whose("output_limit.cut", unit, model=of or "claude-*", share=share))


def _open_model(rng: np.random.Generator, unit: Unit, monthly: float, **more: Any) -> Unit:
    """Tokens of a model anybody may serve; two machines of the benchmark cost 1,469 dollars a month."""
    return _online(
        rng, unit, monthly=monthly, model="mistral-7b", prompt=float(rng.uniform(2500, 4000)),
        answer=float(rng.uniform(60, 120)), **more,
    )  # fmt: skip


def _served(unit: Unit, models: tuple[str, ...], a_day: float) -> Unit:
    """A model on two machines of its own, and the tokens asked of it each day."""
    named = unit.also(model=models[int(unit.account[-4:-2]) % len(models)])
    ours = [machine(named, number, "g6.xlarge", every_hour(), stage="inference_online") for number in range(2)]
    hours = np.arange(HOURS - 30 * 24, HOURS)
    split = tuple(np.rint(np.full(hours.size, a_day / 24 / 2 * share)) for share in (0.85, 0.0, 0.0, 0.15))
    a, b, c, d = split
    requests = np.rint(a / 1000) + 1
    asked = tuple(
        Asked(hours, requests, (a, b, c, d), "own", str(named.model), resource=one_.resource) for one_ in ours
    )
    return named.also(charges=tuple(ours), asked=asked, stage="inference_online")


def _seats(rng: np.random.Generator, unit: Unit, used: float | None, *, spare: int = 0) -> Unit:
    bought = int(rng.integers(60, 400))
    price = int(rng.integers(18, 60))
    in_use = "" if used is None else str(int(bought * used) - spare)
    return unit.also(
        costs=(
            {
                "from": "2026-07-01", "to": f"2027-{rng.integers(3, 8):02d}-01", "category": "seat",
                "description": f"{one(rng, ('Code assistant', 'Chat for all', 'Notebook seats'))} {unit.account[-6:]}",
                "amount": str(bought * price * 10), "currency": "USD", "team": unit.team, "book": unit.account,
                "seats": str(bought), "seats_used": in_use,
            },
        ),
    )  # fmt: skip


def _credit(rng: np.random.Generator, unit: Unit, drawn: float, *, until: str = "2027-01-15") -> Unit:
    """A prepaid credit since 1 July; ``drawn`` is the share used of what an even pace to its end would have used."""
    amount = int(rng.integers(20, 90)) * 1000
    first, end = ago(DAYS + 62).date(), date.fromisoformat(until)
    even = (ago(0).date() - first).days / (end - first).days
    return unit.also(
        costs=(
            {
                "from": first.isoformat(), "to": until, "category": "credit",
                "description": f"Model credits {unit.account[-6:]}", "amount": str(amount), "currency": "USD",
                "team": unit.team, "book": unit.account, "drawn": f"{amount * even * drawn:.2f}",
                "drawn_on": ago(1).date().isoformat(),
            },
        ),
    )  # fmt: skip


def _disk(rng: np.random.Generator, unit: Unit, days: int, *, tags: str = "", attached: int | None = None) -> Unit:
    """A disk no machine has since some days; since ``attached`` days one has it again."""
    row = {
        "provider": "aws", "resource_id": f"vol-0{unit.account}0000", "kind": "disk", "state": "unattached",
        "valid_from": ago(days).isoformat(), "account": unit.account, "region": unit.region,
        "size_gib": str(int(rng.integers(600, 4000))), "disk_type": one(rng, ("gp3", "gp2")), "tags": tags,
    }  # fmt: skip
    again = () if attached is None else ({**row, "state": "attached", "valid_from": ago(attached).isoformat()},)
    return unit.also(inventory=(row, *again), oldest_days=days)


def _snapshot(rng: np.random.Generator, unit: Unit, days: int, **details: Any) -> Unit:
    """A snapshot of so many days as a listing of its account tells of it, with others of its disk where given."""
    gib = int(rng.integers(1500, 9000))
    others = details.pop("others", ())
    rows = [
        {
            "provider": "aws", "resource_id": f"snap-0{unit.account}{number:04d}", "state": "completed",
            "details": {
                "taken_at": ago(age).isoformat(), "volume": f"vol-0{unit.account}ffff", "volume_gib": gib,
                "full_bytes": gib * 2**30, "tier": "standard", **details,
            },
        }
        for number, age in enumerate((days, *others))
    ]  # fmt: skip
    return unit.also(snapshots=tuple(rows), oldest_days=max(days, *others, 0))


def _checkpoints(rng: np.random.Generator, unit: Unit, reads: str, *, kept: str = "") -> Unit:
    """Checkpoints of some runs; the newest of each is never to be moved.

    ``reads``: ``never``, ``lately`` (all within a month), ``newest`` (there is one of each run).
    """
    bucket, rows, keep = f"s3://ml-{unit.account}", [], []
    runs, each = int(rng.integers(2, 5)), 1 if reads == "newest" else int(rng.integers(4, 9))
    size = int(rng.integers(500, 1200)) * 10**9
    ages: list[int] = []
    for run in range(runs):
        began = int(rng.integers(150, 260))
        for step in range(each):
            path, written = f"run-{run}/step-{(step + 1) * 1000}/", ago(began - step)
            read = ago(float(rng.uniform(2, 25))) if reads == "lately" else written + timedelta(days=2)
            is_kept = kept if kept and (step % 2 or kept == "yes") else ""
            if is_kept or step == each - 1:
                keep.append(path)
            ages.append(began - step)
            rows.append(
                {
                    "provider": "aws", "resource_id": f"{bucket}/{path}", "kind": "checkpoint", "account": unit.account,
                    "region": unit.region, "size_bytes": str(size), "modified_at": written.isoformat(),
                    "read_at": read.isoformat(), "run": f"{unit.account}-run-{run}", "kept": is_kept, "objects": "40",
                }
            )  # fmt: skip
    return unit.also(inventory=tuple(rows), kept=tuple(keep), oldest_days=max(ages))


def _old(rng: np.random.Generator, low: int = 100, high: int = 400) -> int:
    return int(rng.integers(low, high))


def _mark(rng: np.random.Generator) -> str:
    return one(rng, ("keep=true", "do-not-delete=yes", "role=standby", "dr=true"))


_WAITED: Mapping[str, Right] = {"batch": "wrong", "output_limit": "wrong", "prompt_cache": "behind a gate"}
"""What somebody waits for, of which nobody measured what repeats or could be cut. That another model of the team caches
is reason enough to measure."""


def _tokens(**right: Right) -> dict[str, Right]:
    return {**_WAITED, **right}


def _storage(right: Right) -> dict[str, Right]:
    return {"storage": right}


_SEATS: Mapping[str, Right] = {"seats_and_credits": "wanted"}
_NO_SEATS: Mapping[str, Right] = {"seats_and_credits": "wrong"}
_OWN: Mapping[str, Right] = {"managed_or_self_host": "wanted"}

CLASSES: tuple[Work, ...] = (
    Work("answers by the morning", _tokens(batch="wanted"), _by_the_morning),
    Work("a part of the calls may wait", _tokens(batch="wanted"), _part_may_wait),
    Work("a person waits", _tokens(), _online),
    Work("a person waits, at night", _tokens(), lambda rng, unit: _online(rng, unit, endpoint="night-desk", peak=2)),
    Work(
        "sent as batches already", _tokens(),
        lambda rng, unit: _online(rng, unit, stage="inference_batch", tier="batch", endpoint="digest"),
    ),
    Work(
        "only another endpoint may wait", _tokens(),
        lambda rng, unit: _online(rng, unit).also(settings=whose("batch.can_wait", unit, endpoint="nightly-*")),
    ),
    Work("long prompts that begin alike", _tokens(prompt_cache="wanted"), _measured_prefix),
    Work("asked what another model caches", _tokens(prompt_cache="wanted"), _beside_a_cache),
    Work(
        "prompts that begin alike, too short", _tokens(prompt_cache="wrong"),
        lambda rng, unit: _measured_prefix(rng, unit, prompt=float(rng.uniform(400, 900)), answer=100),
    ),
    Work(
        "prompts that begin alike, cached already", _tokens(prompt_cache="wrong"),
        lambda rng, unit: _measured_prefix(rng, unit, cached=0.62, written=0.08, rule={"share": 0.65}),
    ),
    Work(
        "prompts that begin alike, hardly found again", _tokens(prompt_cache="wrong"),
        lambda rng, unit: _measured_prefix(rng, unit, rule={"hit_rate": round(float(rng.uniform(0.05, 0.15)), 2)}),
    ),
    Work("answers cut and judged good", _tokens(output_limit="wanted"), _cut),
    Work("answers of another model cut", _tokens(), lambda rng, unit: _cut(rng, unit, of="nova-*")),
    Work(
        "open model, much bought", _tokens(managed_or_self_host="wanted"),
        lambda rng, unit: _open_model(rng, unit, _monthly(rng, 4500, 9000)),
    ),
    Work(
        "open model, little bought", _tokens(managed_or_self_host="wrong"),
        lambda rng, unit: _open_model(rng, unit, _monthly(rng, 300, 1000)),
    ),
    Work(
        "open model, all asked in one hour", _tokens(managed_or_self_host="wrong"),
        lambda rng, unit: _open_model(rng, unit, _monthly(rng, 1900, 2600), spike=60),
    ),
    Work(
        "closed model, much bought", _tokens(managed_or_self_host="wrong"),
        lambda rng, unit: _online(rng, unit, monthly=_monthly(rng, 4500, 9000)),
    ),
    Work(
        "own machines, little asked", _OWN,
        lambda rng, unit: _served(unit, _SERVED_LITTLE, float(rng.uniform(0.5e6, 4e6))), most=5,
    ),
    Work(
        "own machines, much asked", {"managed_or_self_host": "wrong"},
        lambda rng, unit: _served(unit, _SERVED_MUCH, float(rng.uniform(1.5e9, 3e9))), most=5,
    ),
    Work("half of the seats empty", _SEATS, lambda rng, unit: _seats(rng, unit, float(rng.uniform(0.3, 0.75)))),
    Work("all seats used", _NO_SEATS, lambda rng, unit: _seats(rng, unit, 1.0)),
    Work("a few seats to spare", _NO_SEATS, lambda rng, unit: _seats(rng, unit, 1.0, spare=int(rng.integers(1, 3)))),
    Work("seats nobody counted", _NO_SEATS, lambda rng, unit: _seats(rng, unit, None)),
    Work(
        "credit that will be lost", _SEATS, lambda rng, unit: _credit(rng, unit, float(rng.uniform(0.2, 0.7))),
        estimates=True,
    ),
    Work(
        "credit on its course", _NO_SEATS, lambda rng, unit: _credit(rng, unit, float(rng.uniform(1.05, 1.2))),
        estimates=True,
    ),
    Work(
        "credit with a year to go", _NO_SEATS,
        lambda rng, unit: _credit(rng, unit, float(rng.uniform(0.2, 0.7)), until="2027-12-01"), estimates=True,
    ),
    Work("disk nobody has", _storage("wanted"), lambda rng, unit: _disk(rng, unit, _old(rng, 40))),
    Work("disk nobody has since lately", _storage("wrong"), lambda rng, unit: _disk(rng, unit, _old(rng, 3, 28))),
    Work(
        "disk kept on purpose", _storage("wrong"), lambda rng, unit: _disk(rng, unit, _old(rng), tags=_mark(rng)),
    ),
    Work(
        "disk in use again", _storage("wrong"),
        lambda rng, unit: _disk(rng, unit, _old(rng), attached=_old(rng, 2, 30)),
    ),
    Work("old snapshot of a disk", _storage("wanted"), lambda rng, unit: _snapshot(rng, unit, _old(rng))),
    Work("young snapshot", _storage("wrong"), lambda rng, unit: _snapshot(rng, unit, _old(rng, 5, 85))),
    Work(
        "snapshot to restore from", _storage("wrong"),
        lambda rng, unit: _snapshot(rng, unit, _old(rng), others=(_old(rng, 400, 500),)),
    ),
    Work(
        "snapshot under a machine image", _storage("wrong"),
        lambda rng, unit: _snapshot(rng, unit, _old(rng), images=["ami-0123"]),
    ),
    Work(
        "snapshot kept on purpose", _storage("wrong"),
        lambda rng, unit: _snapshot(rng, unit, _old(rng), tags=dict([_mark(rng).split("=")])),
    ),
    Work(
        "snapshot of a backup plan", _storage("wrong"),
        lambda rng, unit: _snapshot(rng, unit, _old(rng), tags={"aws:backup:source-resource": "x"}),
    ),
    Work(
        "checkpoints nobody reads", _storage("wanted"),
        lambda rng, unit: _checkpoints(rng, unit, "never", kept=one(rng, ("", "best"))),
    ),
    Work("checkpoints read lately", _storage("wrong"), lambda rng, unit: _checkpoints(rng, unit, "lately")),
    Work("only the newest of each run", _storage("wrong"), lambda rng, unit: _checkpoints(rng, unit, "newest")),
    Work(
        "checkpoints kept on purpose", _storage("wrong"),
        lambda rng, unit: _checkpoints(rng, unit, "never", kept="yes"),
    ),
)  # fmt: skip
