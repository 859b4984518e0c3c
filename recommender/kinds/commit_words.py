"""What advice to commit says: of what it is sized on, and of the purchase, its stages, its cost and its command.

Assumes     a committed hour costs what the price list has as ``1y`` and ``3y`` (``collectors``): at AWS and Azure under
            a savings plan for any machine (of SageMaker's, a plan for these), at Google as a commitment to resources.
            Of another product, at a price of its own, as much money an hour would cover another size: that product is
            bought and no other.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from decimal import Decimal

from aispend.clock import HOURS_PER_MONTH
from aispend.money import in_words
from aispend.percents import percent
from recommender.comments import comment
from recommender.subjects.committed_rates import CommittedTerm
from recommender.subjects.usage_pools import UsagePool

_CENT = Decimal("0.01")
_YEARS: dict[CommittedTerm, tuple[int, str]] = {"1y": (1, "one year"), "3y": (3, "three years")}
_MONTHS = 12
_GOOGLE = {
    "a2": ("accelerator-optimized", "nvidia-tesla-a100"),
    "a2-ultragpu": ("accelerator-optimized", "nvidia-a100-80gb"),
    "a3": ("accelerator-optimized-a3", "nvidia-h100-80gb"),
    "a3-megagpu": ("accelerator-optimized-a3-mega", "nvidia-h100-mega-80gb"),
    "g2": ("graphics-optimized", "nvidia-l4"),
    "g4": ("graphics-optimized-g4", "nvidia-rtx-pro-6000"),
    "n1": ("general-purpose", "TYPE"),
}
"""What a family's commitment is of, in gcloud's words, and its accelerator; others are sold by account teams.

Source: cloud.google.com/compute/docs/committed-use-discounts, --type and attached reservations, read 2026-11-22.
"""


def sized_on(subject: UsagePool, paid: Decimal, expiring_days: int) -> str:
    """What its usage is without, and what its price is held against; each with a space before it.

    ``paid`` is what is paid on demand of the list price.
    """
    said = ""
    if paid < 1:
        said += (
            f" On demand you pay {percent(paid)} of the list price; a committed hour is taken at list, as whether a "
            "discount holds for it is not known."
        )
    if subject.expiring:
        several = len(subject.expiring) > 1
        said += (
            f" {len(subject.expiring)} commitment{'s end' if several else ' ends'} within {expiring_days} days; "
            f"what {'they cover' if several else 'it covers'} is part of the size, and saves only from then on."
        )
    if subject.decided:
        said += (
            f" Changes accepted or done are taken out first ({in_words(subject.decided, subject.currency)} a month)."
        )
    if subject.freed:
        said += (
            f" Commitments that such changes set free cover {in_words(subject.freed, subject.currency)} a month of the "
            "rest."
        )
    if subject.excluded:
        said += f" {in_words(subject.excluded, subject.currency)} a month that your settings exclude is left out."
    if subject.unpriced:
        said += (
            f" {in_words(subject.unpriced, subject.currency)} a month of types without a committed price is left out."
        )
    return said


@dataclass(frozen=True)
class Purchase:
    """A commitment of ``hourly`` an hour, of it ``first`` now, which saves ``first_saves`` a month net by itself.

    The rest is proposed again once ``days`` after the purchase are billed. Money of the subject's currency.
    ``accelerators`` is how many are bought first, where whole ones are sold.
    """

    subject: UsagePool
    hourly: Decimal
    first: Decimal
    first_saves: Decimal
    term: CommittedTerm
    days: int
    accelerators: int | None = None

    @property
    def rest(self) -> Decimal:
        """What is bought later, an hour; 0 where all is bought at once."""
        return self.hourly - self.first

    @property
    def proposed(self) -> str:
        """The commitment in a few words."""
        said = f"commit {in_words(self.hourly, self.subject.currency)} an hour for {_YEARS[self.term][1]}"
        return f"{said}: {in_words(self.first)} now, {in_words(self.rest)} in a second stage" if self.rest else said

    @property
    def sentences(self) -> str:
        """What is to be paid for it, and in which stages; with a space before it."""
        currency = self.subject.currency
        number, years = _YEARS[self.term]
        monthly = (self.first * HOURS_PER_MONTH).quantize(_CENT)
        paid = (
            f"It is {monthly:,} {currency} a month and {monthly * _MONTHS * number:,} {currency} over {years}, paid "
            "whether it is used or not"
        )
        if not self.rest:
            return f" {paid}."
        return (
            f" Stage 1 of 2: buy {in_words(self.first, currency)} an hour now. {paid}, and saves {self.first_saves:,} "
            f"{currency} a month net. Stage 2 of 2: the other {in_words(self.rest, currency)} an hour, later. Mark "
            "this advice as done when the first is bought: what is left to commit to is proposed anew, at the size "
            f"that fits then, once {self.days} days after that day are billed."
        )

    @property
    def command(self) -> str:
        """What to run to buy the first stage, after what is to be decided before."""
        subject, first = self.subject, self.first
        said = (
            f"payer {subject.account or 'unknown'}, {subject.family} in {subject.region or 'all regions'}; "
            f"decide open advice on these machines first, then buy {in_words(first, subject.currency)} an hour"
        )
        if self.rest:
            said += (
                f": stage 1 of 2, as the other {in_words(self.rest)} is proposed anew once {self.days} days after it "
                "are billed"
            )
        where = comment(said)
        years, _ = _YEARS[self.term]
        if subject.provider == "aws":
            product, plan = ("SageMaker",) * 2 if subject.family.startswith("ml.") else ("EC2", "Compute")
            return where + (
                f"\naws savingsplans describe-savings-plans-offerings --product-type {product}"
                f" --plan-types {plan} --durations {years * 31_536_000} --payment-options 'No Upfront'"
                f" --currencies {subject.currency}\n"
                f"aws savingsplans create-savings-plan --savings-plan-offering-id OFFERING_ID --commitment {first}"
            )
        if subject.provider == "azure":
            return where + (
                "\naz billing-benefits savings-plan-order-aliases create --order-alias-name NAME --display-name NAME"
                " --sku Compute_Savings_Plan --applied-scope-type Shared --billing-plan P1M"
                f" --billing-scope-id /subscriptions/SUBSCRIPTION --term P{years}Y"
                f" --commitment '{{amount:{first},currency-code:{subject.currency},grain:Hourly}}'"
            )
        return where + _google(subject, years * _MONTHS, self.accelerators)


def _google(subject: UsagePool, months: int, count: int | None) -> str:
    """Without a type gcloud buys cores of N1, which cover no other machine."""
    sold = _GOOGLE.get(subject.family)
    if sold is None:
        return "\n# which commitment covers these machines, and whether it is sold by itself, your account team says"
    kind, accelerator = sold
    return (
        "\n# accelerators are committed to with a reservation of as many of them; other projects of the billing account"
        "\n# are covered where its committed use discounts are shared"
        f"\ngcloud compute commitments create NAME --plan {months}-month --type {kind}"
        f" --region {shlex.quote(subject.region or 'REGION')} --resources vcpu=N,memory=N"
        f" --resources-accelerator type={accelerator},count={count or 'N'}"
        " --existing-reservation name=RESERVATION,zone=ZONE"
    )
