"""The report in plain text: the explanation that no change did it is argued like any other."""

from datetime import UTC, datetime

from data.domain import Alert, BlastRadius, Candidate, Diagnosis, Evidence, EvidenceKind, Severity
from serving.commands.diagnose import as_record
from serving.report import headline, report_lines

AT = datetime(2026, 1, 1, tzinfo=UTC)
ALERT = Alert(id="a1", source="test", service="web", title="web is slow", fired_at=AT, group="g")
DIAGNOSIS = Diagnosis(
    candidates=(),
    changes=(),
    no_change_probability=1.0,
    severity=Severity.high,
    blast_radius=BlastRadius(),
    anomaly_score=0.5,
    evidence=(
        Evidence(
            id="E1", kind=EvidenceKind.change, summary="web says that a certificate has expired", source="changes"
        ),
    ),
    unseen=(),
    as_of=AT,
    no_change_evidence=("E1",),
)


def test_no_change_is_followed_by_what_it_rests_on() -> None:
    lines = list(report_lines(ALERT, {}, DIAGNOSIS))
    at = lines.index("  100%  no change caused this")
    assert lines[at + 1].strip() == "[E1] web says that a certificate has expired"


def test_a_causal_model_is_heard_apart_from_the_ranking() -> None:
    said = Evidence(id="causal-missing", kind=EvidenceKind.missing, summary="no causal attribution: no graph",
                    source="causal")  # fmt: skip
    lines = list(report_lines(ALERT, {}, DIAGNOSIS.model_copy(update={"evidence": (*DIAGNOSIS.evidence, said)})))
    assert lines[lines.index("A causal model of the calls, which is no part of the ranking") + 1].endswith(said.summary)
    assert not any("causal" in line for line in report_lines(ALERT, {}, DIAGNOSIS))


def test_the_record_for_scripts_cites_it_too() -> None:
    assert as_record(DIAGNOSIS)["no_change_evidence"] == ["E1"]


def test_what_cannot_be_told_is_said_before_anything_is_named() -> None:
    guess = Candidate(service="cart", probability=0.2)
    untold = DIAGNOSIS.model_copy(update={"candidates": (guess,), "cannot_tell": "no candidate stands out"})
    why = headline(ALERT, {}, untold)[1]
    assert headline(ALERT, {}, untold)[2].startswith("How sure: not enough to name a service; the best guess is cart")
    assert why == "Why: cannot tell; no candidate stands out; most likely no change caused this"
    assert as_record(untold)["cannot_tell"] == "no candidate stands out"
    assert as_record(DIAGNOSIS)["cannot_tell"] is None


def test_who_hardly_moved_is_one_line_and_no_cause() -> None:
    faint = tuple(Candidate(service=f"s{i}", probability=0.001, evidence=("E1",), faint=True) for i in range(9))
    nobody = DIAGNOSIS.model_copy(update={"candidates": faint, "cannot_tell": "nothing that was seen supports a cause"})
    lines = list(report_lines(ALERT, {}, nobody))
    assert lines[1] == "Why: not known; nothing in the telemetry supports a cause"
    assert lines[2].startswith("How sure: not at all")
    at = lines.index("  none: nothing in the telemetry supports a cause")
    assert lines[at + 1] == "  hardly moved, likeliest first: s0, s1, s2, s3, s4 and 4 more"
