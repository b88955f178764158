"""Who sent this? Constant-time checks of shared secrets and HMAC signatures. Pure: no clock, no store, no request.

Every comparison goes over bytes, through ``hmac.compare_digest``, against every secret that is configured
whether or not an earlier one matched, so that time tells nothing. No secret configured means no.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from data.errors import InputError
from data.parse import parse_time

RELAY_SCHEME = "v1="


def token_matches(presented: bytes, secrets: Iterable[str]) -> bool:
    """Whether ``presented`` is one of ``secrets`` (the current one and, in rotation, the previous)."""
    # Digests are compared, so that the time does not tell the secret's length either.
    digest = hashlib.sha256(presented).digest()
    return _any(hmac.compare_digest(digest, hashlib.sha256(secret.encode()).digest()) for secret in secrets if secret)


def hmac_sha256(secret: str, message: bytes) -> str:
    """Hexadecimal HMAC-SHA256 (RFC 2104) of ``message``."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_recent(timestamp: str, at: datetime, window: timedelta) -> bool:
    """Whether a signed ``timestamp`` (epoch seconds or milliseconds, or ISO 8601) is within ``window`` of ``at``.

    Both ways: a clock may run ahead, and a signature from far in the future would be good for too long.
    """
    try:
        return abs(at - parse_time(timestamp, field="timestamp")) <= window
    except InputError:
        return False


def relay_matches(key_id: str, timestamp: bytes, body: bytes, signature: bytes, keys: Mapping[str, str]) -> bool:
    """Whether ``signature`` is ``v1=`` and the hexadecimal HMAC-SHA256 over ``timestamp.body`` under a relay's key.

    An unknown key id takes as long as a wrong signature. Says nothing of time or replay: see :func:`is_recent`
    and :meth:`data.store.Store.use_nonce`.
    """
    secret = keys.get(key_id)
    expected = RELAY_SCHEME + hmac_sha256(secret or "no such key", timestamp + b"." + body)
    return hmac.compare_digest(expected.encode(), signature) and bool(secret)


def github_matches(body: bytes, signature: bytes, secrets: Sequence[str]) -> bool:
    """``X-Hub-Signature-256``: ``sha256=`` and the HMAC of the body.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return _signed(body, [signature], secrets, "sha256=")


def slack_matches(body: bytes, timestamp: str, signature: bytes, secrets: Sequence[str]) -> bool:
    """``X-Slack-Signature``: ``v0=`` and the HMAC of ``v0:timestamp:body``. Check :func:`is_recent` as well.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    return _signed(b"v0:" + timestamp.encode() + b":" + body, [signature], secrets, "v0=")


def pagerduty_matches(body: bytes, signatures: bytes, secrets: Sequence[str]) -> bool:
    """``X-PagerDuty-Signature``: one or more of ``v1=`` and the HMAC of the body, with commas between.

    One good signature is enough: PagerDuty signs with the old and the new secret while one is being replaced.
    https://developer.pagerduty.com/docs/verifying-webhook-signatures
    """
    return _signed(body, [part.strip() for part in signatures.split(b",")[:10]], secrets, "v1=")


def _signed(message: bytes, signatures: Sequence[bytes], secrets: Sequence[str], scheme: str) -> bool:
    expected = [(scheme + hmac_sha256(secret, message)).encode() for secret in secrets if secret]
    return _any(hmac.compare_digest(one, other) for one in expected for other in signatures)


def _any(results: Iterable[bool]) -> bool:
    """Like ``any``, without stopping at the first."""
    return bool(sum(results))
