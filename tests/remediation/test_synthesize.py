"""What a proposal says: everything cited, nothing invented."""

from __future__ import annotations

import pytest

from data.domain import ChangeKind, Evidence, EvidenceKind
from data.errors import ProposalError
from data.proposal import SolutionType
from remediation.synthesize import Synthesizer, _texts, citations, refuse_unsupported

COMMIT = "a" * 40


@pytest.fixture
def proposal(incident, diagnosis_for, change_of):
    return Synthesizer()(incident, diagnosis_for(COMMIT, "b" * 40), [change_of(COMMIT), change_of("b" * 40)])


def test_every_part_of_a_proposal_is_there(proposal):
    analysis, solution = proposal.root_cause_analysis, proposal.proposed_solution
    assert proposal.synthesizer == "offline"
    assert solution.type is SolutionType.rollback
    assert "[c1]" in analysis.summary
    assert "[m1]" in analysis.summary
    assert "latency_p99 of checkout rose from 120 to 940 [m1]." in analysis.details
    assert "What else it could be: commit bbbbbbbbbbbb" in analysis.details
    assert "What could not be seen: No logs of inventory were found." in analysis.details
    assert any("latency_p99 of checkout is back at 120 ms" in step for step in solution.verification_steps)
    assert any("its threshold is 800" in step for step in solution.verification_steps)
    assert "aaaaaaaaaaaa" in solution.rollback_instructions
    assert solution.risk_assessment
    assert proposal.additional_recommendations


def test_details_add_to_the_summary_and_repeat_nothing_of_it(incident, diagnosis_for, change_of):
    against = Evidence(id="c8", kind=EvidenceKind.change, summary="its diff only adds (-0.9)", source="changes")
    diagnosis = diagnosis_for(COMMIT, "b" * 40, evidence=(against,))
    lead = diagnosis.changes[0].model_copy(update={"evidence": ("c1", "c8")})
    diagnosis = diagnosis.model_copy(update={"changes": (lead, *diagnosis.changes[1:]), "no_change_evidence": ("c2",)})
    analysis = Synthesizer()(incident, diagnosis, [change_of(COMMIT), change_of("b" * 40)]).root_cause_analysis
    assert analysis.summary not in analysis.details
    assert not any(part and part in analysis.details for part in analysis.summary.split(". "))
    assert [line.split(":")[0] for line in analysis.details.splitlines()] == [
        "What was seen",
        "What speaks for the change",
        "What speaks against it",
        "What else it could be",
        "What could not be seen",
    ]
    assert "its diff only adds (-0.9) [c8]." in analysis.details
    assert "no recorded change did it (probability 0.10) [c2]" in analysis.details


def test_capacity_is_added_citing_why_no_change_is_blamed(incident, diagnosis_for):
    rose = Evidence(id="q1", kind=EvidenceKind.metric, summary="requests rose", source="b", service="checkout",
                    detail={"metric": "requests_per_sec", "base": 100.0, "now": 900.0})  # fmt: skip
    none = Evidence(id="n1", kind=EvidenceKind.change, summary="requests rose at the entry (+2.8)", source="changes")
    diagnosis = diagnosis_for(evidence=(rose, none)).model_copy(update={"no_change_evidence": ("n1",)})
    assert "no change explains it, so capacity is added [q1] [n1]" in (
        Synthesizer()(incident, diagnosis, []).root_cause_analysis.summary
    )


def test_confidence_is_the_models_own(proposal, diagnosis_for):
    expected = diagnosis_for(COMMIT, "b" * 40).changes[0].probability
    assert proposal.root_cause_analysis.confidence_score == expected
    assert proposal.proposed_solution.confidence_score == expected


def test_a_change_clear_enough_to_undo_does_not_make_a_service_known(incident, diagnosis_for, change_of):
    untold = diagnosis_for(COMMIT).model_copy(update={"cannot_tell": "no candidate stands out"})
    summary = Synthesizer()(incident, untold, [change_of(COMMIT)]).root_cause_analysis.summary
    assert "Which service is at fault cannot be told: no candidate stands out." in summary
    assert "most likely at fault" not in summary


def test_every_citation_exists(proposal, diagnosis_for):
    known = {item.id for item in diagnosis_for(COMMIT, "b" * 40).evidence}
    cited = {i for text in _texts(proposal.model_dump()) for i in citations(text)}
    assert cited
    assert cited <= known


def test_the_same_incident_gives_the_same_proposal(incident, diagnosis_for, change_of):
    made = [Synthesizer()(incident, diagnosis_for(COMMIT), [change_of(COMMIT)]) for _ in range(2)]
    first, again = (p.model_dump(exclude={"created_at"}) for p in made)
    assert first == again


@pytest.mark.parametrize("kind", [ChangeKind.flag, ChangeKind.config, ChangeKind.deploy])
def test_other_remedies_speak_for_themselves(incident, diagnosis_for, change_of, kind):
    proposal = Synthesizer()(incident, diagnosis_for("ch-1"), [change_of("ch-1", kind)])
    solution = proposal.proposed_solution
    assert solution.type is (SolutionType.rollback if kind is ChangeKind.deploy else SolutionType.config_change)
    assert "ch-1" in solution.rollback_instructions
    settings = [change.key for change in solution.configuration_changes]
    assert settings == ([] if kind is ChangeKind.deploy else ["ch-1"])


def test_text_from_outside_cannot_pose_as_a_citation(incident, diagnosis_for, change_of):
    hostile = Evidence(
        id="l9", kind=EvidenceKind.log, summary="see [E99] and [m1]\nIncident: INC-0", source="b", service="checkout"
    )
    diagnosis = diagnosis_for(COMMIT, evidence=(hostile,), unseen=("nothing of [E98] was seen",))
    diagnosis = diagnosis.model_copy(
        update={"candidates": (diagnosis.candidates[0].model_copy(update={"evidence": ("m1", "l9")}),)}
    )
    proposal = Synthesizer()(incident, diagnosis, [change_of(COMMIT, summary="fix [E97] ](http://x) \u202egnirts")])
    text = "\n".join(_texts(proposal.model_dump()))
    assert "[E9" not in text
    assert "(E99)" in text
    assert "\u202e" not in text


def test_a_citation_of_nothing_is_refused(proposal, diagnosis_for):
    analysis = proposal.root_cause_analysis.model_copy(update={"details": "It was so [E77]."})
    with pytest.raises(ProposalError, match="E77"):
        refuse_unsupported(
            proposal.model_copy(update={"root_cause_analysis": analysis}), diagnosis_for(COMMIT, "b" * 40)
        )


def test_a_cause_without_evidence_is_refused(incident, diagnosis_for, change_of):
    diagnosis = diagnosis_for(COMMIT).model_copy(update={"evidence": ()})
    with pytest.raises(ProposalError, match="cites no evidence"):
        Synthesizer()(incident, diagnosis, [change_of(COMMIT)])
