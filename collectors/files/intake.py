"""From paths to deliveries: the files that belong together, recognised, each counted once.

Assumes
    A slice (provider, scope, billing month) must be whole within one delivery, because loading replaces it whole.
    What is imported together is one bill per dialect unless manifests say otherwise.

Method
    1. Folders, globs and archives become single files (``unpack``). 2. Manifests decide (``manifests``): of several
    runs of one export and period the newest, and of its folders only the files it names; the rest is passed over and
    said so. Without a manifest, of run folders below one ``BILLING_PERIOD=`` folder the newest. 3. Every other file is
    recognised by content (``recognise``). 4. The dialect says which part of a bill a file is (Azure: actual or
    amortised). 5. Of the files of one part those with the same content count once. 6. Files of one dialect and part are
    one delivery (per manifest, where there is one). Where their headers differ, headers whose slices have nothing in
    common become deliveries of their own; the others are written to one common header first (``unify``), so that no
    slice is split; but for those of two datasets (CUR 1 and 2), which are two bills. 7. Files without a manifest that
    show the same lines as another count once, or stop the import (``overlap``); so do two deliveries of one month and
    account, of whatever format (``rivals``).

Cases
    - A file a person names must be a bill. Of what a folder brings along, files that are no bills and bills without
      rows are passed over and named in the notes; a damaged bill, or one of a refused format, stops the import.
    - The change token is a SHA-256 over the files' bytes and the mapping, behind the manifest's run id where there is
      one; neither file names nor their order are in it.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.engine.line import Header, LineSql
from aispend.engine.scan import BillFile, Delivery
from aispend.engine.source import is_gzip
from aispend.errors import InputError, UnknownDialectError
from collectors.files import manifests, reading, unpack
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Dialect, Look, Part
from collectors.files.encodings import NoBillError
from collectors.files.json_lines import differ_in_case
from collectors.files.manifests import Manifest
from collectors.files.overlap import repeated
from collectors.files.recognise import NoRowsError, Recognised, recognise
from collectors.files.rivals import refuse_rivals
from collectors.files.same import drop_repeated
from collectors.files.unify import disjoint_or_common
from collectors.files.unpack import Found

if TYPE_CHECKING:
    import duckdb

_RUN_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z-[0-9a-fA-F-]{8,}")
_HASH_CHUNK = 1 << 22
_AGAIN = {True: "the same run that", False: "an older run of what"}


@dataclass(frozen=True)
class _Bill:
    """A recognised file on its way into a delivery."""

    recognised: Recognised
    manifest: Manifest | None
    part: Part = field(default_factory=Part)

    @property
    def file(self) -> BillFile:
        return self.recognised.file


def deliveries(paths: Sequence[str | Path], workdir: Path) -> list[Delivery]:
    """The deliveries behind paths: files, folders, globs, archives. ``workdir`` holds what must be unpacked or
    rewritten and has to live as long as the deliveries are read.

    Raises ``UnknownDialectError`` where no bill format fits, ``InputError`` where a file cannot be used as it is.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    found = unpack.find(paths, workdir)
    chosen, notes = _follow_manifests(found, workdir)
    with reading.connect(workdir) as connection:
        bills = _recognise_all(chosen, workdir, connection, notes)
        bills = _parts(_one_json_header(bills), connection, notes)
        bills = _once(bills, notes)
        made = _group(bills, connection, workdir)
        while again := _repeated(made, bills, connection):
            notes += [f"{file}: the same lines as {other}; counted once." for file, other in again.items()]
            bills = [bill for bill in bills if bill.file.shown_as not in again]
            made = _group(bills, connection, workdir)
    if made and notes:
        first = made[0]
        made[0] = replace(first, line=replace(first.line, notes=(*first.line.notes, *notes)))
    return made


# ---------------------------------------------------------------------------------- which files


def _follow_manifests(found: Sequence[Found], workdir: Path) -> tuple[list[tuple[Found, Manifest | None]], list[str]]:
    read = {item.path.resolve(): manifest for item in found if (manifest := manifests.read(item)) is not None}
    followed, replaced = manifests.newest(list(read.values()))
    by_file: dict[Path, list[Found]] = defaultdict(list)
    for item in found:
        for place in {item.archive or item.path.resolve(), item.path.resolve()}:
            by_file[place].append(item)
    notes = [
        f"{older.found.shown_as}: {_AGAIN[older.run == newer.run]} {newer.found.shown_as} delivers; passed over."
        for older, newer in replaced
    ]
    chosen: list[tuple[Found, Manifest | None]] = []
    taken: set[Path] = set()
    ruled: dict[Path, Manifest] = {}
    spoken_for = manifests.side_by_side(followed)
    for manifest in followed:
        for path in manifests.resolve(manifest):
            for item in by_file.get(path.resolve()) or unpack.find([path], workdir):
                if item.path.resolve() not in taken:
                    taken.add(item.path.resolve())
                    chosen.append((item, spoken_for[manifest.found.path]))
        ruled |= dict.fromkeys(manifests.governed(manifest), manifest)
    for older, newer in replaced:
        for folder in manifests.governed(older):
            ruled.setdefault(folder, newer)
    for item in found:
        real = item.path.resolve()
        if real in taken or real in read:
            continue
        home = real.parent if real.parent in ruled else (item.archive or real).parent
        if home in ruled:
            notes.append(f"{item.shown_as}: not named by {ruled[home].found.shown_as}; passed over.")
        else:
            chosen.append((item, None))
    return _newest_run_folders(chosen, notes), notes


