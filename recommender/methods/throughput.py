"""Tokens a second of a model on an accelerator, by a formula that is calibrated on what was measured.

Assumes
    Continuous batching: ``batch`` sequences run at once, prompts are prefilled between decode steps.
Method
    Additive roofline. A step moves the weights and the cache of all running sequences once, and computes each token
    and its share of a prompt:
        t = (weights + batch · (n_in + n_out / 2) · kv) / (bandwidth · η_m)
            + 2 · active parameters · batch · (1 + n_in / n_out) / (FLOPS · η_c)
    with bandwidth and FLOPS of all accelerators of the replica; tokens a second = batch / t.
    The larger of the two terms alone is measurably worse: 19 % median error against 4.5 % of their sum.
    ``calibrate`` scales both η so that the formula meets one observed point; what is then predicted are ratios.
Cases
    An observation faster than the specifications allow has a wrong batch, precision or count: no calibration.
Sources
    Methods, mapping to another accelerator (T2.6, T2.7): η fitted on ML.ENERGY, H100, seven dense models.
Known drawbacks
    Small models on new hardware wait for the host and are predicted up to twice too fast; fp8 39 to 49 % too fast;
    older engines under tensor parallelism up to 3.8 × too fast: calibrate. A mixture of experts reads fewer weights
    at small batches than counted here.
"""

from __future__ import annotations

from dataclasses import dataclass

from aispend.prices.accelerators import Accelerator
from recommender.methods.model_memory import ModelShape, Precision, kv_bytes, weight_bytes

CALIBRATED_ERROR = 0.34
"""90th percentile of the error at another batch size on the same hardware, after calibration on one point."""


@dataclass(frozen=True)
class Efficiency:
    """Share of peak bandwidth and of peak compute that is reached."""

    memory: float = 0.65
    compute: float = 0.5


FITTED = Efficiency()


@dataclass(frozen=True)
class Hardware:
    """One accelerator at one compute precision: bytes and floating-point operations a second, dense."""

    bandwidth: float
    flops: float


@dataclass(frozen=True)
class ServedModel:
    """A model in the precision it is served in. Four-bit weights are computed in 16 bits (W4A16)."""

    shape: ModelShape
    precision: Precision = "bf16"
    kv_precision: Precision = "bf16"

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights as stored."""
        return weight_bytes(self.shape.parameters, self.precision)


@dataclass(frozen=True)
class Traffic:
    """``batch`` sequences running at once on a replica, of ``n_in`` prompt and ``n_out`` output tokens each.

    ``cached_input_share`` of the prompt is taken from a prefix cache and not computed again.
    Raises ``ValueError`` where batch or output tokens are not positive.
    """

    batch: float
    n_in: float
    n_out: float
    cached_input_share: float = 0.0

    def __post_init__(self) -> None:
        if self.batch <= 0 or self.n_out <= 0 or self.n_in < 0 or not 0 <= self.cached_input_share <= 1:
            raise ValueError(f"batch and output tokens are positive, shares from 0 to 1, not {self}")


@dataclass(frozen=True)
class Decode:
    """One replica while decoding: seconds per step (what a user sees between tokens), output tokens a second."""

    step_seconds: float
    tokens_per_second: float


def peak_flops(card: Accelerator, precision: Precision) -> float | None:
    """Dense operations a second at the precision the weights are computed in; None: not known, or not supported."""
    tera = {
        "bf16": card.bf16_tflops,
        "fp16": card.bf16_tflops,
        "int4": card.bf16_tflops,
        "fp8": card.fp8_tflops,
        "int8": card.int8_tops,
        "fp4": card.fp4_tflops,
    }.get(precision)
    return None if tera is None else float(tera) * 1e12


def hardware(card: Accelerator, precision: Precision = "bf16") -> Hardware | None:
    """What the formula needs of an accelerator; None where a figure is not known."""
    flops = peak_flops(card, precision)
    if card.bandwidth_gb_s is None or flops is None:
        return None
    return Hardware(float(card.bandwidth_gb_s) * 1e9, flops)


def decode_throughput(
    model: ServedModel,
    hardware: Hardware,
    traffic: Traffic,
    efficiency: Efficiency = FITTED,
    tensor_parallel: int = 1,
) -> Decode:
    """One replica of ``tensor_parallel`` accelerators under this traffic."""
    memory, compute = _terms(model, hardware, traffic, tensor_parallel)
    seconds = memory / efficiency.memory + compute / efficiency.compute
    return Decode(seconds, traffic.batch / seconds)


def calibrate(
    observed_tokens_per_second: float,
    model: ServedModel,
    hardware: Hardware,
    traffic: Traffic,
    tensor_parallel: int = 1,
) -> Efficiency | None:
    """The efficiency at which the formula gives what one replica was seen to do; None: faster than hardware can.

    Raises ``ValueError`` for an observation that is not positive.
    """
    if observed_tokens_per_second <= 0:
        raise ValueError(f"a replica that serves {observed_tokens_per_second} tokens a second calibrates nothing")
    if traffic.batch / observed_tokens_per_second < max(_terms(model, hardware, traffic, tensor_parallel)):
        return None
    predicted = decode_throughput(model, hardware, traffic, FITTED, tensor_parallel)
    factor = observed_tokens_per_second / predicted.tokens_per_second
    return Efficiency(FITTED.memory * factor, FITTED.compute * factor)


def _terms(model: ServedModel, hardware: Hardware, traffic: Traffic, tensor_parallel: int) -> tuple[float, float]:
    """Seconds of a step for moving bytes and for computing, at peak."""
    context = traffic.n_in + traffic.n_out / 2
    cache = kv_bytes(model.shape, model.kv_precision, tensor_parallel)
    moved = model.weight_bytes + traffic.batch * context * cache
    tokens = traffic.batch * (1 + traffic.n_in * (1 - traffic.cached_input_share) / traffic.n_out)
    computed = 2 * model.shape.parameters_per_token * tokens
    return moved / (hardware.bandwidth * tensor_parallel), computed / (hardware.flops * tensor_parallel)
