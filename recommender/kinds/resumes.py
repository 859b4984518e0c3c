"""What shows that work goes on from a checkpoint, and how long one takes: a setting, a tag, a job that did so."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Sequence

from aispend.moving import Spot
from aispend.tag_keys import plain_tag_key
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service

_DENIES = frozenset(
    {"", "no", "n", "false", "f", "none", "null", "never", "off", "disabled", "n/a", "na", "unknown", "todo"}
)
"""Values of a tag that say there is no checkpoint, or nothing."""
_DENYING_KEY = re.compile(r"(?:^|[^a-z])(?:no|not|non|without|skip|skipped|disable|disabled|never)(?:[^a-z]|$)")


def checkpoint(subject: Service, machines: Sequence[Machine], options: Spot) -> tuple[float, str | None]:
    """Minutes a checkpoint takes, and what shows that it resumes from one; None where nothing does."""
    names = [subject.model, subject.team, *(machine.resource_id for machine in machines)]
    for pattern, minutes in options.checkpoint_minutes.items():
        if any(name and fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in names):
            return minutes, f"recommend.spot.checkpoint_minutes, {pattern}"
    said = ""
    for key, value in sorted(subject.tags.items()):
        plain = plain_tag_key(key)
        if "checkpoint" not in plain or _DENYING_KEY.search(plain) or value.strip().lower() in _DENIES:
            continue
        try:
            told = float(value)
        except ValueError:
            told = math.inf
        if math.isfinite(told) and told > 0:
            return told, f"tag {key}={value}"
        # a tag that says how long one takes comes first
        said = said or (f"tag {key}={value}" if told > 0 else "")
    if said:
        return options.assumed_checkpoint_minutes, said
    resumed = sum(machine.jobs.resumed for machine in machines if machine.jobs)
    proof = f"{resumed} of its jobs were retried and succeeded" if resumed else None
    return options.assumed_checkpoint_minutes, proof
