"""Each rule that picks a remedy, and what none of them will touch."""

from __future__ import annotations

import pytest

from data.domain import Candidate, ChangeKind, Evidence, EvidenceKind
from data.errors import ProposalError
from remediation.choice import blamed_change, choose

COMMIT = "a" * 40


def metric(name: str, base: float, now: float, service: str = "checkout", id_: str = "x1") -> Evidence:
    return Evidence(
        id=id_,
        kind=EvidenceKind.metric,
        summary=f"{name} moved from {base} to {now}",
        source="bundle",
        service=service,
        detail={"metric": name, "base": base, "now": now},
    )


def test_a_blamed_commit_is_reverted(diagnosis_for, change_of):
    choice = choose(diagnosis_for(COMMIT), [change_of(COMMIT)])
    assert (choice.remedy.kind, choice.remedy.commit) == ("revert_commit", COMMIT)
    assert choice.confidence == pytest.approx(0.9)
    assert choice.evidence == ("c1",)


@pytest.mark.parametrize(
    ("kind", "more", "remedy"),
    [
        (ChangeKind.deploy, {"commit": COMMIT}, "revert_commit"),
        (ChangeKind.deploy, {"version": "v12"}, "rollback_deploy"),
        (ChangeKind.deploy, {"commit": "--exec=evil"}, "rollback_deploy"),
        (ChangeKind.config, {}, "revert_config"),
        (ChangeKind.config, {"commit": COMMIT}, "revert_commit"),
        (ChangeKind.flag, {}, "flag_off"),
    ],
)
def test_what_undoes_a_change_depends_on_its_kind(diagnosis_for, change_of, kind, more, remedy):
    assert choose(diagnosis_for("ch-1"), [change_of("ch-1", kind, **more)]).remedy.kind == remedy


@pytest.mark.parametrize("summary", ['Revert "checkout: one query"', "revert: checkout", "Roll back catalogue to v3"])
def test_a_revert_is_not_undone_without_a_person(diagnosis_for, change_of, summary):
    with pytest.raises(ProposalError, match="is itself a revert"):
        choose(diagnosis_for(COMMIT), [change_of(COMMIT, summary=summary)])


@pytest.mark.parametrize(("id_", "kind"), [("ch-1", ChangeKind.infrastructure), ("not-a-sha", ChangeKind.commit)])
def test_a_change_without_an_undo_is_left_to_a_person(diagnosis_for, change_of, id_, kind):
    with pytest.raises(ProposalError, match=r"by hand|a person has to decide"):
        choose(diagnosis_for(id_), [change_of(id_, kind)])


@pytest.mark.parametrize("no_change", [0.5, 0.51, 0.9])
def test_a_change_no_likelier_than_none_is_not_blamed(diagnosis_for, change_of, no_change):
    diagnosis = diagnosis_for(COMMIT, no_change=no_change)
    assert blamed_change(diagnosis) is None
    with pytest.raises(ProposalError, match="no change is blamed"):
        choose(diagnosis, [change_of(COMMIT)])


def test_a_blamed_change_that_was_not_collected_is_an_error(diagnosis_for):
    with pytest.raises(ProposalError, match="not among the changes"):
        choose(diagnosis_for(COMMIT), [])


def test_nothing_to_go_by_says_what_was_not_seen(diagnosis_for):
    with pytest.raises(ProposalError, match="No logs of inventory"):
        choose(diagnosis_for(candidates=()), [])


def test_no_remedy_rests_on_a_service_that_hardly_moved(diagnosis_for):
    grown = diagnosis_for(evidence=(metric("requests_per_sec", 100, 900),))
    faint = tuple(candidate.model_copy(update={"faint": True}) for candidate in grown.candidates)
    with pytest.raises(ProposalError, match="no service stands out"):
        choose(grown.model_copy(update={"candidates": faint}), [])


def test_where_it_cannot_be_told_no_remedy_rests_on_the_guess(diagnosis_for):
    grown = diagnosis_for(evidence=(metric("requests_per_sec", 100, 900),))
    assert choose(grown, []).remedy.kind == "scale"
    untold = grown.model_copy(update={"cannot_tell": "no candidate stands out"})
    with pytest.raises(ProposalError, match=r"cannot be told \(no candidate stands out\).*No logs of inventory"):
        choose(untold, [])


