"""Energy and carbon against published numbers, and from a bill with telemetry."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from aispend.prices.energy import coefficients, grid_intensity, pue
from analyzer.energy import (
    CardHours,
    Range,
    accelerator_kwh,
    busy_watts,
    carbon_kg,
    embodied_kg,
    idle_watts,
    site_kwh,
    token_wh,
    tokens_kwh,
)
from reports import views
from reports.formats import carbon_free_line
from reports.views import Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
H100 = D(700)


def test_a_measured_hour_is_what_was_measured() -> None:
    """T8.1: 60 % of 700 W for an hour at PUE 1.15 is 0.4830 kWh; on us-east4's grid 156.06 g."""
    energy = accelerator_kwh(CardHours(H100, measured_hours=D(1), measured_wh=D(420)))
    assert energy == Range(D("0.42"), D("0.42"), D("0.42"))
    of_site = energy.times(D("1.15"))
    assert of_site.mid == D("0.4830")
    grid = grid_intensity("gcp", "us-east4")
    assert grid is not None
    assert carbon_kg(of_site, grid.value).mid == D("0.1560573")


def test_published_energy_of_tokens() -> None:
    """T8.3: 8B, 500 tokens at batch 64: 0.02254 Wh of GPU and 0.01458 Wh of host; times 1.2 is 0.04454 Wh."""
    accelerator, host = token_wh(D(8), D(500))
    assert round(accelerator, 5) == D("0.02254")
    assert round(host, 5) == D("0.01458")
    assert round((accelerator + host) * D("1.2"), 5) == D("0.04454")


def test_tokens_are_a_range_around_the_published_estimate() -> None:
    """T8.3 in the middle, 1.4 times less at the low end. At batch 16: 500 × (1.17e-6 × e^-0.1792 × 8 + 4.05e-5) =
    0.0241622 Wh, and 150 W × 14.908 s / 16 = 0.0388229 Wh of the host: × 1.2 = 0.0755821 Wh."""
    found = tokens_kwh(D(8), D(8), D(500), D("1.2"))
    assert [round(wh * 1000, 5) for wh in (found.low, found.mid, found.high)] == [
        D("0.03181"),
        D("0.04454"),
        D("0.07558"),
    ]


def test_a_model_that_needs_three_cards_is_served_from_three_parts_of_a_host() -> None:
    """70 B at 16 bits with 1.2 times the room: 168 GB on cards of 80: three."""
    accelerator, host = token_wh(D(70), D(500))
    assert tokens_kwh(D(70), D(70), D(500), D(1)).mid == (accelerator + 3 * host) / 1000


def test_the_full_boundary_is_two_point_four_times_the_accelerators() -> None:
    """T8.2: 0.095 J a token, 500 tokens: 0.01319 Wh; 2.4 times is 0.03167 Wh; 0.01023 g on us-east4's grid."""
    wh = D("0.095") * 500 / 3600
    assert round(wh, 5) == D("0.01319")
    high = site_kwh(Range(wh, wh, wh), D(0), None, D("1.09")).high
    assert round(high, 5) == D("0.03167")
    assert round(high / 1000 * D("323.1"), 5) == D("0.01023")


def test_an_estimate_tells_idle_from_busy() -> None:
    """An H100 idles at 81.2 W (100.2 with half a context, 131.2 with a large one) and works at 448, 546, 623 W."""
    assert idle_watts(H100) == Range(D("81.2"), D("100.2"), D("131.2"))
    assert busy_watts(H100) == Range(D(448), D(546), D(623))
    assert busy_watts(D(1000), "nvidia-b200-180gb") == Range(D(760), D(910), D(960))
    # 0.116 × 350 = 40.6; 66 W of context half of the time, and all of it
    assert idle_watts(D(350), "nvidia-l40s") == Range(D("40.6"), D("73.6"), D("106.6"))
    assert idle_watts(D(350), "nvidia-b200-180gb") == idle_watts(D(350))
    energy = accelerator_kwh(CardHours(H100, known_hours=D(10), busy_hours=D(4)))
    assert energy == Range(D("2.2792"), D("2.7852"), D("3.2792"))


def test_hours_nobody_measured_span_from_idle_to_busy() -> None:
    """From 81.2 to 623 W, and (81.2 + 623) / 2 = 352.1 between."""
    energy = accelerator_kwh(CardHours(H100, unknown_hours=D(1)))
    assert energy == Range(D("0.0812"), D("0.3521"), D("0.623"))


def test_an_unknown_card_is_unknown_unless_it_was_measured() -> None:
    assert accelerator_kwh(CardHours(None, known_hours=D(1))) is None
    assert accelerator_kwh(CardHours(None, measured_hours=D(1), measured_wh=D(300))) == Range(*[D("0.3")] * 3)


