"""What there is to ask CloudWatch for, in all accounts and regions, and what asking for it costs: said before it does.

A place that refuses is named, and the others are counted all the same. Of very many places some are looked at, and the
rest is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aispend.errors import AispendError
from collectors.aws.base import DISABLED_REGION, AwsCollector, code_of
from collectors.aws.cloudwatch import PER_THOUSAND, PRICED_ON, Group, monthly_cost
from collectors.aws.inventory_ec2 import Place
from collectors.base import MOST_EXAMINED
from collectors.contract import Finding

READS_A_DAY = 25
"""Today's day every hour, and once more when it is over."""

_ENABLE = "Enable it for the account, or name the regions to read in aispend.toml."


class Survey:
    """Counts what a collector would ask for: ``places`` that answered, ``metrics``, and ``listings`` to find them."""

    def __init__(self, collector: AwsCollector, groups_of: Callable[[Place], Sequence[Group]]) -> None:
        self._collector, self._groups_of = collector, groups_of
        self._refused: dict[Finding, list[Place]] = {}
        self.places = self.metrics = self.listings = self.left = 0

    def groups(self) -> Iterator[tuple[Place, Group]]:
        """What is found, place by place, the home region of all accounts first."""
        clients = self._collector.clients
        places = self._all_places()
        self.left = max(0, len(places) - MOST_EXAMINED)
        before = clients.sent["cloudwatch.ListMetrics"]
        for place in places[:MOST_EXAMINED]:
            found = self._found(place)
            if isinstance(found, Finding):
                self._refused.setdefault(found, []).append(place)
                continue
            self.places += 1
            # statistics of one metric are one metric
            self.metrics += len({query.series for group in found for query in group.queries.values()})
            yield from ((place, group) for group in found)
        self.listings = clients.sent["cloudwatch.ListMetrics"] - before

    def _all_places(self) -> list[Place]:
        """The places there are; none where they cannot be told, which the look at the collector itself has said."""
        clients = self._collector.clients
        home = clients.connection.home_region
        try:
            with self._collector.explained(self._collector.name):
                regions = sorted(clients.regions, key=lambda region: (region != home, region))
                return [Place(account, region) for region in regions for account in clients.accounts]
        except AispendError:
            return []

    def refusals(self) -> Iterator[Finding]:
        """What keeps places from being read, each said once with where it was met."""
        for finding, where in self._refused.items():
            first = f"{where[0].account}, {where[0].region}" + (f" and {len(where) - 1} more" if where[1:] else "")
            yield replace(finding, what=f"{first}: {finding.what}")

    def cost(self) -> str:
        """What asking costs in a month, and on which basis."""
        price = f"{PER_THOUSAND} USD per 1,000"
        cost = monthly_cost(self.metrics, READS_A_DAY) + monthly_cost(self.listings, 24)
        return (
            f"in {self.places} places (account and region) {self.metrics} metrics are asked for {READS_A_DAY} times a"
            f" day at {price} and found by {self.listings} requests an hour at {price}: about {cost} USD a month at the"
            f" list prices of {PRICED_ON}"
        )

    def rest(self) -> Iterator[Finding]:
        """What was not looked at."""
        if self.left:
            yield Finding("note", f"{self.left} places more (account and region) were not looked at: cost unknown")

    def _found(self, place: Place) -> Sequence[Group] | Finding:
        from botocore.exceptions import ClientError

        try:
            with self._collector.explained(self._collector.name):
                try:
                    return self._groups_of(place)
                except ClientError as error:
                    # these are the credentials that just signed in
                    if code_of(error) in DISABLED_REGION and error.operation_name != "AssumeRole":
                        return Finding("note", "the region is not enabled", _ENABLE)
                    return self._collector.denied(error)
        except AispendError as error:
            return Finding("broken", error.what, error.next_step or error.where)
