"""The report in plain text: the explanation that no change did it is argued like any other."""

from datetime import UTC, datetime

from data.domain import Alert, BlastRadius, Diagnosis, Evidence, EvidenceKind, Severity
from serving.commands.diagnose import as_record
from serving.report import report_lines

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


def test_the_record_for_scripts_cites_it_too() -> None:
    assert as_record(DIAGNOSIS)["no_change_evidence"] == ["E1"]
