"""Clients for one AWS connection: region, account, retries, a count of every request, and a budget for those that cost.

*Regions.* Some services answer in one region of a partition only; boto3 would build host names that do not exist for
the others, so those are always asked at home. *Accounts.* A role is taken on through boto3's own refreshable
credentials: a run longer than a session goes on. *Requests* are counted when they are sent, retries included. *Times*
of answers are UTC, and each is parsed once: botocore makes each one local time anew, which takes most of the time an
answer of a hundred thousand points takes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aispend.connections import AwsConnection
from aispend.errors import BudgetError, SettingsError
from collectors.answers import unreadable
from collectors.logs import without_requests

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient

_ROOT = re.compile(rb"\s*(?:<\?[^>]*>\s*)?<([\w.-]+)")
_ROOTS = {"ListObjectsV2": ("ListBucketResult",), "GetBucketLocation": ("LocationConstraint",)}
"""How the answer to an operation begins, where that is not ``<OperationResponse``: S3's."""

AT_HOME = frozenset(
    {
        "bcm-data-exports",
        "ce",
        "cost-optimization-hub",
        "cur",
        "iam",
        "invoicing",
        "organizations",
        "pricing",
        "savingsplans",
    }
)
"""Services with one endpoint in a partition."""

ATTEMPTS = 6
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_TIMES_KEPT = 4096
"""Times of answers that are kept: more than two days of minutes."""


_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)


def partition_of(region: str) -> str:
    """The partition a region is of, as ARNs begin with it.

    >>> partition_of("cn-north-1"), partition_of("us-gov-west-1"), partition_of("eu-west-1")
    ('aws-cn', 'aws-us-gov', 'aws')
    """
    return next((name for prefix, name in _PARTITIONS if region.startswith(prefix)), "aws")


