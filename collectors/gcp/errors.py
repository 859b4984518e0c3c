"""Errors of Google's SDKs as errors of aispend: what, where, what to do. No secret is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aispend.errors import AccessError, AispendError, BudgetError, CollectError, NotReadyError
from collectors.answers import readable, unreadable
from collectors.secrets import redacted

NEXT = "The next run goes on from here."
_ROLES = "'aispend policy gcp' prints the roles."
_POLICY = f"'aispend doctor gcp' names it, {_ROLES}"
_REPORT = "Check the names in aispend.toml; if it stays so, report it with these words."
_SIGN_IN = (
    "Sign in (gcloud auth application-default login), or give the machine a service account. See docs/connect-gcp.md."
)
_PERMISSION = re.compile(r"\b([a-z][a-zA-Z]+\.[a-zA-Z]+\.[a-zA-Z]+)\b")
_ELSEWHERE = re.compile(r"was not found in location\b", re.IGNORECASE)
"""How BigQuery says that a dataset is not where a query looked; names of other things have a location in them too."""

_API = re.compile(r"\b([a-z]+\.googleapis\.com)\b")
_OFF = "it is disabled"
_QUOTA = {"quotaExceeded", "billingTierLimitExceeded", "bytesBilledLimitExceeded"}


@contextmanager
def explained(where: str, asked: Callable[[], str] = str) -> Iterator[None]:
    """Errors of google-auth, google-api-core, requests and gRPC as errors of aispend."""
    import requests
    from google.api_core import exceptions
    from google.auth import exceptions as sign_in
    from google.protobuf.json_format import ParseError
    from google.protobuf.message import DecodeError

    with readable("Google Cloud", where, asked):
        try:
            yield
        except AispendError:
            raise
        except sign_in.DefaultCredentialsError:
            raise AccessError("There are no Google Cloud credentials.", where=where, next_step=_SIGN_IN) from None
        except sign_in.RefreshError as error:
            raise _refused(error, where) from None
        except sign_in.TransportError as error:
            raise broken(where, type(error).__name__) from None
        except sign_in.GoogleAuthError as error:
            raise AccessError(
                "The Google Cloud credentials cannot be used.",
                where=f"{where}: {type(error).__name__}",
                next_step=_SIGN_IN,
            ) from None
        except exceptions.GoogleAPICallError as error:
            raise told(error, where) from None
        except exceptions.GoogleAPIError as error:
            raise CollectError(
                "Google Cloud cannot be asked like this.",
                where=f"{where}: {redacted(str(error))}",
                next_step=f"{_REPORT} {NEXT}",
            ) from None
        except (requests.exceptions.JSONDecodeError, ParseError, DecodeError) as error:
            raise unreadable("Google Cloud", f"{where}: {asked()}, {type(error).__name__}") from None
        except requests.exceptions.RequestException as error:
            raise broken(where, type(error).__name__) from None


def broken(operation: str, why: str) -> CollectError:
    """The error of a connection that fails, also when tried again."""
    return CollectError(
        "The connection to Google Cloud failed, also when it was tried again.",
        where=f"{operation}: {why}",
        next_step=f"Check the network and proxy. {NEXT}",
    )


def exhausted(operation: str, why: str, *, limited: bool) -> CollectError:
    """The error of something temporary that did not pass: a limit of the rate of requests, or a fault of Google's."""
    if limited:
        return NotReadyError(
            "Google Cloud limits the rate of requests, also after waiting.",
            where=f"{operation}: {why}",
            next_step=NEXT,
        )
    return CollectError(f"Google Cloud could not answer {operation}.", where=f"{operation}: {why}", next_step=NEXT)


