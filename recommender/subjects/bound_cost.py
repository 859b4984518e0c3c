"""Which commitments follow their machines to another type, and what those that do not would leave behind.

Assumes
    What covers a machine now covers another type of it in the same place where the commitment is sold for both.
Method
    To any type: AWS savings plans that are listed without a family (Compute, SageMaker), Azure's savings plans, and
    Google's commitments to spend. Within a family: AWS savings plans that are listed with one.
Cases
    A reservation, a commitment to resources, a plan of AWS that no listing names, and cover without a name: not known
    to follow. Reserved instances are flexible in size in some regions, systems and families; no listing here says so.
Sources
    The providers' documentation of savings plans, reservations and committed use; docs/advice.md.
Known drawbacks
    Google's commitments to spend leave some families out; a move to one of those is taken to be followed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_

from aispend.schema import charge, commitment, commitment_term
from recommender.savings import Behind
from recommender.subjects.families import family_of

_PLAN = commitment_term.c.kind == "savings_plan"
FOLLOWS_WITHIN_FAMILY = and_(commitment.c.provider == "aws", _PLAN)
FOLLOWS = or_(
    and_(FOLLOWS_WITHIN_FAMILY, commitment_term.c.instance_type.is_(None)),
    and_(commitment.c.provider == "azure", func.lower(commitment.c.commitment_discount_type) == "savings plan"),
    and_(commitment.c.provider == "gcp", func.lower(commitment.c.commitment_discount_category) == "spend"),
)
TERM_OF_COMMITMENT = and_(
    commitment_term.c.provider == commitment.c.provider,
    func.lower(commitment_term.c.commitment_id) == func.lower(commitment.c.commitment_discount_id),
)


def left_behind(covered: ColumnElement[bool], follows: ColumnElement[bool]) -> ColumnElement[Any]:
    """List cost of covered charges whose commitment does not follow; NULL where one of them has none."""
    left = covered & ~func.coalesce(follows, False)
    return case(
        (
            func.bool_and(~left | charge.c.list_cost.is_not(None)),
            func.coalesce(func.sum(charge.c.list_cost).filter(left), 0),
        )
    )


def behind_another_type(provider: str, present: str | None, target: str) -> Behind:
    """What commitments leave behind each day where ``target`` is run instead of ``present``."""
    in_family = present is not None and family_of(provider, present) == family_of(provider, target)
    return lambda day: day.committed_list_cost(in_family=in_family)
