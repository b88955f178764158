"""What is done again and again goes on after a failure, ends when told to, and never runs twice at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from pipelines.schedule import Job, regularly

PATIENCE_S = 30


def test_it_looks_again_after_a_look_that_failed_and_ends_on_leaving(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []
    third = threading.Event()

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 2:
            raise ValueError("a source that is not there")
        if len(looks) >= 3:
            third.set()

    with caplog.at_level(logging.ERROR), regularly(look, 0.01, name="lookout", patience_s=PATIENCE_S):
        (thread,) = [t for t in threading.enumerate() if t.name == "lookout"]
        assert third.wait(PATIENCE_S)
    assert not thread.is_alive()
    assert "lookout failed; trying again in 0.01 s" in caplog.text


def test_leaving_waits_for_a_look_that_is_under_way() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def look() -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        done.set()

    with regularly(look, 0.01, name="slow", patience_s=PATIENCE_S):
        assert begun.wait(PATIENCE_S)
        threading.Timer(0.05, go_on.set).start()
    assert done.is_set()


def job(run: Callable[[], list[str]]) -> Job:
    return Job("look", "QAI_LOOK_CRON", "* * * * *", run)


def test_a_job_that_is_still_at_it_leaves_a_time_out() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def run() -> list[str]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return ["done"]

    slow, answers = job(run), []
    thread = threading.Thread(target=lambda: answers.append(slow.once()))
    thread.start()
    assert begun.wait(PATIENCE_S)
    assert slow.once() == []
    go_on.set()
    thread.join(PATIENCE_S)
    assert answers == [["done"]]
    assert slow.once() == ["done"]


def test_a_job_that_failed_is_done_again_next_time() -> None:
    answers = iter([ValueError("no"), ["found"]])

    def run() -> list[str]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    failing = job(run)
    with pytest.raises(ValueError, match="no"):
        failing.once()
    assert failing.once() == ["found"]
