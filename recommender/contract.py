"""What a kind of recommendation is: what it looks at, and the two things it may answer.

A kind is one module of ``recommender/kinds`` with one ``Kind`` object and a pure ``evaluate``: subject in, answer
out. Subjects (``recommender/subjects``) are what money is paid for: a machine, the machines that serve a model, the
tokens bought of a model, a volume, a training run, the usage a commitment could cover, a contract. The runner loads
them, asks every kind, lets the portfolio settle what may be done together and writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Generic, Literal, TypeVar

from aispend import clock
from aispend.advising import Recommend
from recommender.methods.offered import Offered
from recommender.places import NOTHING_TOLD, Needed, Places
from recommender.prices import CATALOGUE, PriceBook

Confidence = Literal["low", "medium", "high"]
Effort = Literal["very_low", "low", "medium", "high", "very_high"]
HOURS_PER_MONTH = clock.HOURS_PER_MONTH
"""Hours a monthly figure stands for."""
COST_UNKNOWN = (
    "Its bill gives neither an effective nor a billed cost for it, so nobody can say what would be saved. "
    "Load the export that has it: for Azure, the amortised one."
)


class Step(IntEnum):
    """When in the order of savings a kind acts: each acts on the cost that those before it leave.

    Source: methods, combining savings. Prices of usage (commitments) come after everything that changes usage.
    """

    REMOVE = 0
    SIZE = 1
    MODEL = 2
    SCHEDULE = 3
    SPOT = 4
    COMMIT = 5
    PLACE = 6


@dataclass(frozen=True)
class DailyCost:
    """Usage cost of one day, split by what a change could still save; in the subject's currency.

    None is unknown. ``billed`` says that billed cost stands in for effective cost, which the bill does not give.
    ``hours_mask`` has bit h set where hour h (UTC) was billed; None where the bill knows no hours.
    ``bound_cost`` is what those hours cost at list price whose commitment is not known to follow to a type of another
    family; ``bound_to_type_cost`` of them those whose commitment is not known to follow within the family either.
    """

    day: date
    hours: int
    list_cost: Decimal | None
    effective_cost: Decimal | None
    uncovered_effective_cost: Decimal | None
    is_spot: bool
    billed: bool = False
    hours_mask: int | None = None
    bound_cost: Decimal | None = None
    bound_to_type_cost: Decimal | None = None

    def committed_list_cost(self, *, in_family: bool) -> Decimal | None:
        """What the hours that a commitment leaves behind when the type changes cost at list price; None is unknown.

        Where nobody says which those are, all that is covered: at most what list price leaves beside the rest.
        """
        told = self.bound_to_type_cost if in_family else self.bound_cost
        bare = self.uncovered_effective_cost
        if told is not None or (bare is not None and bare == self.effective_cost):
            return told or Decimal(0)
        return None if self.list_cost is None or bare is None else max(self.list_cost - bare, Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What money is paid for: whose it is, where, and what it cost by day.

    ``resource_key`` is 0 and ``resource_id`` a name of ours (``tokens:…``, ``service:…``) where it is no single
    resource of the bill. ``as_of`` ends the evidence: the day after the newest usage charge. ``costs_since`` is the day
    from which on it costs what it costs now, as it was another machine type before; None: all days count.
    """

    resource_key: int
    resource_id: str
    provider: str
    account: str | None
    region: str | None
    currency: str
    tags: Mapping[str, str]
    model: str | None
    team: str | None
    first_seen: date
    costs: Sequence[DailyCost]
    as_of: datetime
    costs_since: date | None = None
    prices: PriceBook = field(default=CATALOGUE, compare=False, repr=False)
    places: Places = field(default=NOTHING_TOLD, compare=False, repr=False)

    @property
    def place(self) -> str:
        """Its region, in words where none is known."""
        return self.region or "an unknown region"

    @property
    def identified_by(self) -> str:
        """What it is known by from run to run: its id, but for what outlives the resources it consists of."""
        return self.resource_id

    @property
    def formerly(self) -> tuple[str, ...]:
        """What it was known by while less was known of it."""
        return ()


