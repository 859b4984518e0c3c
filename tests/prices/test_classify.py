"""What a SKU is, read off texts as the clouds write them."""

from __future__ import annotations

import string
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.engine.line import SKU_COLUMNS
from aispend.prices.classify import SkuClass, SkuDescription, classify
from aispend.schema import sku as sku_table


def test_the_fields_are_the_seam() -> None:
    """Others build a description from the SKU columns and write the class into table ``sku``."""
    assert set(SkuDescription.__dataclass_fields__) == {"provider", "resource_type", *SKU_COLUMNS}
    assert set(SkuClass.__dataclass_fields__) <= {column.name for column in sku_table.columns}


@pytest.mark.parametrize(
    ("text", "accelerator_type", "accelerators"),
    [
        ("g4dn.metal", "nvidia-t4", "8"),
        ("g6f.large", "nvidia-l4", "0.125"),
        ("gr6f.4xlarge", "nvidia-l4", "0.5"),
        ("p5.4xlarge", "nvidia-h100-80gb", "1"),
        ("p6-b200.48xlarge", "nvidia-b200-180gb", "8"),
        ("p6e-gb200.36xlarge", "nvidia-gb200-186gb", "4"),
        ("trn2u.48xlarge", "aws-trainium2", "16"),
        ("inf1.6xlarge", "aws-inferentia1", "4"),
        ("dl2q.24xlarge", "qualcomm-ai100", "8"),
    ],
)
@pytest.mark.parametrize("usage", ["USE1-BoxUsage:{}", "SpotUsage:{}", "EUW1-DedicatedUsage:{}"])
def test_accelerated_ec2(usage: str, text: str, accelerator_type: str, accelerators: str) -> None:
    """Every way of renting the machine carries the machine's accelerators."""
    found = classify(SkuDescription("aws", "Amazon Elastic Compute Cloud", x_usage_type=usage.format(text)))

    assert (found.is_ai, found.platform) == (True, "gpu_vm")
    assert (found.accelerator_type, found.accelerators) == (accelerator_type, Decimal(accelerators))
    assert found.stage is None


def test_a_new_size_of_a_known_family_is_ai_with_unknown_accelerators() -> None:
    """Tomorrow's p9: no count is invented for it."""
    found = classify(SkuDescription("aws", "AmazonEC2", x_usage_type="BoxUsage:p9.96xlarge"))

    assert found == SkuClass(is_ai=True, ai_rule="aws-ec2-accelerated", platform="gpu_vm")


def test_instance_type_from_price_details() -> None:
    """FOCUS 1.2 of AWS has no usage type; the type stands in a map."""
    sku = SkuDescription("aws", "Amazon Elastic Compute Cloud", sku_price_details='{"InstanceType": "g5.48xlarge"}')

    assert classify(sku).accelerators == 8
    assert classify(SkuDescription("aws", "AmazonEC2", sku_price_details="[not json")).is_ai is False


def test_host_part_of_a_gcp_machine_carries_no_accelerator_of_its_own() -> None:
    """Cores and memory of an A2 are AI spend, and counting them must not add accelerator-hours."""
    core = classify(
        SkuDescription(
            "gcp",
            "Compute Engine",
            charge_description="A2 Instance Core running in Americas",
            x_instance_type="a2-ultragpu-2g",
        )
    )
    gpu = classify(
        SkuDescription(
            "gcp",
            "Compute Engine",
            charge_description="Nvidia Tesla A100 80GB GPU running in Americas",
            x_instance_type="a2-ultragpu-2g",
        )
    )

    assert (core.accelerator_type, core.accelerators) == ("nvidia-a100-80gb", Decimal(0))
    assert (gpu.accelerator_type, gpu.accelerators) == ("nvidia-a100-80gb", Decimal(1))


def test_a_fee_on_an_accelerator_is_not_a_second_one() -> None:
    """Vertex bills its management fee beside the GPU."""
    fee = classify(
        SkuDescription("gcp", "Vertex AI", charge_description="Vertex AI: Training Management fee on Nvidia L4 GPU")
    )

    assert (fee.platform, fee.accelerator_type, fee.accelerators) == ("training_job", "nvidia-l4", None)


