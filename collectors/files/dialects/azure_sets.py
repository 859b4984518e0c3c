"""Azure files without commitments beside files of their account and month that have some: what belongs to which export.

Assumes
    A line without commitments stands in both exports, the same in each.

Method
    A file belongs to an export that is there and lacks its lines. In turn, those that share least first:
    1. Where the exports have folders of their own, a file belongs to the one in whose folder it lies.
    2. Where both exports are there: to the one that lacks its lines, to both where both do; to none where none does.
    3. Where one is there: to this one if it lacks its lines. If it has them all, the files of this kind together are
       the other export, provided they have all its usage without commitments; else they are an earlier run of it, or
       half of the other one.
    Lines are compared by hash: of a large file the smallest hashes, each looked for in the whole of the others.
    What fits none of these is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath

from aispend.errors import InputError
from collectors.files.dialects.contract import Look, Part

ACTUAL, AMORTIZED = "actual", "amortized"
_SAMPLE = 5_000


@dataclass(frozen=True)
class Piece:
    """A file of a set. ``identity`` and ``plain_usage`` are SQL over its lines: what tells one from another, and
    whether it is usage without commitments. ``lines`` is the same for the same lines in any order."""

    look: Look
    periods: frozenset[str]
    sub_accounts: frozenset[str]
    lines: str
    identity: str
    plain_usage: str

    @property
    def home(self) -> PurePath:
        return PurePath(self.look.shown_as).parent

    @cached_property
    def sample(self) -> frozenset[str]:
        """Hashes of lines."""
        return self._hashes("TRUE")

    @cached_property
    def usage_sample(self) -> frozenset[str]:
        """Hashes of lines of usage without commitments."""
        return self._hashes(self.plain_usage)

    def _hashes(self, where: str) -> frozenset[str]:
        rows = self.look.ask(
            f"SELECT DISTINCT hash({self.identity})::VARCHAR FROM raw WHERE {where} ORDER BY 1 LIMIT {_SAMPLE}"
        )
        return frozenset(str(row[0]) for row in rows)

    def having(self, hashes: frozenset[str]) -> frozenset[str]:
        """Those of ``hashes`` that are of a line of this file."""
        if not hashes:
            return hashes
        wanted = ", ".join(f"'{one}'" for one in sorted(hashes))
        told = f"hash({self.identity})::VARCHAR"
        rows = self.look.ask(f"SELECT DISTINCT {told} FROM raw WHERE {told} IN ({wanted})")
        return frozenset(str(row[0]) for row in rows)


@dataclass
class _Set:
    """Files by the export they belong to, as far as it is known."""

    halves: dict[str, list[Piece]]
    found: dict[int, Part] = field(default_factory=dict)

    def near(self, piece: Piece) -> dict[str, list[Piece]]:
        near = {half: [one for one in known if one.periods & piece.periods] for half, known in self.halves.items()}
        return {half: known for half, known in near.items() if known}

    def settle(self, place: int, piece: Piece, halves: Sequence[str], why: str) -> None:
        note = f"{piece.look.shown_as} has no lines of commitments and {why}"
        self.found[place] = Part(halves[0], notes=(note,), also=halves[1] if len(halves) > 1 else None)
        for half in halves:
            self.halves[half].append(piece)

    def leave_out(self, place: int, half: str, others: Sequence[Piece]) -> None:
        beside = ", ".join(other.look.shown_as for other in others[:3])
        self.found[place] = Part(half, leave_out=f"all of its lines are in {beside}")


def settled(halves: dict[str, list[Piece]], loose: dict[int, Piece]) -> dict[int, Part]:
    """The parts of ``loose``, files without commitments, beside those of either half; by their place.

    Raises ``InputError`` where it cannot be told.
    """
    known = _Set({half: list(halves[half]) for half in (ACTUAL, AMORTIZED)})
    for place, piece in list(loose.items()):
        if half := _of_folder(piece, known.near(piece), halves):
            share = _shared(piece, known.near(piece)[half])
            if share == 1:
                known.leave_out(place, half, known.near(piece)[half])
            elif share:
                raise _unclear([piece], known.near(piece)[half])
            else:
                known.settle(place, piece, [half], f"is read as part of the {half} export in its folder.")
            del loose[place]
    shares = {
        place: max(_shared(piece, files) for files in known.near(piece).values()) for place, piece in loose.items()
    }
    again: dict[int, Piece] = {}
    for place in sorted(loose, key=lambda place: (shares[place], place)):
        _settle(place, loose[place], known, again)
    _other_halves(known, again)
    return known.found


def _of_folder(piece: Piece, near: dict[str, list[Piece]], halves: dict[str, list[Piece]]) -> str | None:
    """The export that alone has files in this file's folder, where the other one has a folder elsewhere."""
    there = [half for half in near if any(one.home == piece.home for one in halves[half])]
    return there[0] if len(near) > 1 and len(there) == 1 else None


