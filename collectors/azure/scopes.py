"""Scopes of costs that contain each other: which are asked, and whose word on a subscription counts.

That a scope lies within another one its path says (a profile of a billing account, a resource group of a subscription).
Which subscriptions a billing account or a management group pays for, only its answers say.
"""

from __future__ import annotations

from collections.abc import Iterable

BILLING, MANAGEMENT_GROUP, SUBSCRIPTION = range(3)
"""Kinds of scopes: what of a subscription an earlier one shows is not taken from a later one."""


def kind_of(scope: str) -> int:
    """What kind a scope is of.

    >>> kind_of("/providers/Microsoft.Billing/billingAccounts/1") == BILLING, kind_of("subscriptions/1") == SUBSCRIPTION
    (True, True)
    """
    path = _path(scope)
    if path.startswith("subscriptions/"):
        return SUBSCRIPTION
    return MANAGEMENT_GROUP if path.startswith("providers/microsoft.management/") else BILLING


def subscription_in(scope: str) -> str:
    """The subscription a scope is or is in, in lower case; empty for others.

    >>> subscription_in("subscriptions/1A/resourceGroups/rg"), subscription_in("providers/Microsoft.Billing/x/1")
    ('1a', '')
    """
    return _path(scope).split("/")[1] if kind_of(scope) == SUBSCRIPTION else ""


def apart(scopes: Iterable[str]) -> tuple[list[str], list[str]]:
    """Scopes of which none lies within another by its path, the widest kind first, and a remark on each left out.

    >>> apart(["subscriptions/1/resourceGroups/g", "subscriptions/1", "subscriptions/12"])[0]
    ['subscriptions/1', 'subscriptions/12']
    """
    given = list({_path(one): one for one in reversed(list(scopes))}.values())[::-1]
    around = {one: next((other for other in given if _path(one).startswith(f"{_path(other)}/")), "") for one in given}
    kept = sorted((one for one in given if not around[one]), key=kind_of)
    return kept, [f"{one} is not asked: {by} shows it" for one, by in around.items() if by]


def is_within(scope: str, others: Iterable[str]) -> bool:
    """Whether a scope is one of the others, however spelled, or lies within one by its path.

    >>> is_within("/Subscriptions/1A/", ["subscriptions/1a"]), is_within("subscriptions/12", ["subscriptions/1"])
    (True, False)
    """
    return any(f"{_path(scope)}/".startswith(f"{_path(other)}/") for other in others)


def _path(scope: str) -> str:
    return scope.strip("/").lower()
