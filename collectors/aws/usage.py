"""What was inferred, as CloudWatch counts it: Bedrock, Bedrock's OpenAI-compatible endpoint, SageMaker endpoints.

*Bedrock* (``AWS/Bedrock``, per ModelId): a model, an inference profile, or provisioned throughput. Input tokens exclude
cached ones; the names of the cache's metrics differ between accounts, so they are found, not assumed. ``Invocations``
means accepted requests in newer and successful ones in older periods, so failed requests stand beside it and are
never subtracted. *Mantle* (``AWS/BedrockMantle``, per Project and Model) has no latency and no cached tokens.
*SageMaker* counts requests and their latency per endpoint and variant, and no tokens.

An application inference profile is a resource of the bill with tags of its own: its use is given under its ARN, the
model behind it and the team of its tags, so that it meets the charges and is known where tags are not in the bill.

A day of an account and region is told whole, and takes the place of what it had: a profile that is tagged at noon
belongs to its team all day. Where a place could not be read whole this time, what is there stays beside what is new. So
it does on a day so old that CloudWatch may not list all of its series any more: of that only places that lacked
something are asked again.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.settings import TagKeys
from collectors.aws import cloudwatch
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Group
from collectors.aws.cloudwatch_cost import Survey
from collectors.aws.days import Before, before, day_slices
from collectors.aws.gaps import NAMING, Missing, Probe, is_unlisted, token_of
from collectors.aws.inventory_ec2 import Place
from collectors.aws.listing import pages
from collectors.aws.usage_rows import (
    BEDROCK,
    COLUMNS,
    HOUR,
    MANTLE,
    SAGEMAKER,
    Beyond,
    Profile,
    last_of,
    of_bedrock,
    of_endpoints,
    of_mantle,
    rows,
)
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import today_and_before
from collectors.table_file import table_file
from collectors.tags import first_tag


class Usage(AwsCollector):
    """See the module's text."""

    kind = "usage"
    reach = timedelta(days=62)
    restated_for = timedelta(days=1)
    operations = (*cloudwatch.OPERATIONS, "bedrock.ListInferenceProfiles", "bedrock.ListTagsForResource")

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._groups: dict[tuple[str, str], tuple[list[Group], Missing]] = {}
        self._seen: Mapping[str, Seen] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once, or until it is whole."""
        self._seen = seen
        probe = Probe(self.clients, self.clock, seen)
        scopes = (*self.clients.accounts, *self.clients.regions)
        yield from day_slices(window, seen, self.clock(), self.kind, scopes=scopes, probe=probe, finest=HOUR)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The counts of one day by the hour, of all accounts and regions."""
        from botocore.exceptions import ClientError

        start, end = today_and_before(date.fromisoformat(piece.key), self.clock())
        old = is_unlisted(start, self.clock())
        known = before(piece, self._seen)
        missing, unnamed = Missing(self.operations), Missing(self.operations)  # counts, and whose they are
        missing.unlisted(start, self.clock())
        unnamed.gaps.update(
            gap for gap in (known.gaps if known and old else ()) if gap.operation in NAMING
        )  # of places that are left as they are
        refused: ClientError | None = None
        answered = False
        whole: list[tuple[str, str]] = []
        path = folder / "usage.parquet"
        with table_file(path, COLUMNS) as write:
            for account, region in self._places(known, naming=not old):
                if progress:
                    progress(f"{piece.title}: {account}, {region}", 0, None)
                unread: list[str] = []
                try:
                    groups, nameless = self._found(account, region)
                    client = self.clients.client("cloudwatch", region=region, account=account)
                    found = cloudwatch.read(client, groups, start=start, end=end, period=HOUR, notes=unread)
                    beyond = Beyond()
                    for group, answer in found:
                        write(beyond.passing(group.key, rows(group, answer)))
                    if not unread:
                        write(beyond.rows())  # else what is missing of a project would be told as of none
                        whole.append((account, region))
                    unnamed.add(nameless)
                    answered = True
                except ClientError as error:
                    missing.refused(error, f"Usage in {account}, {region}", account, region)
                    refused = error
                missing.unread(unread, account, region)
            written = write([])
        if refused is not None and not answered and known is None:
            raise refused
        part = Files("usage", [path] if written else [], rows=written, whole_places=() if old else whole)
        return Reading(
            [part],
            notes=tuple(dict.fromkeys((*missing.notes, *unnamed.notes))),
            may_be_empty=known is not None,
            token=token_of(piece.token, missing.gaps | unnamed.gaps),
        )

    def _places(self, known: Before | None, *, naming: bool) -> Iterator[tuple[str, str]]:
        """All accounts and regions; of a day that was read before those that were added since or lacked something."""
        for account in self.clients.accounts:
            for region in self.clients.regions:
                if known is None or known.lacks(Place(account, region), naming=naming):
                    yield account, region

    def examine(self) -> Iterator[Finding]:
        """Whether it can be read, and what asking for it costs."""
        yield from super().examine()
        survey = Survey(self, lambda place: self._found(place.account, place.region)[0])
        models = sum(1 for _ in survey.groups())
        yield from survey.refusals()
        if survey.metrics:
            yield Finding("good", f"{models} models, profiles and endpoints publish what they served; {survey.cost()}")
        elif survey.places:
            yield Finding("note", "no model and no endpoint has published what it served within two weeks")
        yield from survey.rest()

    def _found(self, account: str, region: str) -> tuple[list[Group], Missing]:
        """The groups of a place and what is not known of them, asked once in a run."""
        from botocore.exceptions import ClientError

        if (account, region) not in self._groups:
            client = self.clients.client("cloudwatch", region=region, account=account)
            unnamed = Missing(self.operations)
            bedrock = cloudwatch.discover(client, BEDROCK)
            profiles: Mapping[str, Profile] = {}
            named = {one.get("ModelId") or "" for one in bedrock}
            if any("application-inference-profile" in name or _is_id(name) for name in named):
                whose = f"inference profiles in {account}, {region}"
                reading = self.clients.client("bedrock", region=region, account=account)
                try:
                    profiles = _profiles(reading, named)
                except ClientError as error:
                    unnamed.refused(error, f"Which models are behind {whose}", account, region)
                try:
                    profiles = _tagged(reading, profiles, self.tag_keys)
                except ClientError as error:
                    unnamed.refused(error, f"The team of {whose}", account, region)
            place = (account, region)
            groups = [
                *of_bedrock(bedrock, place, profiles),
                *of_mantle(cloudwatch.discover(client, MANTLE), place),
                *of_endpoints(cloudwatch.discover(client, SAGEMAKER), place),
            ]
            self._groups[place] = (groups, unnamed)
        return self._groups[account, region]


