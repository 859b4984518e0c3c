"""Randomness and identifiers that depend on a seed and a name only, never on the order of calls."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chance:
    """Draws for one company. Two streams with different names are independent; the same name repeats itself."""

    seed: int

    def stream(self, *names: object) -> np.random.Generator:
        """A generator of its own for whatever ``names`` stand for."""
        return np.random.Generator(np.random.PCG64(int.from_bytes(self._digest(names)[:16], "big")))

    def hex(self, length: int, *names: object) -> str:
        """``length`` hexadecimal digits (at most 64)."""
        return self._digest(names).hex()[:length]

    def digits(self, length: int, *names: object) -> str:
        """``length`` decimal digits, the first not zero."""
        number = int.from_bytes(self._digest(names), "big")
        return str(number % (9 * 10 ** (length - 1)) + 10 ** (length - 1))

    def uuid(self, *names: object) -> str:
        """A text of the shape of a UUID."""
        text = self.hex(32, *names)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def code(self, length: int, *names: object) -> str:
        """Capital letters and digits, as SKU ids are written."""
        alphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ7"
        return "".join(alphabet[byte % 32] for byte in self._digest(names))[:length]

    def _digest(self, names: tuple[object, ...]) -> bytes:
        return hashlib.sha256(repr((self.seed, *map(str, names))).encode()).digest()
