"""What a SKU is: AI spend or not, on which platform, with which accelerator, model and unit.

Pure: the same SKU always gives the same answer under one :data:`RULES_VERSION`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

RULES_VERSION = "2026-11-21.0"
"""Changes whenever an answer of :func:`classify` may change; stored with what was derived from it."""


@dataclass(frozen=True)
class SkuDescription:
    """All a bill says about a SKU: provider, the SKU columns of ``aispend.engine.line`` and the resource type."""

    provider: str
    service_name: str | None = None
    service_category: str | None = None
    service_subcategory: str | None = None
    sku_id: str | None = None
    sku_price_id: str | None = None
    sku_meter: str | None = None
    charge_description: str | None = None
    sku_price_details: str | None = None
    pricing_unit: str | None = None
    consumed_unit: str | None = None
    pricing_currency: str | None = None
    x_instance_type: str | None = None
    x_operation: str | None = None
    x_usage_type: str | None = None
    resource_type: str | None = None


@dataclass(frozen=True)
class SkuClass:
    """What the rules and catalogues say about a SKU: the derived columns of table ``sku``; None is unknown."""

    is_ai: bool
    ai_rule: str | None = None
    platform: str | None = None
    accelerator_type: str | None = None
    accelerators: Decimal | None = None
    model: str | None = None
    unit_class: str | None = None
    units_per_pricing_unit: Decimal | None = None
    stage: str | None = None


_GPU_FAMILY = re.compile(r"(?<![a-z0-9.])(p[2-6]|g[2-7]|gr6|trn|inf|dl)[a-z0-9-]*\.\d*x?large", re.IGNORECASE)


@lru_cache(maxsize=65536)
def classify(sku: SkuDescription) -> SkuClass:
    """The class of one SKU. Total: a SKU no rule knows is not AI spend."""
    if sku.service_category == "AI and Machine Learning":
        return SkuClass(True, "focus-ai-category", "ml_platform")
    texts = (sku.x_instance_type, sku.x_usage_type, sku.sku_meter, sku.charge_description)
    if sku.provider == "aws" and any(_GPU_FAMILY.search(text) for text in texts if text):
        return SkuClass(True, "aws-ec2-accelerated", "gpu_vm")
    return SkuClass(False)