def _newest_run_folders(
    chosen: Sequence[tuple[Found, Manifest | None]], notes: list[str]
) -> list[tuple[Found, Manifest | None]]:
    """Without manifests, of the runs that AWS wrote side by side below a billing period only the newest."""
    newest: dict[Path, str] = {}
    for item, manifest in chosen:
        folder = item.path.parent
        if manifest is None and _RUN_FOLDER.fullmatch(folder.name) and folder.parent.name.startswith("BILLING_PERIOD="):
            newest[folder.parent] = max(folder.name, newest.get(folder.parent, ""))
    kept = []
    for item, manifest in chosen:
        folder = item.path.parent
        if manifest is None and folder.parent in newest and folder.name != newest[folder.parent]:
            notes.append(
                f"{item.shown_as}: a newer run of this billing period is in {newest[folder.parent]}; passed over."
            )
        else:
            kept.append((item, manifest))
    return kept


def _recognise_all(
    chosen: Sequence[tuple[Found, Manifest | None]],
    workdir: Path,
    connection: duckdb.DuckDBPyConnection,
    notes: list[str],
) -> list[_Bill]:
    bills: list[_Bill] = []
    passed_over: list[InputError] = []
    for item, manifest in chosen:
        try:
            bills.append(_Bill(recognise(item, workdir, connection), manifest))
        except (NoBillError, NoRowsError, UnknownDialectError) as error:
            if item.named and manifest is None:
                raise
            passed_over.append(error)
            notes.append(f"{item.shown_as}: {error.what} Passed over.")
    if not bills:
        if len(passed_over) == 1:
            raise passed_over[0]
        listed = "; ".join(f"{error.where}: {error.what}" for error in passed_over[:5])
        raise InputError("No bill was found.", where=listed, next_step="Name the file or folder of the bill.")
    return bills


# ------------------------------------------------------------------------------ what they are


def _look(
    connection: duckdb.DuckDBPyConnection, files: Sequence[BillFile], recognised: Recognised, manifest: Manifest | None
) -> Look:
    return Look(
        shown_as=", ".join(file.shown_as for file in files[:3]) + (" …" if len(files) > 3 else ""),
        columns=Columns(files[0].header, files[0].format),
        sample=recognised.sample,
        ask=reading.asker(connection, files),
        declared=manifest.declared if manifest else None,
    )


def _parts(bills: Sequence[_Bill], connection: duckdb.DuckDBPyConnection, notes: list[str]) -> list[_Bill]:
    by_dialect: dict[str, list[_Bill]] = defaultdict(list)
    for bill in bills:
        by_dialect[bill.recognised.dialect.name].append(bill)
    kept = []
    for group in by_dialect.values():
        looks = [_look(connection, [bill.file], bill.recognised, bill.manifest) for bill in group]
        for bill, part in zip(group, group[0].recognised.dialect.parts(looks), strict=True):
            if part.leave_out:
                notes.append(f"{bill.file.shown_as}: {part.leave_out}; passed over.")
            else:
                kept.append(replace(bill, part=part))
            if part.also:
                kept.append(replace(bill, part=Part(part.also)))
    return kept


def _once(bills: Sequence[_Bill], notes: list[str]) -> list[_Bill]:
    """Each content once in each part of a bill."""
    by_part: dict[tuple[str, str], list[_Bill]] = defaultdict(list)
    for bill in bills:
        by_part[bill.recognised.dialect.name, bill.part.name].append(bill)
    kept: set[tuple[str, int]] = set()
    for (_, part), group in by_part.items():
        files, repeated = drop_repeated([bill.file for bill in group])
        notes += repeated
        kept |= {(part, id(file)) for file in files}
    return [bill for bill in bills if (bill.part.name, id(bill.file)) in kept]


