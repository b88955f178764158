"""Secrets and signatures, against what the vendors publish."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serving.signatures import (
    github_matches,
    hmac_sha256,
    is_recent,
    pagerduty_matches,
    relay_matches,
    slack_matches,
    token_matches,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def test_hmac_is_that_of_rfc_4231() -> None:
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_sha256("Jefe", b"what do ya want for nothing?") == expected


@pytest.mark.parametrize(
    ("presented", "secrets", "matches"),
    [
        (b"new", ["new", "old"], True),
        (b"old", ["new", "old"], True),
        (b"older", ["new", "old"], False),
        (b"", ["new"], False),
        (b"", [""], False),
        (b"new", [], False),
        (b"\xff\xfe", ["new"], False),
        ("schlüssel".encode(), ["schlüssel"], True),
        ("schlüssel".encode("latin-1"), ["schlüssel"], False),
    ],
)
def test_shared_secret(presented: bytes, secrets: list[str], matches: bool) -> None:
    assert token_matches(presented, secrets) is matches


def test_github_publishes_this_vector() -> None:
    signature = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret = "It's a Secret to Everybody"
    assert github_matches(b"Hello, World!", signature, [secret])
    assert github_matches(b"Hello, World!", signature, ["new", secret])
    assert not github_matches(b"Hello, World?", signature, [secret])
    assert not github_matches(b"Hello, World!", signature.removeprefix(b"sha256="), [secret])
    assert not github_matches(b"Hello, World!", signature, [])


def test_slack_signs_version_timestamp_and_body() -> None:
    signature = ("v0=" + hmac_sha256("shh", b"v0:1700000000:a=1&b=2")).encode()
    assert slack_matches(b"a=1&b=2", "1700000000", signature, ["shh"])
    assert not slack_matches(b"a=1&b=2", "1700000001", signature, ["shh"])
    assert not slack_matches(b"a=1&b=3", "1700000000", signature, ["shh"])
    assert not slack_matches(b"a=1&b=2", "1700000000", b"v0=\xff", ["shh"])


def test_pagerduty_sends_several_signatures_while_a_secret_is_replaced() -> None:
    body = b'{"event": {}}'
    old, new = (("v1=" + hmac_sha256(secret, body)).encode() for secret in ("old", "new"))
    assert pagerduty_matches(body, old + b"," + new, ["new"])
    assert pagerduty_matches(body, old + b", " + new, ["old"])
    assert pagerduty_matches(body, old, ["new", "old"])
    assert not pagerduty_matches(body, old + b"," + new, ["else"])
    assert not pagerduty_matches(body, new.replace(b"v1=", b"v2="), ["new"])
    assert not pagerduty_matches(body, b"", ["new"])
    assert not pagerduty_matches(body, b",".join([b"v1=00"] * 100_000 + [new]), ["new"])  # too many to try


def test_relay_signs_timestamp_and_body_with_its_own_key() -> None:
    keys = {"one": "s1", "two": "s2"}
    signature = ("v1=" + hmac_sha256("s1", b'1700000000.{"a": 1}')).encode()
    assert relay_matches("one", b"1700000000", b'{"a": 1}', signature, keys)
    assert not relay_matches("two", b"1700000000", b'{"a": 1}', signature, keys)
    assert not relay_matches("three", b"1700000000", b'{"a": 1}', signature, keys)
    assert not relay_matches("one", b"1700000001", b'{"a": 1}', signature, keys)
    assert not relay_matches("one", b"1700000000", b'{"a": 2}', signature, keys)
    assert not relay_matches("one", b"1700000000", b'{"a": 1}', signature.upper(), keys)
    assert not relay_matches("one", b"1700000000", b'{"a": 1}', signature, {})


def test_an_unknown_key_id_cannot_be_signed_for() -> None:
    forged = ("v1=" + hmac_sha256("no such key", b"1.x")).encode()
    assert not relay_matches("ghost", b"1", b"x", forged, {"one": "s1"})


@pytest.mark.parametrize(
    ("seconds", "recent"), [(0, True), (299, True), (-299, True), (301, False), (-301, False), (1e9, False)]
)
def test_timestamps_are_good_for_five_minutes_both_ways(seconds: float, recent: bool) -> None:
    assert is_recent(f"{NOW.timestamp() + seconds:.3f}", NOW, WINDOW) is recent


@pytest.mark.parametrize("timestamp", ["", "now", "nan", "-1", "9" * 400, "12:00", "²"])
def test_a_timestamp_that_is_none_is_not_recent(timestamp: str) -> None:
    assert not is_recent(timestamp, NOW, WINDOW)


def test_published_vectors() -> None:
    folder = os.environ.get("QAI_WEBHOOK_FIXTURES")
    if not folder:
        pytest.skip("set QAI_WEBHOOK_FIXTURES to a folder with signature_vectors.json to run this")
    vectors = json.loads((Path(folder) / "signature_vectors.json").read_text())
    github, slack, pagerduty = vectors["github"], vectors["slack"], vectors["pagerduty"]
    signature = github["X-Hub-Signature-256"].encode()
    assert github_matches(github["body"].encode(), signature, [github["secret"]])
    signature, timestamp = slack["X-Slack-Signature"].encode(), slack["timestamp"]
    assert slack_matches(slack["body"].encode(), timestamp, signature, [slack["secret"]])
    signatures = pagerduty["X-PagerDuty-Signature"].encode()
    for secret in (pagerduty["secret"], pagerduty["old_secret"]):
        assert pagerduty_matches(pagerduty["body"].encode(), signatures, [secret])
