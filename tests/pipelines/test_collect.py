from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from data.domain import Alert, Change, ChangeKind
from data.errors import SourceDenied, SourceError
from data.sources import Request
from data.telemetry import Telemetry
from pipelines.collect import collect


class ScriptedSource:
    """A source that does as it is told."""

    def __init__(self, name: str, answer: Callable[[Request], Telemetry]) -> None:
        self.name = name
        self._answer = answer

    def collect(self, request: Request) -> Telemetry:
        return self._answer(request)


def change(alert: Alert, name: str) -> Telemetry:
    return Telemetry(changes=(Change(id=name, kind=ChangeKind.commit, timestamp=alert.fired_at),))


def ask(alert: Alert, *sources: ScriptedSource, deadline_s: float = 5.0) -> Telemetry:
    return collect(alert, sources, as_of=alert.fired_at, lookback=timedelta(hours=1), deadline_s=deadline_s)


def fail(error: Exception) -> Callable[[Request], Telemetry]:
    def raise_it(_: Request) -> Telemetry:
        raise error

    return raise_it


def test_what_every_source_saw_is_joined(alert: Alert) -> None:
    sources = [ScriptedSource(n, lambda r, n=n: change(alert, n)) for n in ("one", "two")]  # type: ignore[misc]
    assert {c.id for c in ask(alert, *sources).changes} == {"one", "two"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SourceDenied("the API key lacks the scope metrics_read"), "lacks the scope"),
        (SourceError("503"), "503"),
        (KeyError("bug"), "failed unexpectedly .KeyError"),
    ],
)
def test_a_failing_source_is_a_value_and_the_others_are_kept(alert: Alert, error: Exception, words: str) -> None:
    telemetry = ask(alert, ScriptedSource("bad", fail(error)), ScriptedSource("good", lambda r: change(alert, "c")))
    assert [c.id for c in telemetry.changes] == ["c"]
    [missing] = telemetry.missing
    assert missing.source == "bad"
    assert re.match(f"the source bad could not be read: .*{words}", missing.summary)


def test_a_hanging_source_is_given_up_at_its_deadline(alert: Alert) -> None:
    release = threading.Event()

    def hang(_: Request) -> Telemetry:
        release.wait(30)
        return Telemetry()

    began = time.monotonic()
    telemetry = ask(
        alert, ScriptedSource("slow", hang), ScriptedSource("good", lambda r: change(alert, "c")), deadline_s=0.3
    )
    release.set()
    assert time.monotonic() - began < 10, "one hanging source must not hold up the rest"
    assert [c.id for c in telemetry.changes] == ["c"]
    assert "no answer within 0.3 s" in telemetry.missing[0].summary


def test_sources_are_asked_at_the_same_time(alert: Alert) -> None:
    meeting = threading.Barrier(3, timeout=10)  # passes only when all three wait at once

    def meet(_: Request) -> Telemetry:
        meeting.wait()
        return Telemetry()

    assert ask(alert, *(ScriptedSource(n, meet) for n in "abc"), deadline_s=20).missing == ()


def test_no_source_is_said_so(alert: Alert) -> None:
    assert "no telemetry source is configured" in ask(alert).missing[0].summary
