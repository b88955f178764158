import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from data.incidents import shipped_incident
from data.sources.bundle import read_alert, read_telemetry, write_bundle
from data.telemetry import Telemetry
from pipelines.investigate import investigate
from pipelines.scoring.incident import IncidentRequest, causes_of, changes_of, impact_reply
from pipelines.scoring.telemetry import TelemetryMessage, read_message, write_message


def over_the_wire(telemetry: Telemetry) -> Telemetry:
    return read_message(TelemetryMessage.model_validate_json(json.dumps(write_message(telemetry), allow_nan=False)))


def test_nothing_is_lost() -> None:
    telemetry = read_telemetry(shipped_incident())
    back = over_the_wire(telemetry)
    np.testing.assert_array_equal(back.metrics.timestamps, telemetry.metrics.timestamps)
    np.testing.assert_array_equal(back.metrics.values, telemetry.metrics.values)
    assert back.metrics.keys == telemetry.metrics.keys
    assert (back.changes, back.missing, back.graph.edges) == (
        telemetry.changes, telemetry.missing, telemetry.graph.edges,
    )  # fmt: skip
    for name in ("timestamp", "service", "duration_ms", "span_id"):
        assert back.spans[name].tolist() == telemetry.spans[name].tolist()
    assert back.logs["message"].tolist() == telemetry.logs["message"].tolist()


def test_the_diagnosis_is_the_same(tmp_path: Path) -> None:
    alert = read_alert(shipped_incident())
    # As the control plane does: collected, written, read.
    write_bundle(tmp_path, alert, read_telemetry(shipped_incident()))
    telemetry = read_telemetry(tmp_path)
    assert investigate(alert, over_the_wire(telemetry)) == investigate(alert, telemetry)


def test_nothing_seen_is_nothing_seen() -> None:
    alert = read_alert(shipped_incident())
    assert investigate(alert, over_the_wire(Telemetry())) == investigate(alert, Telemetry())


def test_parts_cite_only_their_own_evidence() -> None:
    alert, telemetry = read_alert(shipped_incident()), read_telemetry(shipped_incident())
    diagnosis = investigate(alert, telemetry)
    causes, changes = (part(diagnosis, "v0-x") for part in (causes_of, changes_of))
    request = IncidentRequest.model_validate({"alert": alert, "telemetry": write_message(telemetry)})
    impact = impact_reply(request, telemetry, diagnosis, "v0-x", objective=0.999)
    assert {item.id for item in causes.evidence} == {i for c in diagnosis.candidates for i in c.evidence}
    assert {item.id for item in changes.evidence} >= {i for c in diagnosis.changes for i in c.evidence}
    assert impact.blast_radius == diagnosis.blast_radius


@pytest.mark.parametrize(
    ("clock", "values"),
    [(["2026-01-01T00:01:00Z", "2026-01-01T00:00:00Z"], [1.0, 2.0]), (["2026-01-01T00:00:00Z"], [1.0, 2.0])],
)
def test_a_table_that_is_none_is_refused(clock: list[str], values: list[float]) -> None:
    series = {"service": "web", "metric": "latency", "values": values}
    with pytest.raises(ValidationError, match=r"timestamp"):
        TelemetryMessage.model_validate({"metrics": {"timestamps": clock, "series": [series]}})
