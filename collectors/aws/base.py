"""What all collectors of AWS share: errors in words of what to do, and permissions derived from operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import islice

from aispend.errors import AccessError, AispendError, CollectError, NotReadyError
from collectors.answers import readable, unreadable
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Place
from collectors.aws.questions import NO_SUCH_THING, QUESTIONS
from collectors.base import MOST_EXAMINED, CloudCollector
from collectors.contract import Finding, Window
from collectors.secrets import redacted

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403", "Forbidden"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_INVALID = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"}
_CLOCK = {"RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"}
THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "SlowDown",
}
DISABLED_REGION = {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired"}
"""What a region that is not enabled for the account answers to good credentials."""

_READ_OBJECT = ("s3:GetObject", "s3:ListBucket")
"""Without the second S3 denies what is not there as if it were forbidden, and the two could not be told apart."""

ACTIONS: dict[str, tuple[str, ...]] = {
    "s3.GetObject": _READ_OBJECT,
    "s3.HeadObject": _READ_OBJECT,
    "s3.ListObjectsV2": ("s3:ListBucket",),
    "service-quotas.ListServiceQuotas": ("servicequotas:ListServiceQuotas",),
    "sts.GetCallerIdentity": (),
    "compute-optimizer.GetEC2InstanceRecommendations": (
        "compute-optimizer:GetEC2InstanceRecommendations",
        "ec2:DescribeInstances",
    ),
}
"""IAM actions of operations that are not called as theirs is; none where no permission is asked."""


def actions_for(operation: str) -> tuple[str, ...]:
    """The IAM actions a request needs: ``ce:GetCostAndUsage`` for ``ce.GetCostAndUsage``."""
    if operation in ACTIONS:
        return ACTIONS[operation]
    service, name = operation.split(".", 1)
    return (f"{service}:{name}",)


class AwsCollector(CloudCollector):
    """One kind of fact from one connection; see ``collectors.contract.Collector``."""

    clients: AwsClients

    def explained(self, where: str) -> AbstractContextManager[None]:
        """See :func:`explained`."""
        return explained(where, lambda: self.clients.latest)

    def examine(self) -> Iterator[Finding]:
        """See the contract. Here: what :meth:`find` asks is asked once, and of others one small question each.

        A collector adds what it alone knows.
        """
        from botocore.exceptions import ClientError

        today = self.clock().date()
        sent = self.clients.sent.copy()
        try:
            with self.explained(self.name):
                try:
                    found = list(islice(self.find(Window(today - timedelta(days=2), today), {}), MOST_EXAMINED))
                except ClientError as error:
                    yield self.denied(error)
                    return
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step or error.where)
            return
        asked = {operation for operation, number in self.clients.sent.items() if number > sent[operation]}
        others = [operation for operation in self.operations if operation not in asked]
        troubles = [trouble for operation in others for trouble in self._try(operation)]
        yield from troubles
        if not troubles:
            yield Finding("good", f"can be read; {len(found)} to collect of the last days" if found else "can be read")

    def _try(self, operation: str) -> Iterator[Finding]:
        """What keeps an operation from being called at home, if there is a question that costs next to nothing."""
        from botocore import xform_name
        from botocore.exceptions import ClientError

        if operation not in QUESTIONS:
            return
        service, called = operation.split(".")
        try:
            with self.explained(self.name):
                accounts, regions = self.clients.accounts, self.clients.regions
                own, home = self.clients.account, self.clients.connection.home_region
                place = Place(own if own in accounts else accounts[0], home if home in regions else regions[0])
                client = self.clients.client(service, region=place.region, account=place.account)
                try:
                    getattr(client, xform_name(called))(**QUESTIONS[operation](place, self.clock()))
                except ClientError as error:
                    if code_of(error) not in NO_SUCH_THING:
                        yield self.denied(error)
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step or error.where)

    def denied(self, error: Exception) -> Finding:
        """An error of boto3 as a finding; a missing permission by its name."""
        if code_of(error) in DENIED:
            called = str(getattr(error, "operation_name", ""))
            needed = [actions_for(operation) for operation in self.operations if operation.endswith(f".{called}")]
            name = " or ".join(needed[0]) if needed and needed[0] else called
            return Finding(
                "broken", f"the permission {name} is missing", f"Grant {name}: aispend policy aws prints the policy."
            )
        known = client_error(error, self.name)
        return Finding("broken", known.what, known.next_step or known.where)


@contextmanager
def explained(where: str, asked: Callable[[], str] = str) -> Iterator[None]:
    """Errors of boto3 and the network as errors of aispend: what, where, what to do. No secret is in them."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    with readable("AWS", where, asked):
        try:
            yield
        except exceptions.ClientError as error:
            raise client_error(error, where) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
            raise AccessError(
                "There are no AWS credentials.",
                where=f"{where}: {redacted(str(error))}",
                next_step="Sign in (aws sso login), set AWS_PROFILE, or give the machine a role. "
                "See docs/connect-aws.md.",
            ) from None
        except exceptions.TokenRetrievalError as error:
            raise AccessError(
                "The sign-in to AWS has expired.",
                where=f"{where}: {redacted(str(error))}",
                next_step="Sign in again: aws sso login",
            ) from None
        except (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError) as error:
            raise CollectError(
                "The connection to AWS failed, also when it was tried again.",
                where=f"{where}: {type(error).__name__}",
                next_step="Check the network and proxy; the next run goes on from here.",
            ) from None
        except ResponseParserError as error:
            raise unreadable("AWS", f"{where}: {asked()}, {type(error).__name__}") from None
        except exceptions.BotoCoreError as error:
            raise CollectError(
                "AWS cannot be asked like this.",
                where=f"{where}: {redacted(str(error))}",
                next_step="Check [[aws]] in aispend.toml.",
            ) from None


def code_of(error: Exception) -> str:
    """The error code of a ``ClientError``."""
    said = getattr(error, "response", {}).get("Error", {})
    return str(said.get("Code", "")).split("#")[-1].split(":")[0]


def client_error(error: Exception, where: str) -> CollectError:
    """A ``ClientError`` as what a person can act on."""
    code = code_of(error)
    said = redacted(str(getattr(error, "response", {}).get("Error", {}).get("Message", "")))
    operation = str(getattr(error, "operation_name", ""))
    place = f"{where}, {operation}: {code}"
    if code in DENIED:
        return AccessError(
            f"AWS denies {operation}.",
            where=f"{place} {said}".strip(),
            next_step="Grant the permission: 'aispend doctor aws' names it, 'aispend policy aws' prints the policy.",
        )
    if code in _EXPIRED:
        return AccessError(
            "The AWS credentials have expired.",
            where=place,
            next_step="Sign in again (aws sso login) or use a role, which renews itself; the next run goes on here.",
        )
    if code in _INVALID:
        return AccessError(
            "AWS does not know these credentials.",
            where=place,
            next_step="Check which credentials are used: aws sts get-caller-identity. A region may not be enabled.",
        )
    if code in _CLOCK:
        return AccessError(
            "AWS refuses the signature: this machine's clock is wrong, or the secret key is.",
            where=place,
            next_step="Set the clock (timedatectl set-ntp true), then try again.",
        )
    if code in THROTTLED:
        return NotReadyError(
            "AWS limits the rate of requests, also after waiting.",
            where=place,
            next_step="The next run goes on from here.",
        )
    return CollectError(
        f"AWS could not answer {operation}.",
        where=f"{place} {said}".strip(),
        next_step="The next run asks again; what was collected before stays.",
    )
