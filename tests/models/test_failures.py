"""Whose failure a failed call is."""

from __future__ import annotations

import pytest

from models.failures import ANSWERED, EITHER, LOST, share_of_callee


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("HttpError: gateway answered 503: service temporarily unavailable", ANSWERED),
        ("cart answered 429: more than 2 requests a second", ANSWERED),
        ("rpc error: code = ResourceExhausted desc = quota exceeded", ANSWERED),
        ("502", ANSWERED),
        ("bad request: 400", EITHER),
        ("order 15030 not found", EITHER),
        ("[Errno 2] getaddrinfo: name or service not known", EITHER),
        ("connection refused", EITHER),
        ("ERROR", EITHER),
        ("", EITHER),
    ],
)
@pytest.mark.parametrize("tells", [True, False])
def test_an_answer_that_it_could_not_is_the_word_of_whoever_answered(said: str, share: float, tells: bool) -> None:
    assert share_of_callee(said, tells=tells) == share


@pytest.mark.parametrize("said", ["cart did not answer within 5 s", "ReadTimeout", "context deadline exceeded"])
def test_silence_is_the_callees_where_it_tells_of_other_calls(said: str) -> None:
    assert share_of_callee(said, tells=True) == LOST
    assert share_of_callee(said, tells=False) == EITHER
