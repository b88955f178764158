"""How bad an incident is, said in words and drawn on its page: all that was counted, and what was not."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

from fastapi.testclient import TestClient

from data.domain import Severity
from data.impact import Impact
from data.store import Store
from serving.impact import chances, facts, impact_lines, measured, said

UNCOUNTED = Impact(
    severity=Severity.medium,
    probabilities={Severity.medium: 1.0},
    anomaly_score=0.2,
    services=("db",),
    symptomatic=(),
    terms=(),
)


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_every_count_is_said(nexus_case: ModuleType) -> None:
    said_of = dict(facts(nexus_case.impact()))
    assert said_of["Reaches"] == "4 services, 3 of which show it: payments, orders, checkout, web"
    assert said_of["Users"].startswith("1,840 users")
    assert said_of["Failing"].startswith("6.4%")
    assert said_of["Error budget"].startswith("burns 64 times")
    assert said_of["Error budget"].endswith("gone in 11.2 hours")


def test_what_nothing_counts_is_said_to_be_unknown() -> None:
    said_of = dict(facts(UNCOUNTED))
    assert said_of["Reaches"] == "only the suspected cause itself, as far as is known"
    assert all(said_of[name].startswith("not known") for name in ("Users", "Failing", "Error budget"))


def test_a_failing_share_of_nothing_spends_no_budget() -> None:
    calm = UNCOUNTED.model_copy(update={"failing": 0.0, "burn_rate": 0.0})
    assert dict(facts(calm))["Failing"].startswith("nothing")
    assert dict(facts(calm))["Error budget"] == "nothing of it is being spent"
    slow = UNCOUNTED.model_copy(update={"failing": 0.0004, "burn_rate": 0.4, "budget_gone_h": 1800.0})
    assert dict(facts(slow))["Failing"].startswith("less than 0.1%")
    assert dict(facts(slow))["Error budget"].endswith("gone in 75 days")


def test_severities_come_worst_first_and_terms_strongest_first(nexus_case: ModuleType) -> None:
    impact = nexus_case.impact()
    assert [s for s, _ in chances(impact)] == [Severity.critical, Severity.high, Severity.medium, Severity.low]
    assert [term.log_odds for term in measured(impact)] == [1.5, -0.4]
    assert len(said(impact)) == 40


def test_the_report_names_the_strongest_terms_and_counts_the_rest(nexus_case: ModuleType) -> None:
    lines = list(impact_lines(nexus_case.impact(), Severity.critical))
    assert lines[0] == "high: critical 31%, high 52%, medium 17%, low 0%"
    assert lines[1].startswith("held to be critical")
    assert "+1.50 the error budget burns 64 times as fast as allowed" in lines
    assert lines[-1] == "and 36 weaker terms of the text; --json has them"


class TestPage:
    def test_it_is_drawn_with_its_terms(self, signed_in: TestClient, nexus_case: ModuleType, store: Store) -> None:
        incident = nexus_case.whole_incident(store)
        page = words_of(signed_in.get(f"/incidents/{incident.id}").text)
        assert "Reaches 4 services, 3 of which show it: payments, orders, checkout, web" in page
        assert "the error budget burns 64 times as fast as allowed +1.50" in page
        assert "Held to be critical" in page
        assert "What made it so: 42 terms" in page
        assert "30 weaker terms are not listed" in page

    def test_an_incident_that_was_not_weighed_has_none(
        self, signed_in: TestClient, nexus_case: ModuleType, store: Store
    ) -> None:
        incident: Any = nexus_case.open_incident(store, "INC-1")
        assert "How bad it is" not in signed_in.get(f"/incidents/{incident.id}").text

    def test_what_an_alert_says_is_shown_as_text(
        self, signed_in: TestClient, nexus_case: ModuleType, store: Store
    ) -> None:
        incident = nexus_case.whole_incident(store, text=nexus_case.HOSTILE)
        section = signed_in.get(f"/incidents/{incident.id}").text.split('id="impact"')[1].split("</section>")[0]
        assert "&lt;script&gt;" in section
        assert "<script" not in section
