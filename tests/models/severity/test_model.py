import json
from pathlib import Path

import pytest

from data.domain import Severity
from data.errors import ModelError
from data.reports import Report
from models.severity import SHIPPED, SeverityModel, load, shipped
from models.severity.model import STATED_LOG_ODDS


def test_probabilities_sum_to_one_and_every_term_is_told() -> None:
    found = shipped().assess(Report("Incident with Pages", "We are investigating degraded availability of Pages"))
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert sum(found.reads_like.values()) == pytest.approx(1.0)
    assert any(term.name == "availability" for term in found.terms)
    assert any(term.name.startswith("usual for") for term in found.terms)


def test_worse_texts_score_worse() -> None:
    def worst(report: Report) -> float:
        p = shipped().assess(report).probabilities
        return p[Severity.critical] + p[Severity.high]

    whole = Report("Incident", "We are investigating degraded availability for Actions, Issues, Pages and Webhooks")
    part = Report("Incident", "We are investigating degraded performance for Pages")
    assert worst(whole) > 2 * worst(part)
    down = Report("Cluster down", "The cluster is down", expression="up == 0")
    slow = Report("Slow queries", "There are some slow queries", expression="rate(slow_queries[5m]) > 5")
    assert worst(down) > worst(slow) + 0.2


def test_a_report_without_any_known_word_still_gets_an_answer() -> None:
    found = shipped().assess(Report("ζψω"))
    assert sum(found.probabilities.values()) == pytest.approx(1.0)


def test_the_senders_own_word_counts_and_is_said() -> None:
    silent = shipped().assess(Report("Queue grows", "The queue grows"))
    loud = shipped().assess(Report("Queue grows", "The queue grows", stated="critical"))
    assert loud.probabilities[Severity.critical] > silent.probabilities[Severity.critical]
    assert any("sender" in t.name and t.log_odds == STATED_LOG_ODDS for t in loud.terms)
    assert shipped().assess(Report("Queue grows", "The queue grows", stated="purple")) == silent


def test_it_is_the_same_again_and_survives_being_kept() -> None:
    model, report = shipped(), Report("Disk almost full", "Disk is 95% full", expression="disk > 95")
    again = SeverityModel.from_json(json.loads(json.dumps(model.as_json())))
    assert again.assess(report) == model.assess(report)


def test_a_changed_model_is_refused(tmp_path: Path) -> None:
    kept = json.loads(SHIPPED.read_text(encoding="utf-8"))
    kept["state"]["is_rule"]["bias"] += 1.0
    changed = tmp_path / "m.json"
    changed.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(ModelError, match="not as it was made"):
        load(changed)
    with pytest.raises(ModelError, match="not a severity model"):
        load(tmp_path / "absent.json")