def _one_json_header(bills: Sequence[_Bill]) -> list[_Bill]:
    """JSON lines leave out what is empty, so the files of a dialect know different keys: each gets all of them.

    Raises ``InputError`` where keys differ only in case, as they may not in one file."""
    known: dict[str, dict[str, str]] = defaultdict(dict)
    spelt: dict[tuple[str, str], tuple[str, BillFile]] = {}
    for bill in bills:
        if bill.file.format == "json":
            types = known[bill.recognised.dialect.name]
            for name, kind in bill.file.header.types.items():
                key = bill.recognised.dialect.name, name.lower()
                other, before = spelt.setdefault(key, (name, bill.file))
                if other != name:
                    raise differ_in_case(other, name, f"{before.shown_as} and {bill.file.shown_as}")
                types[name] = "JSON" if "JSON" in (kind, types.get(name)) else kind
    return [
        bill
        if bill.file.format != "json"
        else replace(
            bill,
            recognised=replace(
                bill.recognised, file=replace(bill.file, header=Header(known[bill.recognised.dialect.name]))
            ),
        )
        for bill in bills
    ]


def _group(bills: Sequence[_Bill], connection: duckdb.DuckDBPyConnection, workdir: Path) -> list[Delivery]:
    groups: dict[tuple[object, ...], list[_Bill]] = defaultdict(list)
    for bill in bills:
        manifest = bill.manifest.found.path if bill.manifest else None
        groups[bill.recognised.dialect.name, bill.part.name, manifest].append(bill)
    made: list[Delivery] = []
    led: list[tuple[Manifest | None, Delivery]] = []
    for group in groups.values():
        made_of_group = _deliver_group(group, connection, workdir)
        made += made_of_group
        led += [(group[0].manifest, delivery) for delivery in made_of_group]
    refuse_rivals(led, connection)
    return made


def _deliver_group(group: Sequence[_Bill], connection: duckdb.DuckDBPyConnection, workdir: Path) -> list[Delivery]:
    by_header: dict[tuple[object, ...], list[_Bill]] = defaultdict(list)
    for bill in group:
        by_header[_form(bill.file)].append(bill)
    if len(by_header) == 1:
        return [_deliver(group, [bill.file for bill in group], connection)]
    sets = [(same, _deliver(same, [bill.file for bill in same], connection).line) for same in by_header.values()]
    owners = {bill.file.shown_as: bill for bill in group}
    made: list[Delivery] = []
    for dataset in dict.fromkeys(
        line.dataset for _, line in sets
    ):  # the generations of a format are no parts of a bill
        of_dataset = [([bill.file for bill in same], line) for same, line in sets if line.dataset == dataset]
        files = disjoint_or_common(of_dataset, connection, workdir)
        made += [_deliver([owners[file.shown_as] for file in together], together, connection) for together in files]
    return made


def _repeated(
    made: Sequence[Delivery], bills: Sequence[_Bill], connection: duckdb.DuckDBPyConnection
) -> dict[str, str]:
    """Files whose lines another file of their delivery shows as well; a manifest's files are believed."""
    loose = {bill.file.shown_as: _form(bill.file) for bill in bills if bill.manifest is None}
    again: dict[str, str] = {}
    for delivery in made:
        if len(delivery.files) > 1 and delivery.files[0].shown_as in loose:
            again.update(repeated(delivery, loose, connection))
    return again


def _form(file: BillFile) -> tuple[object, ...]:
    """What files must share to be read as one relation."""
    gzipped = is_gzip(file.path)
    return (file.format, tuple(file.header.types.items()), file.delimiter, file.skip_lines, gzipped)


def _deliver(bills: Sequence[_Bill], files: Sequence[BillFile], connection: duckdb.DuckDBPyConnection) -> Delivery:
    first = bills[0]
    dialect: Dialect = first.recognised.dialect
    said = dict.fromkeys(note for bill in bills for note in (*bill.recognised.notes, *bill.part.notes))
    samples = [row for bill in bills[:20] for row in bill.recognised.sample[:200]]
    look = _look(connection, files, replace(first.recognised, sample=samples), first.manifest)
    line = dialect.line(look, replace(first.part, notes=tuple(said)))
    run = first.manifest.run if first.manifest else ""
    return Delivery(
        dialect=dialect.name,
        files=tuple(files),
        line=line,
        change_token=f"{run}:{_token(files, line)}" if run else _token(files, line),
        declared_rows=first.manifest.rows if first.manifest and len(files) == len(first.manifest.files) else None,
    )


def _token(files: Sequence[BillFile], line: LineSql) -> str:
    """SHA-256 over content and mapping; the same whatever the files are called and in whatever order they come."""
    digests = sorted(_digest(file.path) for file in files)
    mapping = repr((line.dataset, sorted(line.select.items()), line.where, line.tags_json, line.half, line.checks))
    return hashlib.sha256("\n".join([*digests, mapping]).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