def _profiles(bedrock: Any, named: Container[str]) -> dict[str, Profile]:
    """The application inference profiles that CloudWatch named, by ARN and by id: it names them by either."""
    found: dict[str, Profile] = {}
    for page in pages(bedrock.list_inference_profiles, typeEquals="APPLICATION"):
        for one in page.get("inferenceProfileSummaries", []):
            arn, name = one["inferenceProfileArn"], one["inferenceProfileId"]
            if arn in named or name in named:
                models = {last_of(model["modelArn"]) for model in one.get("models", []) if model.get("modelArn")}
                found[arn] = found[name] = Profile(arn, models.pop() if len(models) == 1 else None)
    return found


def _tagged(bedrock: Any, profiles: Mapping[str, Profile], keys: TagKeys) -> dict[str, Profile]:
    """The profiles with what their tags say: the team, and the model where it is not known otherwise."""
    tags = {
        arn: {one["key"]: one["value"] for one in bedrock.list_tags_for_resource(resourceARN=arn).get("tags", [])}
        for arn in {profile.arn for profile in profiles.values()}
    }
    return {
        name: replace(
            profile,
            model=profile.model or first_tag(tags[profile.arn], keys.model),
            team=first_tag(tags[profile.arn], keys.team),
        )
        for name, profile in profiles.items()
    }


def _is_id(model: str) -> bool:
    """Whether a ModelId may be the bare id of an application inference profile, which has no dot and no slash."""
    return bool(model) and "." not in model and "/" not in model
