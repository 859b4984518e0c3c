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
from fractions import Fraction
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

OURS = {
    "test_10_1": "95 55 40", "test_10_2": "80 -20 35 35", "test_11_1": "100 100 70", "test_11_2": "50 200 90",
    "test_1_1": "80 70 20", "test_1_2": "50 70 50", "test_2_1": "110 100 70", "test_2_2": "160 200 70",
    "test_3_1": "-10 100 50", "test_3_2": "60 100 0", "test_4_1": "80 70 20", "test_5_1": "110 100 70",
    "test_6_1": "110 100 70", "test_6_2": "60 100 0", "test_6_3": "110 100 70", "test_6_4": "160 200 70",
    "test_6_5": "150 100 90", "test_6_6": "80 70 20", "test_7_2": "80 -20 35 35", "test_7_3_b": "100 -30 15 15",
    "test_7_4_b": "110 -40 10 20", "test_7_5_b": "150 -40 10 20", "test_7_6_b": "90 -40 90 100",
    "test_9_1": "80 40 35 35", "test_9_2": "100 100 35 35", "test_9_3": "40 200 50 50", "test_9_4": "0 25 75",
}  # fmt: skip
"""By case the effective cost of project-1, project-2 …, worked out by hand from the case's rows.

In ``test_1_1`` project-1 uses 70 less 40 of sustained use and bought 100 GiB hours for 100; project-2 uses 70 less a
commitment credit of 50, so 70 GiB hours × 50/70 = 50 are covered: half of the fee. project-3's 70 less 50 are of an
invoice two months later, where no fee is. So project-1 bears 70 - 40 + 100 - 50 = 80, project-2 70 - 50 + 50 = 70, and
project-3 20. In ``test_2_1`` credits of 10 and 20 cover 30 of 100 GiB hours: 30 of the fee of 100 goes to them, a third
and two thirds of it, which leaves project-1 with 50 - 10 + 70 = 110 and gives back the others' 100 and 70.
"""

THEIRS = {
    "test_10_1": "66.364 66.364 57.273", "test_10_2": "50 50 15 15", "test_11_1": "97.982 109.386 62.632",
    "test_11_2": "80.196 160.392 99.412", "test_1_1": "62.727 62.727 44.545", "test_1_2": "38.678 67.686 63.636",
    "test_2_1": "99.825 113.86 66.316", "test_2_2": "104.02 208.039 117.941", "test_3_1": "66.667 43.333 30",
    "test_3_2": "32 128 0", "test_4_1": "62.727 62.727 44.545", "test_5_1": "99.825 113.86 66.316",
    "test_6_1": "99.825 113.86 66.316", "test_6_2": "53.333 106.667 0", "test_6_3": "99.825 113.86 66.316",
    "test_6_4": "104.02 208.039 117.941", "test_6_5": "107.273 125.455 107.273", "test_6_6": "62.727 62.727 44.545",
    "test_7_2": "50 50 15 15", "test_7_3_b": "35 35 15 15", "test_7_4_b": "40 30 10 20", "test_7_5_b": "80 30 10 20",
    "test_7_6_b": "20 30 90 100", "test_9_1": "66.364 66.364 28.636 28.636",
    "test_9_2": "97.982 109.386 31.316 31.316", "test_9_3": "80.196 160.392 64.118 35.294", "test_9_4": "50 50 0",
}  # fmt: skip
"""The published answer to the same, to a thousandth: beside ours it shows what its moving of credits does."""

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


def covered(row: Mapping[str, Any]) -> Fraction:
    """The part of a line's cost that its commitment credits take off."""
    credits_ = [one for one in row.get("credits") or () if one["name"].startswith("Committed")]
    return -sum((Fraction(str(one["amount"])) for one in credits_), Fraction(0))


def attributed(rows: list[dict[str, Any]]) -> Mapping[str, Fraction]:
    """Effective cost by project, by the method's text: fees of an invoice month go to what they covered there."""
    found = {project: Fraction(net) for project, net in by_project(rows)[0].items()}
    for month in {row["invoice"]["month"] for row in rows}:
        here = [row for row in rows if row["invoice"]["month"] == month]
        fees = [row for row in here if row["sku"]["description"].lower().startswith("commitment v1")]
        credited = [row for row in here if covered(row)]
        fee, credit = (sum(map(one, of), Fraction(0)) for one, of in ((cost_of, fees), (covered, credited)))
        bought = sum(map(used, fees), Fraction(0))
        if not fee or not credit or not bought:
            continue
        in_use = sum((used(row) * min(Fraction(1), covered(row) / cost_of(row)) for row in credited), Fraction(0))
        units = {row["usage"]["unit"] for row in (*fees, *credited)}
        moved = min(fee * min(1, in_use / bought), 2 * credit) if len(units) == 1 else min(fee, credit)
        for row in fees:
            found[row["project"]["id"]] -= moved * cost_of(row) / fee
        for row in credited:
            found[row["project"]["id"]] += moved * covered(row) / credit
    return found


def cost_of(row: Mapping[str, Any]) -> Fraction:
    return Fraction(str(row["cost"]))


def used(row: Mapping[str, Any]) -> Fraction:
    return Fraction(str(row["usage"]["amount"]))


def test_all_cases_are_there(public_data: Path) -> None:
    there = {path.name for path in (public_data / "billing_gcp_cud_cases").glob("test_*")}
    assert there == set(MOVED) == set(OURS) == set(THEIRS)


@pytest.mark.parametrize("name", OURS)
def test_each_project_bears_what_it_used_and_what_it_left_unused_to_the_cent(
    name: str, public_data: Path, tmp_path: Path
) -> None:
    case = public_data / "billing_gcp_cud_cases" / name
    ours: dict[str, Decimal] = defaultdict(Decimal)
    for line in one(case / "export.json", tmp_path, ("sub_account_id", "effective_cost")).lines:
        ours[line["sub_account_id"]] += line["effective_cost"]
    by_hand = {f"project-{number}": D(amount) for number, amount in enumerate(OURS[name].split(), start=1)}
    assert ours == by_hand
    assert attributed(list(objects(case / "export.json"))) == by_hand, "the method's own arithmetic"

    published, _ = by_project(list(objects(case / "expected_billingexport_output.json")))
    theirs = {f"project-{number}": D(amount) for number, amount in enumerate(THEIRS[name].split(), start=1)}
    assert {project: round(amount, 3) for project, amount in published.items()} == theirs
    differ = sum((abs(by_hand[project] - amount) for project, amount in published.items()), D(0))
    assert (differ < NEXT_TO_NOTHING) == (OURS[name] == THEIRS[name]), "the answers to two questions differ"


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