@pytest.mark.parametrize(
    ("meter", "accelerator_type", "accelerators"),
    [
        ("NC24ads A100 v4", "nvidia-a100-80gb-pcie", "1"),
        ("ND96isr H100 v5", "nvidia-h100-80gb", "8"),
        ("ND96asr A100 v4", "nvidia-a100-40gb", "8"),
        ("NV36ads A10 v5", "nvidia-a10", "1"),
        ("NV18ads A10 v5 Spot", "nvidia-a10", "0.5"),
        ("NV6ads A10 v5", "nvidia-a10", "0.166666666667"),
        ("NC40ads H100 v5", "nvidia-h100-94gb-nvl", "1"),
        ("NC4as T4 v3 Low Priority", "nvidia-t4", "1"),
        ("NC24rs v3", "nvidia-v100-16gb", "4"),
        ("ND96isr MI300X v5", "amd-mi300x-192gb", "8"),
        ("NV8as v4", "amd-mi25-16gb", "0.25"),
    ],
)
def test_azure_sizes(meter: str, accelerator_type: str, accelerators: str) -> None:
    """Meters drop Standard_ and underscores; spot and low priority are the same machine."""
    found = classify(SkuDescription("azure", "Virtual Machines", sku_meter=meter))

    assert (found.platform, found.accelerator_type, found.accelerators) == (
        "gpu_vm",
        accelerator_type,
        Decimal(accelerators),
    )


def test_batch_price_is_batch_inference() -> None:
    """The tier decides between online and batch where the platform leaves it open."""
    batch = classify(SkuDescription("aws", "Amazon Bedrock", x_usage_type="USE1-Claude3Haiku-input-tokens-batch"))
    azure = classify(SkuDescription("azure", "Azure OpenAI", sku_meter="gpt 4o 0513 Batch Outp glbl Tokens"))

    assert (batch.stage, azure.stage) == ("inference_batch", "inference_batch")


def test_marketplace_tokens_take_the_model_from_the_product() -> None:
    """The usage type says only which way the tokens went, and a unit is a million of them."""
    sku = SkuDescription(
        "aws",
        "Claude 3.5 Sonnet (Amazon Bedrock Edition)",
        x_usage_type="USE1-MP:USE1_InputTokenCount-Units",
        charge_description="AWS Marketplace software usage|us-east-1|Million Input Tokens Regional",
        pricing_unit="Units",
    )

    found = classify(sku)

    assert (found.model, found.unit_class, found.units_per_pricing_unit) == ("claude-3.5-sonnet", "input", 10**6)


def test_a_model_nobody_names_stays_unknown() -> None:
    """Tokens of an unnamed product, and a bare version number, name no model."""
    nameless = SkuDescription("aws", "Marketplace bedrock", x_usage_type="USE1-MP:USE1_OutputTokenCount-Units")
    bare = SkuDescription("azure", "Foundry Models", sku_meter="5.4 mini Inp Gl 1M Tokens")

    assert classify(nameless).model is None
    assert classify(bare).model is None


def test_same_number_under_another_product_is_another_model() -> None:
    """Grok and GPT both bill bare versions."""
    meter = "4.3 Cached Inp Glbl 1M Tokens"
    grok = SkuDescription("azure", "Foundry Models", sku_meter=meter, charge_description=f"Azure Grok Models - {meter}")

    assert classify(grok).model == "grok-4.3"


_text = (
    st.none() | st.text(string.printable, max_size=40) | st.sampled_from(["g5.xlarge", "Bedrock", "1M Tokens", "GPU"])
)


@given(
    st.builds(
        SkuDescription,
        provider=st.sampled_from(["aws", "gcp", "azure", "oci", "openai", "x"]),
        service_name=_text,
        service_category=_text,
        sku_meter=_text,
        charge_description=_text,
        sku_price_details=_text,
        pricing_unit=_text,
        x_instance_type=_text,
        x_usage_type=_text,
        resource_type=_text,
    )
)
def test_total_and_consistent(sku: SkuDescription) -> None:
    """Any text gets an answer; a count of accelerators never stands without AI spend, what is not AI says nothing."""
    found = classify(sku)

    assert found.is_ai or found == SkuClass(is_ai=False, ai_rule=found.ai_rule)
    assert found.accelerators is None or found.accelerators >= 0
    assert found.units_per_pricing_unit is None or found.units_per_pricing_unit > 0
    assert (found.platform is not None) == found.is_ai
