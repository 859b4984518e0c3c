"""The documents that are generated, and what every command must say of itself."""

from __future__ import annotations

import re

from aispend.cli import docs
from aispend.schema import metadata
from collectors.registry import clouds


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