def _settle(place: int, piece: Piece, known: _Set, again: dict[int, Piece]) -> None:
    near = known.near(piece)
    shared = {half: _shared(piece, files) for half, files in near.items()}
    lacking = [half for half, share in shared.items() if not share]
    beside = [one for files in near.values() for one in files]
    if any(0 < share < 1 for share in shared.values()) or any(not _comparable(piece, near[half]) for half in lacking):
        raise _unclear([piece], beside)
    if len(lacking) == 2:
        known.settle(place, piece, lacking, "counts in both exports it came with.")
    elif lacking:
        known.settle(place, piece, lacking, f"is read as part of the {lacking[0]} export it came with.")
    elif len(near) == 2 or any(one.lines == piece.lines for one in (*beside, *again.values())):
        known.leave_out(place, next(iter(near)), beside)
    else:
        again[place] = piece


def _other_halves(known: _Set, again: dict[int, Piece]) -> None:
    """Files that only show lines of the one export that is there: together the other one, or refused."""
    by_half: dict[str, dict[int, Piece]] = {}
    for place, piece in again.items():
        (half,) = known.near(piece)
        by_half.setdefault(half, {})[place] = piece
    for half, pieces in by_half.items():
        other = AMORTIZED if half == ACTUAL else ACTUAL
        shown = {id(one): one for piece in pieces.values() for one in known.near(piece)[half]}
        for one in shown.values():
            missing = one.usage_sample
            for piece in pieces.values():
                missing -= piece.having(missing)
            if missing:
                raise _unclear(list(pieces.values()), list(shown.values()))
        for place, piece in pieces.items():
            known.settle(place, piece, [other], f"shows those of the {half} export: read as {other}.")


def _shared(piece: Piece, others: Sequence[Piece]) -> float:
    """Which part of a file's lines the others have."""
    seen = {one for other in others for one in other.having(piece.sample)}
    return len(seen) / len(piece.sample) if piece.sample else 0


def _comparable(piece: Piece, others: Sequence[Piece]) -> bool:
    """Whether lines that are the same would look the same; of other sub-accounts none is."""
    form = (piece.look.columns.header, piece.look.columns.format)
    return all(
        form == (other.look.columns.header, other.look.columns.format) or not piece.sub_accounts & other.sub_accounts
        for other in others
    )


def _unclear(pieces: Sequence[Piece], others: Sequence[Piece]) -> InputError:
    one, beside = (
        ", ".join(file.look.shown_as for file in files[:5]) + (" …" if len(files) > 5 else "")
        for files in (pieces, others)
    )
    return InputError(
        "An Azure file without commitments may be of this export, of its other half or an earlier run: "
        "which of the two exports it belongs to cannot be told.",
        where=f"{one}, beside {beside}",
        next_step="Give each export a folder with its manifest.json, or leave out what is not of the month's last run.",
    )