@pytest.mark.parametrize(("no_change", "undone"), [(0.1, True), (0.3, False)])
def test_where_it_cannot_be_told_only_a_clear_change_is_undone(diagnosis_for, change_of, no_change, undone):
    other = "b" * 40
    untold = diagnosis_for(COMMIT, other, no_change=no_change).model_copy(update={"cannot_tell": "nobody stands out"})
    changes = [change_of(COMMIT), change_of(other)]
    if undone:
        assert choose(untold, changes).remedy.kind == "revert_commit"
    else:
        with pytest.raises(ProposalError, match="cannot be told"):
            choose(untold, changes)


@pytest.mark.parametrize(
    ("evidence", "remedy"),
    [
        ([metric("requests_per_sec", 100, 900)], "scale"),
        ([metric("cpu_utilization", 0.3, 1.0)], "scale"),
        ([metric("request_queue_depth", 1, 90)], "scale"),
        ([metric("container_memory_rss_bytes", 2e8, 9e8)], "restart"),
        ([metric("processOpenFds", 90, 4000)], "restart"),
        ([metric("http_server_open_connections", 1, 80)], "restart"),
        # More users use more memory: that is demand, not a leak.
        ([metric("heap_used", 1, 9), metric("requests_per_sec", 100, 900, id_="x2")], "scale"),
    ],
)
def test_with_no_change_to_blame_the_candidates_own_evidence_decides(diagnosis_for, evidence, remedy):
    choice = choose(diagnosis_for(evidence=tuple(evidence)), [])
    assert choice.remedy.kind == remedy
    assert choice.confidence == pytest.approx(0.7)
    assert set(choice.evidence) <= {"x1", "x2"}
    assert choice.evidence


def test_a_queue_of_requests_is_not_called_demand(diagnosis_for):
    assert "demand" not in choose(diagnosis_for(evidence=(metric("request_queue_depth", 1, 90),)), []).rule


@pytest.mark.parametrize(
    "evidence",
    [
        metric("requests_per_sec", 900, 100),  # fell
        metric("requests_per_sec", 100, 900, service="somewhere-else"),
        metric("request_duration_ms", 10, 900),
        metric("http_server_open_connections", 3, 9),  # slow calls hold them longer
        metric("requests_failed", 1, 900),
        metric("requests_per_sec", 100, float("nan")),
        Evidence(id="x1", kind=EvidenceKind.metric, summary="requests rose", source="b", service="checkout"),
    ],
)
def test_what_is_not_known_to_have_risen_there_calls_for_nothing(diagnosis_for, evidence):
    with pytest.raises(ProposalError, match="a person has to decide"):
        choose(diagnosis_for(evidence=(evidence,)), [])


def test_where_some_change_did_it_but_none_leads_those_to_look_at_are_named(diagnosis_for, change_of):
    other = "b" * 40
    torn = diagnosis_for(COMMIT, other, no_change=0.42).model_copy(
        update={
            "changes": tuple(c.model_copy(update={"probability": 0.29}) for c in diagnosis_for(COMMIT, other).changes)
        }
    )
    with pytest.raises(ProposalError, match=r"some change did it \(58%\).*none did \(42%\).*aaaa.* 29%, bbbb.* 29%"):
        choose(torn, [change_of(COMMIT), change_of(other)])


@pytest.mark.parametrize(
    "said", ["'OOMKilled' seen 4 times", "MemoryError: Can't allocate memory for compression object", "std::bad_alloc"]
)
def test_an_out_of_memory_line_calls_for_a_restart(diagnosis_for, said):
    line = Evidence(id="l1", kind=EvidenceKind.log, summary=said, source="b", service="checkout")
    assert choose(diagnosis_for(evidence=(line,)), []).remedy.kind == "restart"


def test_the_order_of_the_diagnosis_is_not_relied_on(diagnosis_for, change_of):
    diagnosis = diagnosis_for("b" * 40, COMMIT)
    turned = diagnosis.model_copy(update={"changes": diagnosis.changes[::-1], "candidates": diagnosis.candidates[::-1]})
    choice = choose(turned, [change_of(COMMIT), change_of("b" * 40)])
    assert choice.remedy.commit == "b" * 40
    assert choice.candidate == Candidate(
        service="checkout", probability=0.7, evidence=("m1",), path=("checkout", "frontend")
    )
