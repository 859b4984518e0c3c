"""The machine families that commitments are sold for."""

from __future__ import annotations

import re

_GOOGLE_APART = ("a2-ultragpu", "a3-megagpu", "a3-ultragpu")


def family_of(provider: str, instance_type: str) -> str:
    """The machine family commitments are sold for: ``p5`` of p5.48xlarge, ``a2`` of a2-highgpu-8g, ND96… of Azure.

    Azure's is the size without its number of vCPUs: Standard_ND*asr_v4 of Standard_ND96asr_v4. Google sells machines of
    one series with other accelerators apart (``a3-megagpu``). How models share a machine (``+lora``) is nothing of its
    family.
    """
    name = instance_type.lower().removesuffix("+lora")
    if provider == "azure":
        return re.sub(r"(?<=[a-z])\d+", "*", name, count=1)
    if provider == "gcp":
        apart = next((one for one in _GOOGLE_APART if name.startswith(one)), None)
        return apart or name.split("-", 1)[0]
    parts = name.split(".")
    return ".".join(parts[:-1]) if len(parts) > 1 else name
