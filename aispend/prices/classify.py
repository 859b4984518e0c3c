"""What a SKU is: AI spend or not, on which platform, with which accelerator, model and unit.

Method: the rules of ``ai_spend.toml`` in their order, the first that fits decides; then the hardware catalogue says
what the named machine carries, and the model catalogue what the named tokens are.
Pure: the same SKU always gives the same answer under one :data:`RULES_VERSION`. A SKU no rule knows is not AI spend.
Known drawbacks: a SKU sees no tags and no resource, so the general-purpose host of an attached GPU (N1 with a T4)
is not AI spend by itself; the user's own rules and allocation come after this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from aispend.prices.accelerators import InstanceType, accelerator_named, instance_type
from aispend.prices.data import read_toml
from aispend.prices.models import canonical_model
from aispend.prices.tokens import TokenSku, describe_token_sku

RULES_VERSION = "2026-11-22.3"
"""Changes whenever an answer of :func:`classify` may change: the rules' version, tested to agree with their file."""

_MACHINE_TEXTS = {
    # A prefix other than "ml." is another product's node type: db.g4dn.xlarge, cache.…, stream.graphics.…
    "aws": re.compile(
        r"(?<![a-z0-9.]) (?:ml\.)? ((?:p|g|gr|trn|inf|dl)\d[a-z0-9-]* \. (?:\d*x?large | metal[a-z0-9-]*))",
        re.IGNORECASE | re.VERBOSE,
    ),
    "gcp": re.compile(
        r"\b((?:a2|a3|a4|a4x|g2|g4|ct\d[a-z]*|tpu7x) - [a-z]+ - \d+[a-z]? (?:-[a-z]+)?)\b",
        re.IGNORECASE | re.VERBOSE,
    ),
    "azure": re.compile(
        r"\b((?:Standard_)? N(?:CC|C|D|V)\d+[a-z]*"
        r"(?:[ _](?:NDR|A100|H100|H200|GB\d00|T4|A10|MI300X|V710|RTX\w*))* (?:[ _]v\d+)?)\b",
        re.IGNORECASE | re.VERBOSE,
    ),
}
_FEE = re.compile(r"\bfee\b", re.IGNORECASE)
_EDITION = re.compile(r"^(.*?)\s*\(Amazon Bedrock Edition\)", re.IGNORECASE)


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
    """What the rules and catalogues say about a SKU: the derived columns of table ``sku``; None is unknown.

    ``accelerators`` is per hour of the SKU's unit (0 for the host part of an accelerated machine);
    ``units_per_pricing_unit`` the tokens, or other ``unit_class``, one pricing unit buys.
    """

    is_ai: bool
    ai_rule: str | None = None
    platform: str | None = None
    accelerator_type: str | None = None
    accelerators: Decimal | None = None
    model: str | None = None
    unit_class: str | None = None
    units_per_pricing_unit: Decimal | None = None
    stage: str | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of ``ai_spend.toml``; the file explains the fields."""

    name: str
    ai: bool
    patterns: Mapping[str, re.Pattern[str]]
    provider: frozenset[str]
    without: re.Pattern[str] | None
    needs: str | None
    platform: str | None
    stage: str | None
    accelerators: str | None
    unit_class: str | None
    examples: tuple[SkuDescription, ...]
    counters: tuple[SkuDescription, ...]


class _Sku:
    """A SKU's texts as the rules ask for them, each worked out at most once."""

    def __init__(self, sku: SkuDescription) -> None:
        self.sku = sku
        self.usage = _joined(sku.x_usage_type, sku.sku_meter)
        self.text = _joined(
            sku.x_usage_type, sku.sku_meter, sku.charge_description, sku.x_operation, sku.x_instance_type
        )
        self.fields = {
            "service": sku.service_name or "",
            "category": sku.service_category or "",
            "resource_type": sku.resource_type or "",
            "usage": self.usage,
            "text": self.text,
        }

    @cached_property
    def machine(self) -> str | None:
        """The accelerated machine type named, as the text writes it; its size may be unknown to the catalogue."""
        pattern = _MACHINE_TEXTS.get(self.sku.provider)
        if pattern is None:
            return None
        sku = self.sku
        texts = (
            sku.x_instance_type,
            _price_detail(sku.sku_price_details),
            sku.x_usage_type,
            sku.sku_meter,
            sku.charge_description,
        )
        found = [match[1] for text in texts if text for match in pattern.finditer(text)]
        return next((name for name in found if instance_type(sku.provider, name)), found[0] if found else None)

    @cached_property
    def device(self) -> str | None:
        """The accelerator named."""
        return accelerator_named(self.text)

    @cached_property
    def tokens(self) -> TokenSku | None:
        """The tokens priced; the first text that also names the model wins."""
        sku = self.sku
        product = _joined(sku.service_name, sku.service_subcategory, sku.charge_description)
        found = None
        for text in (sku.sku_meter, sku.x_usage_type, sku.charge_description):
            described = describe_token_sku(text, sku.pricing_unit, product=product) if text else None
            if described is not None and described.model is not None:
                return described
            found = found or described
        return found

    def fits(self, rule: Rule) -> bool:
        """Whether everything the rule asks for is there; its provider was checked before."""
        return (
            all(pattern.search(self.fields[field]) for field, pattern in rule.patterns.items())
            and not (rule.without and rule.without.search(self.text))
            and (rule.needs is None or getattr(self, rule.needs) is not None)
        )