def test_host_and_data_centre() -> None:
    """10 card hours at 500 W, hosts of 150 W: (5 + 1.5) × 1.2 in the middle; half a host at least; 2.4 × 5 at most."""
    assert site_kwh(Range(D(5), D(5), D(5)), D(10), H100, D("1.2")) == Range(D("6.9"), D("7.8"), D(12))


def test_making_the_server() -> None:
    """(5,700 / 8 + 164) kg over three years of hours: 33.35 g a card hour; half of that for half the limit."""
    assert round(embodied_kg(D(1), H100) * 1000, 2) == D("33.35")
    assert embodied_kg(D(1), D(350)) == embodied_kg(D(1), H100) / 2


def test_factors_name_their_source_and_unknown_regions_have_none() -> None:
    assert (pue("aws", "eu-central-1").value, pue("aws", "xx").value, pue("oci", None).value) == (
        D("1.35"),
        D("1.15"),
        D("1.2"),
    )
    assert grid_intensity("aws", "moon-1") is None


def read(ledger: Ledger, basis: str = "allocation") -> views.EnergyUse:
    with ledger.store.engine.connect() as connection:
        return views.energy(connection, Window(date(2026, 10, 5), date(2026, 10, 6)), basis=basis)  # type: ignore[arg-type]


def node(ledger: Ledger, **columns: object) -> None:
    """A day of eight H100 in us-east-1."""
    machine = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), "quantity": "24", "region": "us-east-1"}
    ledger.charge("2026-10-05", "768", **{**machine, **GPU_HOUR, "accelerator_type": "nvidia-h100-80gb", **columns})  # type: ignore[arg-type]


def test_a_measured_machine_is_its_users_by_the_hours_they_held(ledger: Ledger) -> None:
    """192 card hours at 500 W are 96 kWh; 6 of 8 cards held: chat two thirds, rank one third, idle as they are.

    Site, in the middle: (96 + 192 × 0.15) × 1.15 = 143.52 kWh, 396.3 g each: 56.877 kg.
    Of rank: 32 kWh, (32 + 9.6 / 2) × 1.15 = 42.32 at least, 32 × 2.4 = 76.8 at most."""
    node(ledger)
    ledger.activity(range(24), "i-1", 0.5, gpus=8, power_mean=500)
    ledger.workload("all", "i-1", "a", requested=4, model="chat", stage="inference_online")
    ledger.workload("all", "i-1", "b", requested=2, model="rank", stage="inference_online")
    ledger.usage({"requests": 10_000}, alias="i-1", model="chat")
    ledger.attribute()
    chat, rank = read(ledger).rows
    assert (chat.model, chat.accelerator_hours, chat.measured_share) == ("chat", D(128), D(1))
    assert chat.kwh is not None
    assert chat.kwh.mid == D("95.68")
    assert chat.carbon_kg is not None
    assert chat.carbon_kg.mid == D("37.917984")
    assert rank.kwh == Range(D("42.32"), D("47.84"), D("76.8"))
    assert chat.requests == D(10_000)
    assert chat.wh_per_1k_requests == D("9568")
    (without_idle, _) = read(ledger, "usage").rows
    assert without_idle.accelerator_hours == D(96)


def test_activity_alone_gives_an_estimate_and_nothing_a_wider_one(ledger: Ledger) -> None:
    """Twelve of 24 hours measured at half load: 96 known card hours, 48 of them busy; of 96 nothing is known."""
    node(ledger, model="chat")
    ledger.activity(range(12), "i-1", 0.5, gpus=8)
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM energy_day")).mappings()
    assert (row["accelerator_hours"], row["measured_hours"], row["known_hours"], row["busy_hours"]) == (192, 0, 96, 48)
    (found,) = read(ledger).rows
    known = [D(48) * (idle + busy) for idle, busy in ((D("81.2"), 448), (D("100.2"), 546), (D("131.2"), 623))]
    blind = [96 * watts for watts in (D("81.2"), D("352.1"), D(623))]
    alone = [(a + b) / 1000 for a, b in zip(known, blind, strict=True)]
    host = D("28.8")
    assert found.kwh == Range(
        round((alone[0] + host / 2) * D("1.15"), 6),
        round((alone[1] + host) * D("1.15"), 6),
        round(alone[2] * D("2.4"), 6),
    )


def test_unknown_cards_and_regions_are_named_and_in_no_figure(ledger: Ledger) -> None:
    node(ledger, model="chat", accelerator_type=None)
    ledger.charge(
        "2026-10-05", "10", resource_id="i-2", gpus=1, hours=all_hours(), quantity="24", region="moon-1",
        **{**GPU_HOUR, "accelerators": D(1), "accelerator_type": "nvidia-l4", "model": "tiny"},
    )  # fmt: skip
    ledger.attribute()
    found = {row.model: row for row in read(ledger).rows}
    assert (found["chat"].kwh, found["chat"].hours_without_power) == (None, D(192))
    assert (found["tiny"].carbon_kg, found["tiny"].hours_without_grid) == (None, D(24))
    assert any("moon-1" in source and "no grid factor" in source for source in read(ledger).sources)


