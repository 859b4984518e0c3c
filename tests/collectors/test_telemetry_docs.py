"""docs/telemetry.md tells the forms as they are: every column, the required ones, and examples that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from collectors.files import curves, inventory, metrics, usage, workloads

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")
COMMANDS = {
    "import-metrics": (metrics.FORM, metrics.import_metrics),
    "import-usage": (usage.FORM, usage.import_usage),
    "import-workloads": (workloads.FORM, workloads.import_workloads),
    "import-curves": (curves.FORM, curves.import_curves),
    "import-inventory": (inventory.FORM, inventory.import_inventory),
}


def section(command: str) -> str:
    (found,) = re.findall(rf"^## [^\n]*: `{command}`\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_column_is_documented_in_order(command: str) -> None:
    table = section(command).strip().split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (required)?", table, re.MULTILINE)

    assert rows == [(column.name, "required" if column.required else "") for column in COMMANDS[command][0].columns]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_loads(
    command: str, database: Store, store_settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    examples = re.findall(r"```csv\n(.*?)```", section(command), re.DOTALL)
    notes = []
    for number, example in enumerate(examples):
        path = tmp_path / f"example-{number}.csv"
        path.write_text(example)
        notes += COMMANDS[command][1]([path], database, store_settings, clock).notes

    assert examples
    assert not [note for note in notes if "zone" not in note and "meet no resource" not in note]