@lru_cache(maxsize=65536)
def classify(sku: SkuDescription) -> SkuClass:
    """The class of one SKU. Total: a SKU no rule knows is not AI spend, and one it knows too little of stays unknown.

    >>> answer = classify(SkuDescription("aws", "Amazon SageMaker", x_usage_type="USE1-Host:ml.g5.2xlarge"))
    >>> answer.platform, answer.accelerator_type, answer.accelerators, answer.stage
    ('managed_endpoint', 'nvidia-a10g', Decimal('1'), 'inference_online')
    """
    texts = _Sku(sku)
    rule = next((rule for rule in _rules_for(sku.provider) if texts.fits(rule)), None)
    if rule is None:
        return SkuClass(is_ai=False)
    if not rule.ai:
        return SkuClass(is_ai=False, ai_rule=rule.name)
    accelerator_type, accelerators = _accelerators(rule, texts)
    tokens = texts.tokens if rule.platform in {"token_api", "training_job"} and rule.unit_class is None else None
    batch = tokens is not None and tokens.service_tier == "batch" and rule.stage == "inference_online"
    return SkuClass(
        is_ai=True,
        ai_rule=rule.name,
        platform=rule.platform,
        accelerator_type=accelerator_type,
        accelerators=accelerators,
        model=tokens.model if tokens else _edition(sku.service_name),
        unit_class=tokens.unit_class if tokens else rule.unit_class,
        units_per_pricing_unit=tokens.units_per_pricing_unit if tokens else None,
        stage="inference_batch" if batch else rule.stage,
    )


def _accelerators(rule: Rule, texts: _Sku) -> tuple[str | None, Decimal | None]:
    machine: InstanceType | None = instance_type(texts.sku.provider, texts.machine) if texts.machine else None
    if rule.accelerators == "machine":
        return (machine.accelerator_type, machine.accelerators) if machine else (None, None)
    if rule.accelerators == "device" and not _FEE.search(texts.text):
        return (texts.device, Decimal(1)) if texts.device else (None, None)
    known = texts.device or (machine.accelerator_type if machine else None)
    if rule.accelerators == "host":
        return known, Decimal(0)
    return (known, None) if rule.accelerators in {"kind", "device"} else (None, None)


@lru_cache(maxsize=64)
def _rules_for(provider: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules() if not rule.provider or provider in rule.provider)


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The reviewed rules, in the order they are tried."""
    return tuple(_rule(entry) for entry in read_toml("ai_spend.toml")["rule"])


def _rule(entry: Mapping[str, Any]) -> Rule:
    patterns = {
        field: re.compile(entry[field], re.IGNORECASE)
        for field in ("service", "category", "resource_type", "usage", "text")
        if field in entry
    }
    providers = tuple(entry.get("provider", ()))

    def described(text: Mapping[str, str]) -> SkuDescription:
        return SkuDescription(**({"provider": providers[0] if providers else ""} | dict(text)))

    return Rule(
        name=entry["name"],
        ai=entry["ai"],
        patterns=patterns,
        provider=frozenset(providers),
        without=re.compile(entry["without"], re.IGNORECASE) if "without" in entry else None,
        needs=entry.get("needs"),
        platform=entry.get("platform"),
        stage=entry.get("stage"),
        accelerators=entry.get("accelerators"),
        unit_class=entry.get("unit_class"),
        examples=tuple(described(text) for text in entry["example"]),
        counters=tuple(described(text) for text in entry["counter"]),
    )


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _price_detail(details: str | None) -> str | None:
    """The instance type inside FOCUS SkuPriceDetails, a JSON object whose keys differ by provider."""
    if not details:
        return None
    try:
        parsed = json.loads(details)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    named = (parsed.get(key) for key in ("InstanceType", "x_InstanceType", "instance_type", "ServiceType"))
    return next((value for value in named if isinstance(value, str)), None)


def _edition(service_name: str | None) -> str | None:
    """The model a Bedrock marketplace product is named after."""
    found = _EDITION.match(service_name or "")
    return canonical_model(found[1]) if found else None
