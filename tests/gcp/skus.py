"""SKUs as Google's catalogue writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.cloud.billing_v1.types import cloud_catalog

A2 = {"A2 Instance Core": "0.031611", "A2 Instance Ram": "0.004237", "Nvidia Tesla A100 GPU": "2.933908"}
"""List prices of us-central1, per hour; the machine of one costs 3.673385 an hour."""


def sku(
    description: str, price: str, usage: str = "OnDemand", regions: Sequence[str] = ("us-central1",), unit: str = "h"
) -> Any:
    units, nanos = divmod(Decimal(price) * 10**9, 10**9)
    return cloud_catalog.Sku(
        {
            "description": description,
            "category": {"usage_type": usage, "resource_family": "Compute"},
            "service_regions": list(regions),
            "pricing_info": [
                {
                    "effective_time": datetime(2026, 11, 1, tzinfo=UTC),
                    "pricing_expression": {
                        "usage_unit": unit,
                        "tiered_rates": [
                            {"unit_price": {"currency_code": "USD", "units": int(units), "nanos": int(nanos)}}
                        ],
                    },
                }
            ],
        }
    )


def a2(usage: str = "OnDemand", text: str = "{} running in Americas", share: str = "1") -> list[Any]:
    """The parts of A2 machines on a term, at a share of the price."""
    return [
        sku(text.format(name), str(Decimal(price) * Decimal(share)), usage, unit="GiBy.h" if "Ram" in name else "h")
        for name, price in A2.items()
    ]


def catalogue(*skus: Any, at_once: int = 2) -> Callable[[Any], Any]:
    """Answers of the catalogue of Compute Engine, page by page; other services have nothing."""

    def answer(request: Any) -> Any:
        listed = skus if "6F81" in request.parent else ()
        first = int(request.page_token or 0)
        following = str(first + at_once) if first + at_once < len(listed) else ""
        page = list(listed[first : first + at_once])
        return cloud_catalog.ListSkusResponse(skus=page, next_page_token=following)

    return answer
