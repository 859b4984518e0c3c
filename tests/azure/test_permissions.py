"""What each collector of Azure declares is what it asks, to the action: nothing is granted for no use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.azure.cloud import Azure
from collectors.azure.graph import TYPES
from collectors.azure.operations import OPERATIONS, actions
from collectors.contract import Window
from sample.azure_double import Call
from tests.azure.servers import Servers
from tests.clouds.contract import DAYS

NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
ASKING = "microsoft.resourcegraph/resources/read"
OF_ANYBODY = ("/subscriptions", "/providers/Microsoft.Authorization/permissions")
KINDS = [name for name, made in Azure().collectors().items() if any(one.endswith(".Query") for one in made.operations)]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers.serving() as found:
        yield found


def types_of(call: Call) -> set[str]:
    """The types of resources that a question names, as Azure's documents write the action to read one."""
    found = re.search(r"\| where type (?:=~|in~) (\([^)]*\)|'[^']*')", call.body["query"])
    assert found is not None, call.body["query"]
    return {f"{one}/read" for one in re.findall(r"'([^']+)'", found[1].lower())}


@pytest.mark.parametrize("kind", KINDS)
def test_questions_to_resource_graph_need_what_the_source_declares_and_it_declares_no_more(
    kind: str, servers: Servers, tmp_path: Any
) -> None:
    servers.refuse(None)
    servers.fill()
    made = Azure().collectors()[kind]
    for settled in (True, False):
        collector = made(servers.connect(kind, settled=settled), lambda: NOW)
        for number, piece in enumerate(collector.slices(Window(DAYS["first"], DAYS["end"]), {})):
            (folder := tmp_path / f"{settled}{number}").mkdir()
            collector.read(piece, folder, None)
        list(collector.examine())
    asked = [call for call in servers.double.calls if call.path == GRAPH]
    assert asked
    used = {action for call in asked for action in types_of(call)}
    declared = {name for name in made.operations if name.endswith(".Query")}
    granted = {one.lower() for one in actions(declared)} - {ASKING}
    assert granted == {one for one in used if "skuspot" not in one}, "spot markets are shown to everybody"


def test_a_type_of_resource_has_one_operation_with_its_action_alone() -> None:
    for (kind,), service in ((kinds, service) for kinds, service in TYPES.items() if len(kinds) == 1):
        assert {one.lower() for one in OPERATIONS[f"{service}.Query"].actions} == {ASKING, f"{kind}/read"}
    for kinds, service in TYPES.items():
        needed = {one.lower() for one in OPERATIONS[f"{service}.Query"].actions}
        assert needed == {ASKING, *(f"{kind}/read" for kind in kinds)}
