"""Listings boto3 cannot page by itself, and parts of a listing that an account may go without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aispend.errors import CollectError
from collectors.aws.base import DISABLED_REGION, code_of

REFUSED = DISABLED_REGION | {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "SubscriptionRequiredException",
    "UnsupportedOperation",
    "UnknownOperationException",
}
"""Answers of a part that an account may go without."""


def pages(
    ask: Callable[..., Mapping[str, Any]], *, token: str = "nextToken", **given: Any
) -> Iterator[Mapping[str, Any]]:
    """The replies of a listing to its last page; ``token`` is what it calls the next one, in requests and replies."""
    known: set[str] = set()
    while True:
        reply = ask(**given)
        yield reply
        following = reply.get(token)
        if not following:
            return
        if following in known:
            raise CollectError(
                "AWS gives the same page again.",
                where=f"{token} {following}",
                next_step="The next run tries again; what was collected before stays.",
            )
        known.add(following)
        given[token] = following


def left_out(error: Exception, what: str) -> str:
    """The remark for a part that AWS refuses (no permission, region or service not enabled); else raises ``error``."""
    code = code_of(error)
    if code not in REFUSED:
        raise error
    said = "the region is not enabled" if code in DISABLED_REGION else "the permission is missing"
    return f"{what} is unknown: {said} ({code})."
