"""Deliveries given together that claim the same month of the same account: the second would replace the first.

Assumes
    What has no manifest is one bill per part and dataset. Any two others may be rivals, of whatever format and export
    (two runs by calendar month may share a billing month), and are compared by the months and accounts in their lines;
    but for providers that cannot be the same, and AWS's exports (which deliver by the month) of other months. What is
    loaded already is the store's to compare with.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from aispend.engine.scan import Delivery
from aispend.errors import InputError
from collectors.files.manifests import Manifest
from collectors.files.unify import slices

if TYPE_CHECKING:
    import duckdb

Led = tuple[Manifest | None, Delivery]
"""A delivery and the manifest that names its files."""


def refuse_rivals(led: Sequence[Led], connection: duckdb.DuckDBPyConnection) -> None:
    """Raise ``InputError`` where two deliveries claim one month of an account, or the same half of it.

    They may show the same lines or different ones; that is for whoever set them up to say.
    """
    claimed: dict[tuple[object, ...], list[Led]] = defaultdict(list)
    for place, one in enumerate(led):
        if not any(_perhaps_rivals(one, other) for at, other in enumerate(led) if at != place):
            continue
        for key in sorted(slices(one[1].files, one[1].line, connection), key=str):
            if None in key:  # lines that do not say whose they are claim nothing
                continue
            for other in claimed[key]:
                if _perhaps_rivals(one, other):
                    raise _refused(key, other, one)
            claimed[key].append(one)


def _perhaps_rivals(one: Led, other: Led) -> bool:
    """Whether two deliveries may be of one month and replace each other there."""
    halves = (one[1].line.half, other[1].line.half)
    if 0 not in halves and halves[0] != halves[1]:
        return False
    providers = {delivery.line.select["x_provider"] for _, delivery in (one, other)}
    if len(providers) == 2 and all(re.fullmatch(r"'\w+'", provider) for provider in providers):
        return False
    mine, others = one[0], other[0]
    if mine is None or others is None:
        return mine is not others or halves[0] != halves[1] or one[1].line.dataset != other[1].line.dataset
    if mine is others:
        return False
    if mine.export[0] == others.export[0] == "aws" and mine.period and others.period:
        return mine.export != others.export and mine.period == others.period
    return True


def _refused(key: tuple[object, ...], one: Led, other: Led) -> InputError:
    first, second = one[1].line, other[1].line
    claimed = " ".join(f"{part:%Y-%m}" if isinstance(part, date) else str(part) for part in key)
    if first.half == second.half and first.dataset != second.dataset:
        return InputError(
            f"Two exports of one bill deliver {claimed}: counting both would count its money twice.",
            where=f"{_name(one)} ({first.dataset}) and {_name(other)} ({second.dataset})",
            next_step="Import one of them for this month, and leave the files of the other out; "
            "months that only the other has may be imported with it.",
        )
    return InputError(
        f"Two exports deliver {claimed}: one would replace the other.",
        where=f"{_name(one)} and {_name(other)}",
        next_step="Import one of them. If they are parts of one bill (other accounts, other resource groups), copy the "
        "files of both without their manifests into one folder and import that, or have one export deliver all.",
    )


def _name(one: Led) -> str:
    manifest, delivery = one
    if manifest is not None:
        return manifest.found.shown_as
    names = [file.shown_as for file in delivery.files]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
