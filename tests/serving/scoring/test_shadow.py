import threading

import pytest

from data.incidents import shipped_incident
from data.sources.bundle import read_alert, read_telemetry
from models.confidence import Confidence
from models.rankers.prior import Prior
from models.rankers.state import Champion, champion
from pipelines.champion import Loaded
from pipelines.investigate import investigate
from serving.scoring import shadow as module
from serving.scoring.shadow import Comparison, Shadow

ALERT, TELEMETRY = read_alert(shipped_incident()), read_telemetry(shipped_incident())


class Broken:
    """A ranker that fails."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("broken")


def told_of(model: Champion, times: int = 1) -> list[Comparison | None]:
    told: list[Comparison | None] = []
    done = threading.Semaphore(0)

    def hear(comparison: Comparison | None) -> None:
        told.append(comparison)
        done.release()

    shadow = Shadow(hear)
    diagnosis = investigate(ALERT, TELEMETRY)
    for _ in range(times):
        shadow.compare(ALERT, TELEMETRY, diagnosis, "v0-a", Loaded(1, "b" * 64, model))
    for _ in range(times):
        assert done.acquire(timeout=60)
    shadow.close()
    return told


def test_the_challenger_is_compared() -> None:
    unsure = Champion(champion().ranker, Confidence(power=1.0, floor=2.0, unseen=3.0, blind=0.1, most=0.5))
    [comparison] = told_of(unsure)
    assert comparison is not None
    assert comparison.agree
    assert comparison.challenger == "v1-bbbbbbbbbbbb"
    assert comparison.challenger_confidence < comparison.champion_confidence


def test_a_challenger_that_fails_harms_nobody() -> None:
    assert told_of(Champion(Broken(), champion().confidence)) == [None]


def test_what_would_pile_up_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    told = told_of(Champion(Prior(1.0), champion().confidence), times=4)
    assert len(told) == 4
    assert None in told
