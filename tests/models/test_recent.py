from datetime import UTC, datetime, timedelta

from data.domain import Change, ChangeKind, EvidenceKind
from models.base import Channel
from models.features import Period
from models.recent import recent_changes

ONSET = datetime(2026, 1, 1, 12, tzinfo=UTC)
PERIOD = Period(before=ONSET - timedelta(minutes=1), onset=ONSET, end=ONSET + timedelta(minutes=10))


def change(id_: str, minutes_before: float, service: str | None = "cart", **more: object) -> Change:
    at = ONSET - timedelta(minutes=minutes_before)
    return Change.model_validate({"id": id_, "kind": "deploy", "timestamp": at, "service": service, **more})


def test_a_change_counts_for_its_service_and_less_the_longer_ago_it_was() -> None:
    close, far = recent_changes([change("d1", 45, "web"), change("d2", 0)], PERIOD)
    assert (close.service, close.channel, close.kind) == ("cart", Channel.changed, EvidenceKind.change)
    assert close.score == 8 * far.score
    assert "deploy d2 of cart came 0 min before" in close.text


def test_what_came_after_the_onset_or_long_before_or_names_no_service_does_not_count() -> None:
    assert recent_changes([change("d1", -1), change("d2", 300), change("d3", 5, None)], PERIOD) == []


def test_a_commit_counts_when_it_is_deployed() -> None:
    commit = change("c1", 30, kind=ChangeKind.commit)
    assert [f.detail["change"] for f in recent_changes([commit], PERIOD)] == ["c1"]
    deployed = [commit, change("d1", 2, commit="c1")]
    assert [f.detail["change"] for f in recent_changes(deployed, PERIOD)] == ["d1"]
    assert recent_changes(deployed, PERIOD) == recent_changes(deployed[::-1], PERIOD)
