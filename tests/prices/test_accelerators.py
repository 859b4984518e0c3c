"""The hardware catalogue: complete, consistent with itself and with what drivers report."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.prices.accelerators import (
    accelerator,
    accelerator_named,
    accelerators,
    accelerators_of,
    instance_type,
    instance_types,
    plain_instance_type,
)


def test_every_machine_carries_a_known_accelerator() -> None:
    """Referential integrity, positive counts, hosts of a believable size, sources everywhere."""
    machines = instance_types().values()

    assert len(machines) > 200
    for machine in machines:
        assert machine.accelerator_type in accelerators(), machine
        assert 0 < machine.accelerators <= 16, machine
        assert machine.vcpus is None or 2 <= machine.vcpus <= 400, machine
        assert machine.memory_gib is None or machine.memory_gib >= machine.vcpus, machine
        assert machine.source, machine


def test_an_accelerator_has_its_evidence() -> None:
    """Each row says where it comes from and how sure it is."""
    for card in accelerators().values():
        assert re.match("[VRG]", card.evidence), card
        assert card.source, card
        assert card.memory_gb > 0, card
        assert card.fp8_tflops is None or card.fp8_tflops > (card.bf16_tflops or 0) * Decimal("0.99"), card


@pytest.mark.parametrize(
    ("provider", "name", "memory_gb"),
    [
        ("aws", "p4d.24xlarge", 320),
        ("aws", "p4de.24xlarge", 640),
        ("aws", "p5.48xlarge", 640),
        ("aws", "p5en.48xlarge", 1128),
        ("aws", "g5.48xlarge", 192),
        ("aws", "g6e.12xlarge", 192),
        ("aws", "g6f.large", 3),
        ("aws", "g7e.48xlarge", 768),
        ("aws", "inf2.48xlarge", 384),
        ("aws", "trn2.48xlarge", 1536),
        ("gcp", "a2-megagpu-16g", 640),
        ("gcp", "a3-ultragpu-8g", 1128),
        ("gcp", "g4-standard-6", 12),
        ("gcp", "ct5lp-hightpu-4t", 64),
        ("azure", "Standard_ND96isr_MI300X_v5", 1536),
        ("azure", "Standard_NV72ads_A10_v5", 48),
        ("azure", "Standard_NV4as_v4", 2),
    ],
)
def test_device_memory_is_count_times_card(provider: str, name: str, memory_gb: int) -> None:
    """Totals as the providers state them."""
    found = accelerators_of(provider, name)

    assert found is not None
    card = accelerator(found[0])
    assert card is not None
    assert found[1] * card.memory_gb == memory_gb


@pytest.mark.parametrize(
    ("provider", "written", "plain"),
    [
        ("aws", "ml.p5.48xlarge", "p5.48xlarge"),
        ("aws", "G5.XLarge", "g5.xlarge"),
        ("azure", "Standard_NC24ads_A100_v4", "nc24adsa100v4"),
        ("azure", "NC24ads A100 v4 Spot", "nc24adsa100v4"),
        ("gcp", "a2-highgpu-1g", "a2-highgpu-1g"),
    ],
)
def test_one_machine_however_written(provider: str, written: str, plain: str) -> None:
    """SageMaker's prefix, Azure's Standard_, case and separators say nothing."""
    assert plain_instance_type(provider, written) == plain
    assert instance_type(provider, written) is not None


def test_machines_without_accelerators_are_not_in_the_table() -> None:
    """Unknown and plain machines look the same from here: none."""
    assert [accelerators_of("aws", name) for name in ("m5.large", "db.g4dn.xlarge", "", "p5")] == [None] * 4


def test_families() -> None:
    """Machines of a family differ in size alone."""
    names = [("aws", "p5.48xlarge"), ("gcp", "a2-highgpu-8g"), ("azure", "Standard_NC48ads_A100_v4")]
    families = [machine.family for machine in (instance_type(*name) for name in names) if machine]

    assert families == ["p5", "a2-highgpu", "ncadsa100v4"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100-80gb"),
        ("NVIDIA A100 80GB PCIe", "nvidia-a100-80gb-pcie"),
        ("NVIDIA A100-SXM4-40GB", "nvidia-a100-40gb"),
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb"),
        ("NVIDIA H100 NVL", "nvidia-h100-94gb-nvl"),
        ("NVIDIA GB200", "nvidia-gb200-186gb"),
        ("Tesla V100-SXM2-16GB", "nvidia-v100-16gb"),
        ("Nvidia Tesla V100 GPU running in Americas", "nvidia-v100-16gb"),
        ("Tesla T4", "nvidia-t4"),
        ("NVIDIA A10G", "nvidia-a10g"),
        ("NVIDIA A10-24Q", "nvidia-a10"),
        ("NVIDIA L40S", "nvidia-l40s"),
        ("RTX 6000 96GB attached to Spot Preemptible VMs", "nvidia-rtx-pro-6000-96gb"),
        ("Tpu-v5 lite", "google-tpu-v5e"),
        ("TPU v6e", "google-tpu-v6e"),
        ("NVIDIA A100", None),
        ("GRID A100-10C", None),
        ("C2D AMD Instance Core", None),
        ("Graphics", None),
    ],
)
def test_names_in_sku_texts_and_drivers(text: str, name: str | None) -> None:
    """A bare A100 may have 40 or 80 GB, so it is nobody."""
    assert accelerator_named(text) == name


def test_names_real_exporters_report(public_data: Path) -> None:
    """Every model name of six DCGM scrapes is known, but for the vGPU, whose memory the name does not tell."""
    scrapes = sorted((public_data / "util_dcgm_vllm_scrapes").glob("*.dcgm.prom"))
    names = {name for path in scrapes for name in re.findall(r'modelName="([^"]+)"', path.read_text(encoding="utf-8"))}

    assert len(scrapes) == 6
    assert names
    assert {name for name in names if accelerator_named(name) is None} == {n for n in names if n.startswith("GRID")}