def test_a_model_priced_per_token_is_estimated_by_its_size_or_said_to_be_unknown(ledger: Ledger) -> None:
    """Of llama-3.1-8b the size is published: 2 M output tokens at AWS's PUE; of claude it is not."""
    for model in ("llama-3.1-8b", "claude-sonnet-4"):
        tags = {"model": model, "stage": "inference_online"}
        ledger.charge("2026-10-05", "10", sku_id=model, unit_class="output", model=model, quantity="2", tags=tags,
                      is_ai=True, units_per_pricing_unit=1_000_000)  # fmt: skip
        ledger.usage({"requests": 4000, "output": 2_000_000}, model=model)
    ledger.attribute()
    found = {row.model: row for row in read(ledger).rows}
    llama, claude = found["llama-3.1-8b"], found["claude-sonnet-4"]
    expected = tokens_kwh(D("8.03"), D("8.03"), D(2_000_000), D("1.15"))
    assert llama.kwh == Range(*(round(end, 6) for end in (expected.low, expected.mid, expected.high)))
    assert (llama.output_tokens, llama.accelerator_hours, llama.carbon_kg) == (D(2_000_000), None, None)
    assert llama.wh_per_1k_requests == round(expected.mid * 250, 6)
    assert "EcoLogits" in llama.source
    assert "meta-llama/Llama-3.1-8B" in llama.source
    assert llama.boundary == "accelerators, hosts and data centre, for output tokens"
    assert (claude.kwh, claude.carbon_kg, claude.wh_per_1k_requests) == (None, None, None)
    assert claude.why_unknown == "no size of it is published, and nobody says what it runs on"
    assert llama.why_unknown == "no carbon: where the API runs is not known"
    assert {row.basis for row in read(ledger, "usage").rows} == {"usage"}


def test_rows_of_accelerators_name_their_factors_and_boundary(ledger: Ledger) -> None:
    node(ledger, model="chat")
    ledger.attribute()
    (row,) = read(ledger).rows
    assert row.boundary == "accelerators, hosts and data centre"
    assert row.source.startswith("aws us-east-1: PUE 1.15 (Green Software Foundation, real-time-cloud), 396.3 g/kWh")


def test_what_was_carbon_free_by_the_providers_word_stands_beside_and_lowers_nothing(ledger: Ledger) -> None:
    """Iowa, PUE 1.10 and 87 % carbon-free, beside South Carolina, PUE 1.09 and 31 %: of 2.19 parts 1.2949."""
    for name, region in (("i-1", "us-central1"), ("i-2", "us-east1")):
        node(ledger, provider="gcp", resource_id=name, region=region, model="chat")
    node(ledger, resource_id="i-3", model="elsewhere")
    ledger.attribute()
    found = read(ledger)
    chat, elsewhere = sorted(found.rows, key=lambda row: str(row.model))
    assert chat.kwh is not None
    assert chat.carbon_kg is not None
    assert chat.carbon_free_kwh is not None
    assert abs(chat.carbon_free_kwh - chat.kwh.mid * D("1.2949") / D("2.19")) < D("0.00001")
    per_part = chat.kwh.mid / D("2.19")
    whole = per_part * (D("1.10") * D("0.4127") + D("1.09") * D("0.5758"))
    assert abs(chat.carbon_kg.mid - whole) < D("0.00001")
    assert elsewhere.carbon_free_kwh is None
    line = carbon_free_line(found)
    assert line is not None
    assert "kWh at Google Cloud, 59 % was carbon-free in the hour it was used" in line
    assert any("us-east1" in source and "31 % carbon-free 2024" in source for source in found.sources)
    assert carbon_free_line(views.EnergyUse((elsewhere,), None, ())) is None


def test_our_carbon_free_shares_are_googles(public_data: Path) -> None:
    with (public_data / "carbon_gcp_regions" / "2024.csv").open(encoding="utf-8-sig") as stream:
        published = {row["Google Cloud Region"]: D(row["Google CFE"]) for row in csv.DictReader(stream)}
    ours = coefficients()["carbon_free"]["gcp"]["region"]
    assert set(ours) == set(coefficients()["grid"]["gcp"]["region"])
    assert all(published[region] == D(value) for region, value in ours.items())


def test_our_grid_factors_are_googles(public_data: Path) -> None:
    """The published table of 2024, read where it lies, to the decimal we keep."""
    with (public_data / "carbon_gcp_regions" / "2024.csv").open(encoding="utf-8-sig") as stream:
        published = {
            row["Google Cloud Region"]: D(row["Grid carbon intensity (gCO2eq / kWh)"]) for row in csv.DictReader(stream)
        }
    ours = coefficients()["grid"]["gcp"]["region"]
    assert len(ours) >= 20
    for region, value in ours.items():
        assert abs(published[region] - D(value)) <= D("0.05"), region
