"""What a cloud told of zones and quotas, by hand: of account 111122223333 in us-east-1 unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from recommender.places import Offering, Quota
from tests.recommender.conftest import AS_OF

ACCOUNT = "111122223333"
YESTERDAY = AS_OF - timedelta(days=1)


def offered(instance_type: str, *zones: str, **changes: Any) -> Offering:
    """A type and the zones that offer it."""
    given: dict[str, Any] = {"provider": "aws", "account": ACCOUNT, "region": "us-east-1"}
    told = {"zones": frozenset(zones), "as_of": YESTERDAY, "source": "aws/offerings"}
    return Offering(instance_types=frozenset({instance_type}), **(given | told | changes))


def granted(amount: int, covers: Sequence[str] = ("g[0-9]*",), used: int | None = None, **changes: Any) -> Quota:
    """vCPUs of the types these patterns name, on demand."""
    given: dict[str, Any] = {
        "provider": "aws",
        "account": ACCOUNT,
        "region": "us-east-1",
        "code": "L-DB2E81BA",
        "title": "Running On-Demand G and VT instances",
        "covers": tuple(covers),
        "purchase": "on_demand",
        "unit": "vCPU",
        "granted": Decimal(amount),
        "used": None if used is None else Decimal(used),
        "as_of": YESTERDAY,
        "source": "aws/offerings",
    }
    return Quota(**(given | changes))
