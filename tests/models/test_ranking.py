from dataclasses import replace
from datetime import UTC, datetime

import pytest

from data.domain import Alert, EvidenceKind
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.passing import Passing
from models.rankers.state import champion
from models.ranking import Ranking, averaged, rank_services

ALERT = Alert(id="a", source="t", service="web", title="t", fired_at=datetime(2026, 1, 1, tzinfo=UTC), group="g")
NO_GRAPH = ServiceGraph()


def finding(service: str, channel: Channel = Channel.error_origin, score: float = 5.0, trust: float = 1.0) -> Finding:
    return Finding(service, channel, score, EvidenceKind.span, f"{service} {channel}", "spans", trust=trust)


def test_probabilities_and_what_was_not_seen_sum_to_one() -> None:
    ranking = rank_services(ALERT, NO_GRAPH, [], [finding("a"), finding("b", score=3.0)])
    assert sum(ranking.probabilities.values()) + ranking.unseen_probability == pytest.approx(1.0)
    assert list(ranking.probabilities) == ["a", "b"]


def test_equal_evidence_is_a_tie() -> None:
    ranking = rank_services(ALERT, NO_GRAPH, [], [finding("a"), finding("b")])
    assert ranking.probabilities["a"] == pytest.approx(ranking.probabilities["b"])


def test_no_evidence_leaves_everything_unseen() -> None:
    ranking = rank_services(ALERT, NO_GRAPH, [], [])
    assert ranking.probabilities == {}
    assert ranking.unseen_probability == 1.0


def test_a_channel_in_large_units_does_not_drown_the_others() -> None:
    loud = [finding("loud", Channel.own_time, 1e6)]
    agreed = [finding("agreed", c, 6.0) for c in (Channel.error_origin, Channel.new_logs, Channel.gap)]
    assert next(iter(rank_services(ALERT, NO_GRAPH, [], loud + agreed).probabilities)) == "agreed"


def test_services_that_the_alerting_one_cannot_reach_are_discounted() -> None:
    graph = ServiceGraph([("web", "near"), ("other", "far")])
    ranking = rank_services(ALERT, graph, [], [finding("near"), finding("far")])
    assert ranking.scores["near"] > 2 * ranking.scores["far"] > 0
    assert list(ranking.probabilities) == ["near", "far"]


def test_a_sign_that_may_be_a_neighbours_counts_less() -> None:
    ranking = rank_services(ALERT, NO_GRAPH, [], [finding("a"), finding("b", trust=0.5)])
    assert ranking.probabilities["a"] > ranking.probabilities["b"]


def test_failures_that_are_a_callees_count_less_against_the_caller_and_count_against_the_callee() -> None:
    failing, other = finding("web", Channel.own_errors, 9.0), finding("other", Channel.own_time, 2.0)
    alone = rank_services(ALERT, NO_GRAPH, [], [failing, other])
    passed = [Passing("web", "provider", 0.9, failures=True)]
    told = rank_services(ALERT, NO_GRAPH, [], [failing, other, finding("provider", Channel.peer_errors, 1.0)],
                         passings=passed)  # fmt: skip
    assert alone.scores["web"] > 3 * told.scores["web"]
    assert told.scores["provider"] > told.scores["web"]


def test_being_slow_counts_by_the_time_that_is_lost_at_the_service_itself() -> None:
    slow, graph = finding("web", Channel.times_slower, 9.0), ServiceGraph([("web", "db")])
    alone, waiting = (rank_services(ALERT, graph, [], [slow], passings=p) for p in ((), [Passing("web", "db", 0.9)]))
    assert waiting.scores["web"] < 0.8 * alone.scores["web"]


def test_each_blind_spot_takes_from_every_candidate() -> None:
    seen = [rank_services(ALERT, NO_GRAPH, [], [finding("a")], blind_spots=n) for n in range(4)]
    confidence = [ranking.probabilities["a"] for ranking in seen]
    assert confidence == sorted(confidence, reverse=True)
    assert len(set(confidence)) == 4


def test_contributions_say_which_channel_moved_a_service() -> None:
    both = [finding("a"), finding("a", Channel.gap, 1.0)]
    gave = rank_services(ALERT, NO_GRAPH, [], both).contributions["a"]
    assert gave[Channel.error_origin] > gave[Channel.gap] > 0
    assert set(gave) == {Channel.error_origin, Channel.gap}


def test_an_average_weighs_each_view_by_its_share() -> None:
    one = Ranking({"a": 0.8}, 0.2, {"a": {Channel.gap: 1.0}})
    other = Ranking({"b": 0.6, "a": 0.2}, 0.2, {"b": {Channel.cpu: 1.0}, "a": {Channel.cpu: 0.5}})
    mixed = averaged([one, other], [0.75, 0.25], replace(champion().confidence, most=0.97, sharpen=1.0))
    assert mixed.probabilities == pytest.approx({"a": 0.65, "b": 0.15})
    assert mixed.unseen_probability == pytest.approx(0.2)
    assert mixed.contributions["a"] == pytest.approx({Channel.gap: 0.75, Channel.cpu: 0.125})
