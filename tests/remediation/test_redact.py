"""Secrets and personal data go out as placeholders and come back; nothing else is touched."""

from __future__ import annotations

import pytest

from remediation.redact import Vault


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("user ann.b+c@mail.example.org", "ann.b+c@mail.example.org"),
        ("password=hunter2!x", "hunter2!x"),
        ('{"api_key": "abcd1234efgh"}', "abcd1234efgh"),
        ("DB_PASSWORD: s3cretvalue", "s3cretvalue"),
        ("Authorization: Bearer abc.def-ghi_123456", "abc.def-ghi_123456"),
        ("postgres://shop:p4ss@db/shop", "p4ss"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "eyJzdWIiOiIx"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("xoxb-1234567890-abcdef", "xoxb-1234567890-abcdef"),
        ("sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
        ("card 4111 1111 1111 1111 declined", "4111 1111 1111 1111"),
        ("ssn 078-05-1120", "078-05-1120"),
        ("call +49 30 1234 5678", "+49 30 1234 5678"),
        ("from 203.0.113.77", "203.0.113.77"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("IBAN DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
    ],
)
def test_it_goes_out_as_a_placeholder_and_comes_back(text: str, secret: str) -> None:
    vault = Vault()
    safe = vault.redact(text)
    assert secret not in safe
    assert vault.restore(safe) == text
    assert vault.redact(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        "latency_p99 of checkout rose from 120 to 940",
        "GET /cart/42 took 812 ms, version 1.2.3.4000",
        "commit 5f2b8f3c9d from 10.0.3.4 at 2026-05-04T12:00:00Z",
        "order 1234567890123 failed",
        "def total(items):\n    return sum(items)",
        "token bucket is empty; secret santa",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Vault().redact(text) == text


def test_the_same_value_gets_the_same_placeholder() -> None:
    assert Vault().redact("a@b.org then a@b.org then c@d.org") == "<EMAIL_1> then <EMAIL_1> then <EMAIL_2>"
