"""Device memory a model needs, for serving and for training, and how many accelerators hold it.

Assumes
    A decoder-only transformer with one key-value cache entry per layer and token, kept for every running sequence.
    Weights are split evenly over the accelerators of a replica (tensor parallel).
Method
    weights = parameters × bits / 8; four-bit formats carry their scales: 4.5 bits per parameter (groups of 128).
    Key-value cache per token = 2 · layers · kv_heads · head_dim · bytes. A degree above the number of key-value heads
    repeats them, so the cache of a replica grows by degree ÷ heads.
    Needed: weights + tokens held at once × cache per token + activations ≤ usable share × memory × accelerators.
    The degree divides the attention heads; where their number is not known, only powers of two are offered.
    Training, bytes per parameter: full 16 (bf16 with Adam, mixed precision); LoRA 2 for the frozen base, QLoRA 0.55,
    both with 16 for each adapter parameter; activations are not in it.
Cases
    No degree up to the limit holds it: None.
Sources
    Methods, memory (T6.1 to T6.4); EcoLogits methodology for its quick rule; vLLM's default share of 0.9.
Known drawbacks
    Embeddings that stay 16-bit in a quantised model, compressed caches (MLA) and sliding windows are not modelled;
    activations are one allowance for a replica. Measured use of the cache is better where there is any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4", "fp4"]

WEIGHT_BITS: Mapping[Precision, float] = {
    "fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "int4": 4.5, "fp4": 4.5,
}  # fmt: skip
"""Bits per parameter as stored, scales of quantised groups included."""
CACHE_BITS: Mapping[Precision, int] = {"fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "int4": 4, "fp4": 4}
USABLE_SHARE = 0.9
"""Share of device memory a serving engine takes."""
ACTIVATION_BYTES = 2e9
MAX_DEGREE = 8
"""Accelerators joined by a fast link in one machine; a replica across machines is not modelled."""
_ECOLOGITS_OVERHEAD = 1.2


@dataclass(frozen=True)
class ModelShape:
    """What a model is made of. ``parameters`` in all; ``active_parameters`` per token (None: all of them).

    ``attention_heads`` None is unknown. Raises ``ValueError`` for a size that is not positive.
    """

    parameters: float
    layers: int
    kv_heads: int
    head_dim: int
    attention_heads: int | None = None
    active_parameters: float | None = None

    def __post_init__(self) -> None:
        if min(self.parameters, self.layers, self.kv_heads, self.head_dim) <= 0:
            raise ValueError(f"a model's parameters, layers, heads and head size are positive, not {self}")

    @property
    def parameters_per_token(self) -> float:
        """Parameters that take part in one token."""
        return self.parameters if self.active_parameters is None else self.active_parameters


def weight_bytes(parameters: float, precision: Precision) -> float:
    """Bytes of the weights as stored."""
    return parameters * WEIGHT_BITS[precision] / 8


def kv_bytes(shape: ModelShape, precision: Precision = "bf16", degree: int = 1) -> float:
    """Bytes of key-value cache per token, over all ``degree`` accelerators of a replica."""
    copies = max(1.0, degree / shape.kv_heads)
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * CACHE_BITS[precision] / 8 * copies


def concurrent_tokens(
    shape: ModelShape,
    device_memory_bytes: float,
    degree: int,
    precision: Precision,
    *,
    kv_precision: Precision = "bf16",
    usable_share: float = USABLE_SHARE,
    activation_bytes: float = ACTIVATION_BYTES,
) -> int:
    """Tokens whose cache fits beside the weights of one replica on ``degree`` accelerators; 0 where none does."""
    room = usable_share * device_memory_bytes * degree - weight_bytes(shape.parameters, precision) - activation_bytes
    return max(math.floor(room / kv_bytes(shape, kv_precision, degree)), 0)


def degrees(shape: ModelShape, maximum: int = MAX_DEGREE) -> tuple[int, ...]:
    """Tensor-parallel degrees the model can be split by, the smallest first."""
    if shape.attention_heads is None:
        return tuple(1 << power for power in range(maximum.bit_length()) if 1 << power <= maximum)
    return tuple(degree for degree in range(1, maximum + 1) if shape.attention_heads % degree == 0)


def accelerators_needed(
    shape: ModelShape,
    device_memory_bytes: float,
    precision: Precision,
    *,
    tokens: int,
    kv_precision: Precision = "bf16",
    usable_share: float = USABLE_SHARE,
    activation_bytes: float = ACTIVATION_BYTES,
    maximum: int = MAX_DEGREE,
) -> int | None:
    """Accelerators of one replica that holds ``tokens`` at once (at least one); None: more than ``maximum``."""
    for degree in degrees(shape, maximum):
        room = concurrent_tokens(
            shape,
            device_memory_bytes,
            degree,
            precision,
            kv_precision=kv_precision,
            usable_share=usable_share,
            activation_bytes=activation_bytes,
        )
        if room >= max(tokens, 1):
            return degree
    return None


def ecologits_bytes(parameters: float, bits: float = 16) -> float:
    """Memory of EcoLogits' quick rule: 1.2 × the weights."""
    return _ECOLOGITS_OVERHEAD * parameters * bits / 8


def ecologits_accelerators(parameters: float, device_memory_bytes: float, bits: float = 16) -> int:
    """Accelerators by EcoLogits' quick rule: rounded up to a power of two."""
    return 1 << (math.ceil(ecologits_bytes(parameters, bits) / device_memory_bytes) - 1).bit_length()