def _refused(error: Exception, where: str) -> AccessError:
    said = " ".join(map(str, error.args))
    acting = "impersonat" in said.lower() or "getAccessToken" in said
    if acting and ("SERVICE_DISABLED" in said or _OFF in said):
        return _disabled("iamcredentials.googleapis.com", f"{where}: impersonate")
    if acting:
        return AccessError(
            "The service account in the settings may not be acted as.",
            where=f"{where}: impersonate",
            next_step="Grant iam.serviceAccounts.getAccessToken on it (role Service Account Token Creator).",
        )
    return AccessError(
        "The sign-in to Google Cloud has expired, or was taken back.",
        where=f"{where}: {type(error).__name__}",
        next_step=_SIGN_IN,
    )


def reason_of(error: Exception) -> str:
    """Why Google refused: ``accessDenied``, ``quotaExceeded``, ``SERVICE_DISABLED`` …; empty where it does not say."""
    if named := getattr(error, "reason", None):
        return str(named)
    for one in getattr(error, "errors", None) or ():
        if isinstance(one, dict) and one.get("reason"):
            return str(one["reason"])
    return ""


def permission_of(error: Exception) -> str:
    """The permission a refusal says is missing; empty where it names none."""
    metadata = getattr(error, "metadata", None) or {}
    if named := metadata.get("permission"):
        return str(named)
    said = str(getattr(error, "message", "")) or str(error)
    found = (one for one in _PERMISSION.findall(said) if not one.endswith("googleapis.com"))
    return next((one for one in found if "permission" in said.lower()), "")


def told(error: Exception, where: str) -> CollectError:
    """An error of google-api-core as what a person can act on."""
    from google.api_core import exceptions

    said = redacted(" ".join(str(getattr(error, "message", error)).split()))
    reason, place = reason_of(error), f"{where}: {said}"
    if isinstance(error, exceptions.Unauthorized):
        return AccessError("Google Cloud does not know these credentials.", where=where, next_step=_SIGN_IN)
    if reason in _QUOTA:
        return BudgetError(
            "A quota or limit of BigQuery is used up.",
            where=place,
            next_step="It goes on when the quota is renewed (custom daily quotas: midnight in California).",
        )
    if isinstance(error, exceptions.Forbidden):
        return _denied(said, reason, permission_of(error), place)
    if isinstance(error, exceptions.NotFound) and _ELSEWHERE.search(said):
        return CollectError(
            "The dataset is not where it was looked for.",
            where=place,
            next_step="Take location out of [[gcp.export]] (it is asked from BigQuery then), or set the dataset's own.",
        )
    if isinstance(error, exceptions.NotFound):
        return CollectError(
            "Google Cloud finds no such thing.",
            where=place,
            next_step="Check the names in aispend.toml; what may not be seen is also not found.",
        )
    if isinstance(error, exceptions.TooManyRequests):
        return NotReadyError("Google Cloud limits the rate of requests.", where=place, next_step=NEXT)
    if isinstance(error, exceptions.ClientError):
        return CollectError("Google Cloud refuses the request.", where=place, next_step=f"{_REPORT} {NEXT}")
    return CollectError("Google Cloud could not answer.", where=place, next_step=NEXT)


def _denied(said: str, reason: str, permission: str, place: str) -> AccessError:
    if reason in ("SERVICE_DISABLED", "accessNotConfigured") or _OFF in said:
        api = _API.search(said)
        name = api[1] if api else "the service"
        return _disabled(name, place)
    if reason in ("billingNotEnabled", "BILLING_DISABLED"):
        return AccessError(
            "The project that requests are counted for has no billing account.",
            where=place,
            next_step="Set project under [[gcp]] to one that has.",
        )
    missing = f"The permission {permission} is missing." if permission else "Google Cloud denies access."
    next_step = f"Grant it: {_ROLES}" if permission else f"Grant it; {_POLICY}"
    return AccessError(missing, where=place, next_step=next_step)


def _disabled(service: str, place: str) -> AccessError:
    return AccessError(
        f"{service} is not enabled in the project.",
        where=place,
        next_step=f"Enable it: gcloud services enable {service}",
    )