class AwsClients:
    """Makes clients, each once. ``allowed`` limits requests by service: what is left of the day's budget."""

    def __init__(
        self,
        connection: AwsConnection,
        *,
        allowed: Mapping[str, int] | None = None,
        session: boto3.Session | None = None,
    ) -> None:
        without_requests()
        self.connection = connection
        self.sent: Counter[str] = Counter()
        self.latest: str = ""
        """The operation that was sent last."""
        self._reported: Counter[str] = Counter()
        self._allowed = dict(allowed or {})
        self._session = session
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._sessions: dict[str | None, Any] = {}

    def client(self, service: str, *, region: str | None = None, account: str | None = None) -> BaseClient:
        """A client of ``service``, in ``region`` (at home for services that answer only there) and ``account``."""
        from botocore.config import Config

        place = self.connection.home_region if service in AT_HOME or region is None else region
        # within its own account the connection's own credentials are used
        whose = None if account is None or account == self.account else account
        key = (service, place, whose)
        if key not in self._clients:
            made = self._session_of(whose).client(
                service,
                region_name=place,
                endpoint_url=self.connection.endpoint_url,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    user_agent_extra="aispend",
                    s3={"addressing_style": "path"} if self.connection.endpoint_url else None,
                ),
            )
            made.meta.events.register("before-send", partial(self._before_send, service))
            made.meta.events.register("before-parse", _look_at)
            self._clients[key] = made
        return self._clients[key]

    def requests(self) -> Mapping[str, int]:
        """Requests sent since this was asked last, by ``service.Operation``."""
        new = self.sent - self._reported
        self._reported = self.sent.copy()
        return new

    def signed_in(self) -> str:
        """See ``collectors.base.Clients``."""
        from collectors.aws.base import explained

        with explained(self.connection.name, lambda: self.latest):
            account, accounts, regions = self.account, self.accounts, self.regions
        return f"signed in to account {account}; {len(accounts)} account(s) and {len(regions)} region(s) to read"

    @cached_property
    def account(self) -> str:
        """Id of the account whose credentials these are."""
        return str(self._plain_client("sts").get_caller_identity()["Account"])

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The accounts to read: those in the settings, else the active ones of the organisation, else this one.

        Raises ``SettingsError`` where others are to be read and no role is named to enter them.
        """
        given = self.connection.accounts
        others = ", ".join(one for one in given if one != self.account) if given else ""
        if others and self.connection.member_role is None:
            raise SettingsError(
                f"The settings name accounts to read ({others}), and no role to enter them.",
                where=f"[[aws]] {self.connection.name}: member_role",
                next_step="Set member_role to the name the role has in each account, or take them from accounts.",
            )
        if given:
            return given
        if self.connection.member_role is None:
            return (self.account,)
        pages = self.client("organizations").get_paginator("list_accounts").paginate()
        found = [one for page in pages for one in page["Accounts"]]
        return tuple(one["Id"] for one in found if one.get("State", one.get("Status")) == "ACTIVE")

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """The regions to read: those in the settings, else the ones enabled for the account."""
        if self.connection.regions:
            return self.connection.regions
        found = self.client("ec2").describe_regions(AllRegions=False)["Regions"]
        return tuple(sorted(one["RegionName"] for one in found))

    def _plain_client(self, service: str) -> Any:
        """A client with the connection's own credentials, without asking whose they are."""
        return self.client(service, account=None)

    def _session_of(self, account: str | None) -> Any:
        import boto3

        if account not in self._sessions:
            own = self._session or boto3.Session(profile_name=self.connection.profile)
            _parse_times_once(own._session)  # boto3 does not hand out the session of botocore that it wraps
            if account is None:
                role = self.connection.role
                made = own if role is None else self._taking_on(own, role.arn, role.external_id)
            else:
                partition = partition_of(self.connection.home_region)
                arn = f"arn:{partition}:iam::{account}:role/{self.connection.member_role}"
                external = self.connection.role.external_id if self.connection.role else None
                made = self._taking_on(self._session_of(None), arn, external)
            self._sessions[account] = made
        return self._sessions[account]

    def _taking_on(self, own: Any, arn: str, external_id: str | None) -> Any:
        import boto3
        import botocore.session
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        def make_client(service: str, **options: Any) -> Any:
            options |= {"region_name": self.connection.home_region, "endpoint_url": self.connection.endpoint_url}
            made = own.client(service, **options)
            made.meta.events.register("before-send", partial(self._before_send, service))
            return made

        fetcher = AssumeRoleCredentialFetcher(
            client_creator=make_client,
            source_credentials=own.get_credentials(),
            role_arn=arn,
            extra_args={"RoleSessionName": "aispend"} | ({"ExternalId": external_id} if external_id else {}),
        )
        session = botocore.session.Session()
        _parse_times_once(session)
        # botocore has no public way to give a session credentials that renew themselves
        session._credentials = DeferredRefreshableCredentials(
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        return boto3.Session(botocore_session=session)

    def _before_send(self, service: str, **event: Any) -> None:
        """Count a request just before it leaves; raises where its service's budget is used up."""
        operation = event["event_name"].rsplit(".", 1)[-1]
        left = self._allowed.get(service)
        if left is not None and sum(n for name, n in self.sent.items() if name.startswith(f"{service}.")) >= left:
            raise BudgetError(
                f"The day's budget of requests to {service}, which cost money, is used up.",
                where=f"[[aws]] {self.connection.name}: cost_explorer_requests_per_day",
                next_step="It goes on tomorrow; or raise the budget.",
            )
        self.latest = f"{service}.{operation}"
        self.sent[self.latest] += 1


def _look_at(*, operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raise ``CollectError`` for a success of another form: botocore takes it for an answer without anything in it."""
    body = response_dict["body"]
    if response_dict["status_code"] != HTTPStatus.OK or operation_model.has_streaming_output or not body:
        return
    service, name = operation_model.service_model, str(operation_model.name)
    if service.resolved_protocol in ("json", "rest-json"):
        try:
            is_right = isinstance(json.loads(body), dict)
        except ValueError:
            is_right = False
    else:
        root = _ROOT.match(body)
        is_right = root is not None and root[1].decode() in (f"{name}Response", *_ROOTS.get(name, ()))
    if not is_right:
        raise unreadable("AWS", f"{service.service_name}.{name}: no {service.resolved_protocol}")


def _parse_times_once(session: Any) -> None:
    """Have the clients of a botocore session read times by :func:`_time`; set in the way the AWS CLI does."""
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)


@lru_cache(_TIMES_KEPT)
def _time(said: Any) -> datetime:
    from botocore.utils import parse_timestamp

    parsed: datetime = parse_timestamp(said)
    return parsed.astimezone(UTC)
