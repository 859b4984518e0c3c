"""Credentials in what clouds and SDKs say, which is repeated to people: taken out by what they look like.

*Assumes* that whatever follows the question mark of an address may be a signature: pre-signed links of all clouds have
theirs there. *Method.* Addresses lose their queries; what is named as a credential (``AccountKey=``, ``Bearer``) keeps
its name and loses its value; what is a token, key or private key by its own form goes whole. *Drawback.* A credential
without a name, in a form that is not listed here, is not recognised: so messages say little of foreign text.
"""

from __future__ import annotations

import re

_HIDDEN = "***"
_NAMES = (
    r"account[_-]?key|shared[_-]?access[_-]?(?:key|signature)|(?:secret[_-]?)?access[_-]?key(?:[_-]?id)?|api[_-]?key|"
    r"client[_-]?secret|secret|password|passwd|pwd|private[_-]?key|(?:x-amz-)?security[_-]?token|"
    r"(?:access|refresh|id|session|auth)[_-]?token|token|sig|signature|x-(?:amz|goog)-(?:signature|credential)|cookie"
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), _HIDDEN),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE), r"\1"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@", re.IGNORECASE), r"\1"),
    (re.compile(r"\b(bearer|basic|sharedkey|sharedaccesssignature)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(rf"(?<![a-z])((?:{_NAMES})[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(?:ya29\.|1//)[\w-]{10,}"), _HIDDEN),  # Google's tokens
    (re.compile(r"\bAIza[\w-]{30,}"), _HIDDEN),  # Google's API keys
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), _HIDDEN),  # ids of AWS's keys
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"), _HIDDEN),  # JSON web tokens: of Azure, and of identities
)


def redacted(text: str) -> str:
    """A text without what looks like a credential.

    >>> redacted("GET https://acme.blob.core.windows.net/bills/part.csv?sv=2024&sig=abc%3D failed")
    'GET https://acme.blob.core.windows.net/bills/part.csv failed'
    >>> redacted("AccountName=acme;AccountKey=Zm9v;x"), redacted("Authorization: Bearer a.b")
    ('AccountName=acme;AccountKey=***;x', 'Authorization: Bearer ***')
    """
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
