"""The rules on bills nobody on this project wrote."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

from aispend.prices.classify import SkuClass, SkuDescription, classify

PROVIDERS = {"AWS": "aws", "Microsoft": "azure", "Oracle": "oci"}


def _rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _text(value: str) -> str | None:
    return None if value in {"", "NULL"} else value


def _focus(row: dict[str, str]) -> SkuClass:
    return classify(
        SkuDescription(
            provider=PROVIDERS[row["ProviderName"]],
            service_name=_text(row["ServiceName"]),
            service_category=_text(row["ServiceCategory"]),
            sku_id=_text(row["SkuId"]),
            sku_price_id=_text(row["SkuPriceId"]),
            charge_description=_text(row["ChargeDescription"]),
            pricing_unit=_text(row["PricingUnit"]),
            consumed_unit=_text(row["ConsumedUnit"]),
            resource_type=_text(row["ResourceType"]),
        )
    )


def test_focus_sample(public_data: Path) -> None:
    """Of 1,000 lines exactly nineteen are AI: nine of Azure Machine Learning, ten GPU instances."""
    rows = _rows(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz")
    found = [_focus(row) for row in rows]
    ai = Counter(answer for answer in found if answer.is_ai)

    assert len(rows) == 1000
    assert Counter(answer.ai_rule for answer in ai.elements()) == {"azure-ml": 9, "aws-ec2-accelerated": 10}
    machines = {answer for answer in ai if answer.platform == "gpu_vm"}
    assert {(answer.accelerator_type, answer.accelerators) for answer in machines} == {
        ("nvidia-a10g", 1),
        ("nvidia-m60", 1),
    }
    assert {answer.model for answer in ai} == {None}


def test_gcp_export(public_data: Path) -> None:
    """58 lines of Vertex AI, and nothing else."""
    rows = _rows(public_data / "billing_gcp_export_synth" / "sample_billing_data.csv.gz")
    found = Counter(
        (row["service_description"], answer.platform)
        for row in rows
        if (
            answer := classify(
                SkuDescription(
                    provider="gcp",
                    service_name=_text(row["service_description"]),
                    sku_id=_text(row["sku_id"]),
                    charge_description=_text(row["sku_description"]),
                    pricing_unit=_text(row["usage_pricing_unit"]),
                )
            )
        ).is_ai
    )

    assert len(rows) == 500
    assert found == {("Vertex AI", "ml_platform"): 58}


def test_aws_cur_without_ai(public_data: Path) -> None:
    """1,281 lines of S3, Glue, SQS, KMS and tax: not one is AI spend."""
    [path] = (public_data / "billing_focusconv_aws_cur").glob("*.csv*")
    rows = _rows(path)
    ai = [
        row
        for row in rows
        if classify(
            SkuDescription(
                provider="aws",
                service_name=_text(row["product/ProductName"]),
                sku_meter=_text(row["lineItem/UsageType"]),
                charge_description=_text(row["lineItem/LineItemDescription"]),
                pricing_unit=_text(row["pricing/unit"]),
                x_operation=_text(row["lineItem/Operation"]),
                x_usage_type=_text(row["lineItem/UsageType"]),
            )
        ).is_ai
    ]

    assert len(rows) == 1281
    assert ai == []


def test_published_azure_services(public_data: Path) -> None:
    """Every service Microsoft itself files under AI is AI spend when its export says so."""
    with (public_data / "ref_finopstoolkit_opendata" / "Services.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    ai = [row for row in rows if row["ServiceCategory"] == "AI and Machine Learning"]
    missed = [
        row["ServiceName"]
        for row in ai
        if not classify(
            SkuDescription(
                "azure", service_name=row["ServiceName"], service_category=row["ServiceCategory"],
                resource_type=row["ResourceType"],
            )
        ).is_ai
    ]  # fmt: skip

    assert len(ai) >= 5
    assert missed == []
