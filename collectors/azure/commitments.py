"""What was committed in Azure: reservations and savings plans, with their scope, quantity and end.

*Ids* are those of Azure's management plane, as FOCUS bills name commitments. *Money*: a savings plan is a spend an
hour; what a reservation costs no listing says, so it is NULL and the bill tells it.

*Who may see them.* Both belong to the tenant and not to a subscription, and are listed to those who have a role for
them there. Azure answers others with an empty list, so that none where there were some is an error, not an answer.

*Not commitments* are units of throughput that are deployed without a reservation: ``inventory`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.errors import AispendError, InputError
from aispend.money import cost
from collectors.answers import ASKS_AGAIN
from collectors.azure.base import FORBIDDEN, AzureCollector, status_of
from collectors.azure.graph import subscription_of
from collectors.azure.inventory_machines import instant
from collectors.base import finding_of
from collectors.contract import Finding, Merge, Progress, Reading, Seen, Slice, Window

Row = dict[str, Any]
RESERVATIONS, PLANS = "reservations", "savings plans"
_VERSION = "2022-11-01"
_LISTED = {
    RESERVATIONS: "/providers/Microsoft.Capacity/reservations",
    PLANS: "/providers/Microsoft.BillingBenefits/savingsPlans",
}
_ROLES = {
    RESERVATIONS: "Reservations Reader on /providers/Microsoft.Capacity",
    PLANS: "Savings plan Reader on /providers/Microsoft.BillingBenefits",
}
_ASSIGN = "Assign it to the identity (docs/connect-azure.md shows how); no role of a subscription can grant it."
_OTHERS = "If there are some, the role {} is missing: Azure lists none to others."
_STATES = {"succeeded": "active", "cancelled": "deleted", "merged": "retired", "split": "retired"}
"""States of ours for Azure's; others are Azure's own word."""

_MACHINES = "virtualmachines"


class Commitments(AzureCollector):
    """See the module's text."""

    kind = "commitments"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("arm.ListReservations", "arm.ListSavingsPlans")

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """Two slices; new every day."""
        for what in _LISTED:
            yield Slice(what, f"{self.clock().date()}", what)

    def examine(self) -> Iterator[Finding]:
        """Whether both may be listed, and how many there are."""
        from azure.core.exceptions import HttpResponseError

        try:
            with self.explained(self.name):
                for what, path in _LISTED.items():
                    try:
                        count = sum(1 for _ in self.clients.pages(path, api_version=_VERSION))
                    except HttpResponseError as error:
                        if status_of(error) != FORBIDDEN:
                            yield self.denied(error)
                        else:
                            yield Finding("broken", f"{what}: the role {_ROLES[what]} is missing", _ASSIGN)
                        continue
                    if count:
                        yield Finding("good", f"{count} {what} are visible")
                    else:
                        yield Finding("note", f"no {what} are visible", _OTHERS.format(_ROLES[what]))
        except AispendError as error:
            yield finding_of(error, self.name)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """All reservations, or all plans, of the tenant."""
        from azure.core.exceptions import HttpResponseError

        read: Callable[[Iterable[Mapping[str, Any]], datetime], list[Row]]
        read = reservations if piece.key == RESERVATIONS else savings_plans
        try:
            rows = read(self.clients.pages(_LISTED[piece.key], api_version=_VERSION), self.clock())
        except HttpResponseError as error:
            if status_of(error) != FORBIDDEN:
                raise
            note = f"What was committed in {piece.key} is unknown: the role {_ROLES[piece.key]} is missing."
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
        notes = () if rows else (f"No {piece.key} are visible. {_OTHERS.format(_ROLES[piece.key])}",)
        return Reading([Merge("commitment_term", rows)], notes)


def reservations(listed: Iterable[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Rows from the listing of reservations; quantities are machines, or units of whatever is reserved."""
    rows = []
    for one in listed:
        about = one.get("properties") or {}
        kind, size = str(about.get("reservedResourceType") or ""), str((one.get("sku") or {}).get("name") or "")
        count = _number(about.get("quantity"), one)
        of_machines = kind.lower() == _MACHINES
        said = f"{count} {size}" if count is not None else size
        rows.append(
            _term(one, about, "reservation", now)
            | {
                "description": ", ".join(filter(None, (said, kind, one.get("location"), _scope(about)))),
                "region": one.get("location") or None,
                "instance_type": size or None if of_machines else None,
                "quantity": count,
                "payment_option": {"Upfront": "All Upfront", "Monthly": "No Upfront"}.get(about.get("billingPlan", "")),
            }
        )
    return rows


def savings_plans(listed: Iterable[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Rows from the listing of savings plans.

    Raises ``InputError`` for a plan that is not a spend an hour.
    """
    rows = []
    for one in listed:
        about = one.get("properties") or {}
        spend = about.get("commitment") or {}
        if spend and str(spend.get("grain") or "Hourly") != "Hourly":
            raise InputError(
                "This savings plan is not a spend an hour.",
                where=f"{one.get('id')}: {spend.get('grain')}",
                next_step=ASKS_AGAIN,
            )
        name = str((one.get("sku") or {}).get("name") or "Savings plan").replace("_", " ")
        rows.append(
            _term(one, about, "savings_plan", now)
            | {
                "description": ", ".join(filter(None, (name, about.get("term"), _scope(about)))),
                "hourly_commitment": None if (given := _number(spend.get("amount"), one)) is None else cost(given),
                "currency": str(spend.get("currencyCode") or "USD").upper(),
                "payment_option": "No Upfront" if about.get("billingPlan") == "P1M" else "All Upfront",
            }
        )
    return rows


def _term(one: Mapping[str, Any], about: Mapping[str, Any], kind: str, now: datetime) -> Row:
    """What both have. Listings that name no amounts name no currency: US dollars stand for it."""
    state = str(about.get("provisioningState") or "unknown").lower()
    single = str(about.get("appliedScopeType") or "").lower()
    ends = instant(about.get("expiryDateTime")) or instant(about.get("expiryDate"))
    return {
        "provider": "azure",
        "commitment_id": one["id"],
        "kind": kind,
        "owner_account": subscription_of(str(about.get("billingScopeId") or "")) or None,
        "benefits": {"single": "account", "shared": "organization", "managementgroup": "organization"}.get(single),
        "region": None,
        "instance_type": None,
        "quantity": None,
        "hourly_commitment": None,
        "upfront": None,
        "recurring_hourly": None,
        "currency": "USD",
        "starts_at": next(
            filter(None, map(instant, map(about.get, ("benefitStartTime", "effectiveDateTime", "purchaseDate")))), now
        ),
        "ends_at": ends,
        "state": "expired" if ends is not None and ends <= now else _STATES.get(state, state),
        "as_of": now,
    }


def _scope(about: Mapping[str, Any]) -> str:
    """Whose usage it covers, as far as one is named."""
    kind = str(about.get("appliedScopeType") or "")
    named = about.get("appliedScopeProperties") or {}
    scopes = about.get("appliedScopes") or []
    of = named.get("resourceGroupId") or named.get("managementGroupId") or named.get("subscriptionId")
    return " ".join(filter(None, (kind.lower(), str(of or (scopes[0] if scopes else "")))))


def _number(value: Any, one: Mapping[str, Any]) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        raise InputError("This is not a number.", where=f"{one.get('id')}: {value!r}", next_step=ASKS_AGAIN) from None
