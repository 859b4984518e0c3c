"""Which shape a model has: what your settings say, else what its maker publishes, else nothing.

Assumes
    A name means the published weights. What is tuned from them (an adapter, a fine-tune) has the shape of its base only
    where settings give it.
Method
    Names are compared in their canonical form. A value of the settings comes before the published one; a shape needs
    parameters, layers, key-value heads and the size of a head. Precision is 16 bits unless settings say otherwise,
    as the makers publish it.
Sources
    ``model_shapes.toml``: the config.json published with the weights.
Known drawbacks
    A model served in another precision than it was published in is taken for larger than it is, until settings say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from aispend.prices.data import read_toml
from aispend.prices.models import canonical_model
from recommender.methods.model_memory import ModelShape, Precision
from recommender.methods.throughput import ServedModel


class Served(Protocol):
    """What settings say of a model."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> float | None: ...

    @property
    def active_parameters(self) -> float | None: ...

    @property
    def layers(self) -> int | None: ...

    @property
    def kv_heads(self) -> int | None: ...

    @property
    def head_dim(self) -> int | None: ...

    @property
    def attention_heads(self) -> int | None: ...

    @property
    def precision(self) -> Precision | None: ...


_FIELDS = ("parameters", "active_parameters", "layers", "kv_heads", "head_dim", "attention_heads")
_SIZE = re.compile(r"-\d+(?:\.\d+)?b\b")
_NEEDED = ("parameters", "layers", "kv_heads", "head_dim")


def served_model(name: str | None, told: Sequence[Served] = ()) -> ServedModel | None:
    """The model as it is served; None where its shape is not known in full."""
    if name is None:
        return None
    canonical = canonical_model(name)
    own = next((model for model in told if canonical_model(model.name) == canonical), None)
    values: dict[str, Any] = dict(_published().get(canonical, {}))
    precision: Precision = "bf16"
    if own is not None:
        values |= {field: value for field in _FIELDS if (value := getattr(own, field)) is not None}
        precision = own.precision or precision
    if any(values.get(field) is None for field in _NEEDED):
        return None
    return ServedModel(ModelShape(**values), precision)


def source_of(name: str | None) -> str | None:
    """Where the published shape is from; None where settings gave it, or nobody did."""
    entry = _entries().get(canonical_model(name)) if name else None
    return None if entry is None else f"{entry['source']}, config.json"


def smaller_of_family(name: str | None) -> float | None:
    """Parameters of the next smaller published model of the same name but for its size; None where there is none."""
    canonical = canonical_model(name) if name else ""
    family = _SIZE.sub("", canonical)
    own = _published().get(canonical)
    if own is None or family == canonical:
        return None
    smaller = [
        float(entry["parameters"])
        for other, entry in _published().items()
        if _SIZE.sub("", other) == family and entry["parameters"] < own["parameters"]
    ]
    return max(smaller, default=None)


@lru_cache(maxsize=1)
def _entries() -> Mapping[str, Mapping[str, Any]]:
    """Entries of the file by every name."""
    return {
        canonical_model(name): entry
        for entry in read_toml("model_shapes.toml", __package__)["model"]
        for name in (entry["name"], *entry.get("also", ()))
    }


@lru_cache(maxsize=1)
def _published() -> Mapping[str, Mapping[str, Any]]:
    whole = ("layers", "kv_heads", "head_dim", "attention_heads")
    return {
        name: {
            field: int(entry[field]) if field in whole else float(entry[field]) for field in _FIELDS if field in entry
        }
        for name, entry in _entries().items()
    }
