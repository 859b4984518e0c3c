"""The documents that are generated, and what every command must say of itself."""

from __future__ import annotations

import re
from pathlib import Path

from aispend.cli import docs
from aispend.schema import metadata
from collectors.registry import clouds

ROOT = Path(__file__).resolve().parents[2]


def test_generated_documents_are_current() -> None:
    for path, text in docs.documents().items():
        assert path.read_text("utf-8") == text, f"run: python -m aispend.cli.docs ({path.name})"


def test_the_documents_of_clouds_say_what_their_collectors_declare() -> None:
    """One permission of each bill, by hand; and what every collector needs is in the table of its cloud."""
    for name, one in {"aws": "s3:GetObject", "azure": "Microsoft.CostManagement/exports/read",
                      "gcp": "bigquery.tables.getData"}.items():  # fmt: skip
        cloud = clouds()[name]
        text = (docs.DOCS / f"connect-{name}.md").read_text("utf-8")
        assert docs.permissions(cloud) in text
        (bills,) = re.findall(r"^\| `bills` \| (`.*`) \|$", text, re.MULTILINE)
        assert f"`{one}`" in bills.split("<br>")
        for collector in cloud.collectors().values():
            assert all(f"`{needed}`" in text for needed in cloud.permissions(collector.operations))


def test_every_command_has_help_and_an_example() -> None:
    leaves = [(words, command) for words, command in docs.commands() if not getattr(command, "commands", {})]
    assert len(leaves) > 25

    for words, command in leaves:
        help_text = command.help or ""
        assert f"aispend {' '.join(words)}" in help_text, f"{words} has no example"
        assert len(help_text.splitlines()[0]) <= 60, f"{words} begins with a long line"


def test_every_option_says_what_it_is() -> None:
    nameless = [
        (words, parameter.name)
        for words, command in docs.commands()
        for parameter in command.params
        if not parameter.help
    ]
    assert nameless == []


def test_every_table_and_column_has_a_meaning() -> None:
    assert len(metadata.tables) > 20
    assert [table.name for table in metadata.tables.values() if not table.comment] == []
    assert [
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if not column.comment
    ] == []


def test_every_command_that_a_text_names_is_there() -> None:
    """In code and documents: what follows a backquote, a colon or see, with its options."""
    known = dict(docs.commands())
    options = {words: {name for one in command.params for name in one.opts} for words, command in known.items()}
    folders = ("aispend", "analyzer", "collectors", "dashboard", "recommender", "reports", "sample", "docs")
    files = [path for folder in folders for end in ("py", "md") for path in (ROOT / folder).rglob(f"*.{end}")]
    wrong = []
    for path in {*files, ROOT / "README.md"} - {docs.DOCS / "cli.md"}:  # which is made of the code, its lines broken
        for found in _COMMAND.finditer(path.read_text("utf-8")):
            words = tuple(found["words"].split())
            while words and words not in known:
                words = words[:-1]
            named = set(_OPTION.findall(found["rest"]))
            if not words or not named <= options[words] | {"--help"}:
                wrong.append(f"{path.relative_to(ROOT)}: {found[0]}")
    assert wrong == []


_COMMAND = re.compile(
    r"(?:`|: |[Ss]ee )aispend (?P<words>[a-z][a-z-]+(?: [a-z][a-z-]+)?)(?P<rest>(?: +(?:--[a-z-]+|[A-Z]+…?))*)"
)
_OPTION = re.compile(r"--[a-z-]+")
