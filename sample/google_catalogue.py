"""Google's catalogue of prices: SKUs as Cloud Billing writes them, answered page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.cloud.billing_v1.types import cloud_catalog

COMPUTE = "6F81-5844-456A"
"""The id of Compute Engine among the services of the catalogue."""

_NANOS = 10**9


def sku(
    description: str,
    price: str,
    usage: str = "OnDemand",
    *,
    regions: Sequence[str] = ("us-central1",),
    unit: str = "h",
    since: datetime = datetime(2026, 11, 1, tzinfo=UTC),
) -> Any:
    """A SKU of machines with one price in dollars, for every hour."""
    units, nanos = divmod(Decimal(price) * _NANOS, _NANOS)
    return cloud_catalog.Sku(
        {
            "description": description,
            "category": {"usage_type": usage, "resource_family": "Compute"},
            "service_regions": list(regions),
            "pricing_info": [
                {
                    "effective_time": since,
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


def catalogue(*skus: Any, at_once: int | None = None) -> Callable[[Any], Any]:
    """Answers of the catalogue of Compute Engine, by pages; other services have nothing."""

    def answer(request: Any) -> Any:
        listed = skus if COMPUTE in request.parent else ()
        first, most = int(request.page_token or 0), at_once or request.page_size
        following = str(first + most) if first + most < len(listed) else ""
        page = list(listed[first : first + most])
        return cloud_catalog.ListSkusResponse(skus=page, next_page_token=following)

    return answer