@dataclass(frozen=True)
class Saving:
    """A monthly saving three ways, with the range of the net one; per 730 hours, subject's currency.

    The range is None where nothing of it differs, or too little is known to say by how much; ``range_from`` says what
    it is from, or why there is none.
    """

    list_cost: Decimal | None
    effective: Decimal
    net: Decimal
    p10: Decimal | None
    p50: Decimal | None
    p90: Decimal | None
    range_from: str = ""


@dataclass(frozen=True)
class Advice:
    """A recommendation for one subject.

    ``target`` is the proposal in machine words (``stop``, an instance type): with its kind and what its subject is
    ``identified_by`` it is the identity, so ``proposed`` may be worded better without becoming another one.
    ``acts_on`` gives the monthly effective cost of each resource it acts on, where that is not the subject alone.
    ``gate`` names what must be shown before it may count ("an evaluation of quality"); ``hard_to_regain`` that the
    capacity may not come back.
    ``evidence_until`` ends the measurement it rests on: advice expires a week after it. ``estimate_only`` marks a
    calculation that never counts. ``needs`` is what has to be had of the cloud to do it (``to_be_had.py``);
    ``pays_for`` is usage a month, at its cost, that is paid for from then on whether there is any or not; ``commits``
    of a commitment its size and the hourly usage it is for.
    ``evidence["replay"]`` is the replay on held-out history where there is one.
    """

    kind: str
    subject: Subject
    current: str
    proposed: str
    monthly_cost: Decimal
    saving: Saving
    risk: int
    confidence: Confidence
    effort: Effort
    reason: str
    undo: str
    command: str
    evidence: Mapping[str, Any]
    target: str
    violation_bound: Decimal | None = None
    one_off_cost: Decimal = Decimal(0)
    acts_on: Mapping[str, Decimal] = field(default_factory=dict)
    gate: str | None = None
    hard_to_regain: bool = False
    estimate_only: bool = False
    evidence_until: datetime | None = None
    needs: Needed | None = None
    pays_for: Decimal | None = None
    commits: Offered | None = None

    @property
    def resources(self) -> Mapping[str, Decimal]:
        """The resources it acts on, with their monthly cost; ids of different providers do not meet."""
        own = self.acts_on or {self.subject.resource_id: self.monthly_cost}
        return {f"{self.subject.provider}\x1f{self.subject.currency}\x1f{name}": cost for name, cost in own.items()}


@dataclass(frozen=True)
class WhyNot:
    """Why a kind has no advice for a subject; ``reason`` in one word of a machine, ``explanation`` for a person."""

    kind: str
    subject: Subject
    reason: str
    explanation: str
    monthly_cost: Decimal | None


Answer = Advice | WhyNot
Looked = TypeVar("Looked", bound=Subject)


@dataclass(frozen=True)
class Kind(Generic[Looked]):
    """One kind of recommendation.

    ``needs`` says in words what must be known; ``subject`` what it looks at; ``applies`` whether it has anything to
    say of one. ``step`` places its saving in the order they act in. On one resource, kinds of one step exclude each
    other unless named in ``together``, and ``alone`` excludes every other kind. ``is_of_whole_group``: what it changes
    a group sets for all of its machines, so that it needs all of them; ``of_group`` rewords a line of it for the number
    of machines the group will have, the sum of ``evidence["machines"]`` of its lines. ``is_of_part``: the cost it acts
    on is a part of what its resources cost, that of some of the runs on them.
    """

    name: str
    title: str
    needs: str
    subject: type[Looked]
    step: Step
    applies: Callable[[Looked], bool]
    evaluate: Callable[[Looked, Recommend], Answer]
    alone: bool = False
    together: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()
    is_of_whole_group: bool = False
    is_of_part: bool = False
    of_group: Callable[[Advice, int], Advice] | None = None
