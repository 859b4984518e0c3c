"""Google's 27 published cases of commitment attribution, as an outside check of effective cost.

They come with a tool that answers another question: who *should* have had the credits, if those in a commitment's
scope share it by their use. For that it takes credits off the projects on whose lines Google put them, and gives them
to others. FOCUS leaves what was billed where it was billed, credits and all, and moves nothing but what was paid in
advance: the fee, to the usage it covered. So the published answers are no effective cost; the arithmetic is in each
case: the total is the same, and so much credit stands on another project than the bill says.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.bill_lines import one

D = Decimal
MOVED = {
    "test_10_1": ("50", "16.364"), "test_10_2": ("60", "20"), "test_11_1": ("20", "16.316"),
    "test_11_2": ("30", "73.529"), "test_1_1": ("50", "32.727"), "test_1_2": ("50", "38.678"),
    "test_2_1": ("20", "8.158"), "test_2_2": ("10", "7.353"), "test_3_1": ("50", "60"), "test_3_2": ("60", "32"),
    "test_4_1": ("50", "32.727"), "test_5_1": ("20", "8.158"), "test_6_1": ("20", "8.158"),
    "test_6_2": ("33.333", "26.667"), "test_6_3": ("20", "8.158"), "test_6_4": ("10", "7.353"),
    "test_6_5": ("50", "32.727"), "test_6_6": ("50", "32.727"), "test_7_2": ("60", "20"), "test_7_3_b": ("50", "0"),
    "test_7_4_b": ("70", "0"), "test_7_5_b": ("72.727", "0"), "test_7_6_b": ("70", "0"), "test_9_1": ("50", "16.364"),
    "test_9_2": ("15", "16.316"), "test_9_3": ("40", "73.529"), "test_9_4": ("10", "65"),
}  # fmt: skip
"""By case: commitment credits, and sustained use credits, that the published answer gives to another project than the
bill does (half of the differences by project, since what one loses another gains)."""

NEXT_TO_NOTHING = D("1e-9")
"""The published numbers are doubles."""


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """JSON objects, one after another or in a list."""
    text, place, decoder = path.read_text(), 0, json.JSONDecoder()
    while True:
        while place < len(text) and text[place] in " \r\n\t,[]":
            place += 1
        if place == len(text):
            return
        found, place = decoder.raw_decode(text, place)
        yield found


def by_project(rows: list[dict[str, Any]]) -> tuple[Mapping[str, Decimal], Mapping[tuple[str, str], Decimal]]:
    """Net cost, and credits by what they are for."""
    net: dict[str, Decimal] = defaultdict(Decimal)
    credited: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        project = row["project"]["id"] if "project" in row else row["project_id"]
        amounts = [(one["name"].split()[0], D(str(one["amount"]))) for one in row.get("credits") or ()]
        net[project] += D(str(row["cost"])) + sum((amount for _, amount in amounts), D(0))
        for name, amount in amounts:
            credited[name, project] += amount
    return net, credited


def test_all_cases_are_there(public_data: Path) -> None:
    assert {path.name for path in (public_data / "billing_gcp_cud_cases").glob("test_*")} == set(MOVED)


@pytest.mark.parametrize("name", MOVED)
def test_the_published_answer_moves_credits_and_ours_moves_the_fee_alone(
    name: str, public_data: Path, tmp_path: Path
) -> None:
    case = public_data / "billing_gcp_cud_cases" / name
    published, theirs = by_project(list(objects(case / "expected_billingexport_output.json")))
    billed, credited = by_project(list(objects(case / "export.json")))
    columns = ("sub_account_id", "charge_category", "billed_cost", "effective_cost", "commitment_discount_status")
    lines = one(case / "export.json", tmp_path, columns).lines

    ours: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        ours[line["sub_account_id"]] += line["effective_cost"]
        moved = line["effective_cost"] - line["billed_cost"]
        if line["charge_category"] == "Purchase":
            assert -line["billed_cost"] <= moved <= 0, "a fee is given away, at most the whole of it"
        elif line["commitment_discount_status"] == "Used":
            assert moved >= 0, "to usage that has a commitment credit"
        else:
            assert moved == 0, "and to nobody else"
    assert abs(sum(ours.values()) - sum(published.values())) < NEXT_TO_NOTHING, "of one and the same bill"
    assert abs(sum(ours.values()) - sum(billed.values())) < NEXT_TO_NOTHING

    for kind, expected in zip(("Committed", "Sustained"), MOVED[name], strict=True):
        places = {place for place in (*theirs, *credited) if place[0] == kind}
        shifted = sum((abs(theirs[place] - credited[place]) for place in places), D(0)) / 2
        assert round(shifted, 3) == D(expected), kind
