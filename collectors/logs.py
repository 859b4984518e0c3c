"""What SDKs write into logs: at their finest level whole requests, tokens in the headers and keys in the addresses."""

from __future__ import annotations

import logging

_TALKATIVE = ("azure", "boto3", "botocore", "google", "grpc", "msal", "requests", "s3transfer", "urllib3")

_TOLD_ANYWAY = ("botocore.credentials",)
"""Warns of a role that is refused with a whole traceback, and then raises what is told in words."""


def without_requests() -> None:
    """Keep requests and answers out of all logs, whatever level the program logs at; called before one is sent.

    What SDKs say at the level of information and above names operations and failures. Who wants to see requests of
    boto3 and others sets the level of its own logger (``botocore.endpoint``) for that.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level < logging.INFO:
            logger.setLevel(logging.INFO)
    for name in _TOLD_ANYWAY:
        logging.getLogger(name).setLevel(logging.ERROR)
