"""What every ranking of changes must hold to, whatever its weights."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from data.domain import Alert, Change, ChangeKind
from data.topology import ServiceGraph
from models.changes import ChangeContext, ChangeRanking, Symptom, rank_changes
from models.changes.affinity import Touched, text_of
from models.changes.mechanisms import strengths

FIRED = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
POOL = "-max_connections: 40\n+max_connections: 4"
HARMLESS = "-    return view(items)\n+    return render(items)"


def at(minutes_before: float) -> datetime:
    return FIRED - timedelta(minutes=minutes_before)


def commit(
    id_: str, minutes: float, file: str = "services/cart/db.py", diff: str | None = None, text: str = ""
) -> Change:
    return Change(id=id_, kind=ChangeKind.commit, timestamp=at(minutes), files=(file,), diff=diff, summary=text)


def deploy(id_: str, minutes: float, service: str, carried: str | None = None) -> Change:
    return Change(id=id_, kind=ChangeKind.deploy, timestamp=at(minutes), service=service, commit=carried)


POOL_TROUBLE = (
    Symptom("cart", "log", "ERROR", "connection pool exhausted: timed out acquiring connection", 6.0),
    Symptom("cart", "metric", "pool_wait_seconds", "pool_wait_seconds of cart rose from 0.01 s to 4.2 s", 9.0),
)
GRAPH = (("web", "cart"), ("cart", "cartdb"), ("web", "search"))


def context(
    symptoms: Sequence[Symptom] = POOL_TROUBLE, onset: float | None = 3, service: str = "cart"
) -> ChangeContext:
    alert = Alert(id="a", source="test", service=service, title=f"{service} is failing", fired_at=FIRED, group="g")
    return ChangeContext(
        alert,
        None if onset is None else at(onset),
        {service: 0.8, "web": 0.1},
        ServiceGraph(GRAPH),
        tuple(symptoms),
    )


def best(ranking: ChangeRanking) -> str:
    return ranking.ordered[0]


def test_probabilities_sum_to_one_and_every_change_has_one() -> None:
    changes = [commit("guilty", 20, diff=POOL), commit("other", 10, "docs/a.md"), deploy("d", 5, "search")]
    ranking = rank_changes(changes, context())
    assert set(ranking.probabilities) == {"guilty", "other", "d"} == set(ranking.reasons)
    assert sum(ranking.probabilities.values()) + ranking.no_change_probability == pytest.approx(1.0)
    assert best(ranking) == "guilty"
    assert any("connection pooling" in reason for reason in ranking.reasons["guilty"])


def test_no_changes_means_no_change_did_it() -> None:
    ranking = rank_changes([], context())
    assert ranking.no_change_probability == 1.0
    assert ranking.probabilities == {}


def test_neither_order_matters() -> None:
    changes = [commit(f"c{i}", 10 + i, diff=HARMLESS) for i in range(8)]
    changes += [commit("guilty", 20, diff=POOL), deploy("d", 8, "cart", "guilty"), deploy("e", 5, "search")]
    expected = rank_changes(changes, context())
    for seed in range(5):
        shuffled, symptoms = list(changes), list(POOL_TROUBLE)
        random.Random(seed).shuffle(shuffled)
        random.Random(seed).shuffle(symptoms)
        again = rank_changes(shuffled, context(symptoms))
        assert again.probabilities == expected.probabilities
        assert again.reasons == expected.reasons
        assert again.no_change_probability == expected.no_change_probability


def test_a_change_after_the_alert_is_impossible() -> None:
    ranking = rank_changes([commit("late", -1, diff=POOL), commit("early", 20, diff=HARMLESS)], context())
    assert ranking.probabilities["late"] == 0.0
    assert ranking.probabilities["early"] > 0.0
    assert "after the alert" in ranking.reasons["late"][0]


def test_a_commit_deployed_only_after_the_alert_is_impossible() -> None:
    ranking = rank_changes([commit("guilty", 20, diff=POOL), deploy("d", -2, "cart", "guilty")], context())
    assert ranking.probabilities["guilty"] == 0.0
    assert ranking.no_change_probability == pytest.approx(1.0)


def test_the_latest_deploy_is_not_blamed_for_being_the_latest() -> None:
    changes = [
        commit("guilty", 60, diff=POOL),
        deploy("d1", 40, "cart", "guilty"),
        commit("decoy", 9, "services/cart/view.py", HARMLESS),
        deploy("d2", 4, "cart", "decoy"),
    ]
    ranking = rank_changes(changes, context())
    assert best(ranking) == "guilty"
    assert ranking.probabilities["d2"] < ranking.probabilities["guilty"]


def test_an_effect_may_take_hours_to_show() -> None:
    changes = [
        commit("leak", 400, diff="-    cache = LRU(max_entries=1000)\n+    cache = {}"),
        deploy("d1", 380, "cart", "leak"),
        commit("decoy", 12, "services/cart/view.py", HARMLESS),
        deploy("d2", 5, "cart", "decoy"),
    ]
    symptoms = [
        Symptom("cart", "metric", "memory_bytes", "memory_bytes of cart rose from 2e+08 to 2e+09", 9.0),
        Symptom("cart", "log", "FATAL", "out of memory: heap exhausted (OOM)", 5.0),
    ]
    assert best(rank_changes(changes, context(symptoms))) == "leak"


def test_of_two_like_changes_the_nearer_in_time_is_likelier() -> None:
    ranking = rank_changes([commit("old", 2000, diff=POOL), commit("new", 20, diff=POOL)], context())
    assert ranking.probabilities["new"] > ranking.probabilities["old"] > 0


def test_a_commit_is_dated_by_the_deploy_that_carried_it() -> None:
    old_but_just_deployed = [commit("guilty", 4000, diff=POOL), deploy("d", 5, "cart", "guilty")]
    never_deployed = [commit("guilty", 4000, diff=POOL)]
    first, second = (rank_changes(changes, context()) for changes in (old_but_just_deployed, never_deployed))
    assert first.probabilities["guilty"] > second.probabilities["guilty"]
    assert any("deploy d of cart carried it" in reason for reason in first.reasons["guilty"])


def test_all_commits_since_the_previous_deploy_are_suspects() -> None:
    changes = [
        commit("base", 300, "services/cart/view.py", HARMLESS),
        deploy("d1", 290, "cart", "base"),
        commit("guilty", 60, diff=POOL),
        commit("head", 20, "services/cart/view.py", HARMLESS),
        deploy("d2", 6, "cart", "head"),
    ]
    ranking = rank_changes(changes, context())
    assert best(ranking) == "guilty"
    assert "it took effect 3 min before the estimated onset" in " ".join(ranking.reasons["guilty"])


def test_what_the_first_deploy_replaced_tells_which_commits_ran_before_it() -> None:
    changes = [commit("early", 600, diff=POOL), commit("head", 7, "services/cart/view.py", HARMLESS)]
    told = deploy("d", 5, "cart", "head").model_copy(update={"extra": {"before": "early"}})
    unknown, known = (rank_changes([*changes, d], context()) for d in (deploy("d", 5, "cart", "head"), told))
    assert "it took effect 2 min before the estimated onset" in " ".join(unknown.reasons["early"])
    assert "it took effect 597 min before the estimated onset" in " ".join(known.reasons["early"])
    assert known.probabilities["early"] < unknown.probabilities["early"]


def test_a_commit_newer_than_the_last_deploy_was_not_live() -> None:
    live = [commit("c", 30, diff=POOL), deploy("d", 10, "cart", "c")]
    not_live = [
        commit("h", 60, "services/cart/view.py", HARMLESS),
        deploy("d", 10, "cart", "h"),
        commit("c", 5, diff=POOL),
    ]
    first, second = (rank_changes(changes, context()) for changes in (live, not_live))
    assert first.probabilities["c"] > second.probabilities["c"]
    assert any("no recorded deploy" in reason for reason in second.reasons["c"])


def test_a_deploy_with_unknown_content_is_a_suspect_itself() -> None:
    known = rank_changes([commit("c", 9, diff=HARMLESS), deploy("d", 5, "cart", "c")], context())
    unknown = rank_changes([deploy("d", 5, "cart")], context())
    assert unknown.probabilities["d"] > 10 * known.probabilities["d"]


def test_an_unrecorded_diff_neither_clears_nor_convicts() -> None:
    guard = "+    if items is None:\n+        return None"
    changes = [commit("unknown", 10), commit("harmless", 10, diff=guard), commit("guilty", 10, diff=POOL)]
    p = rank_changes(changes, context()).probabilities
    assert p["harmless"] < p["unknown"] < p["guilty"]
    assert any("not recorded" in reason for reason in rank_changes(changes, context()).reasons["unknown"])


def test_documentation_and_tests_rarely_break_production() -> None:
    changes = [
        commit("docs", 5, "docs/pool.md", "-max_connections: 40\n+max_connections: 4"),
        commit("tests", 5, "tests/test_pool.py", "-assert pool.size == 40\n+assert pool.size == 4"),
        commit("code", 25, diff=HARMLESS),
    ]
    p = rank_changes(changes, context()).probabilities
    assert p["code"] > p["docs"]
    assert p["code"] > p["tests"]


def test_a_frightening_summary_does_not_convict_an_innocent_diff() -> None:
    changes = [
        commit("loud", 6, "services/cart/view.py", HARMLESS, "URGENT hotfix: connection pool exhausted!"),
        commit("quiet", 25, diff=POOL, text="chore: tidy"),
    ]
    assert best(rank_changes(changes, context())) == "quiet"


def test_far_away_services_are_less_suspect() -> None:
    changes = [commit("near", 10, "services/cart/db.py", POOL), commit("far", 10, "services/search/db.py", POOL)]
    p = rank_changes(changes, context()).probabilities
    assert p["near"] > 3 * p["far"]


@pytest.mark.parametrize(
    ("symptoms", "why"),
    [
        (
            [Symptom("cart", "log", "ERROR", "api.stampmaker.example.com returned 503 Service Unavailable", 5.0)],
            "none of the known services",
        ),
        ([Symptom("cart", "log", "ERROR", "x509: certificate has expired or is not yet valid", 5.0)], "expired"),
        (
            [
                Symptom("web", "metric", "requests_per_second", "it rose from 100 /s to 1,200 /s", 9.0),
                Symptom("cart", "metric", "requests_per_second", "it rose from 40 /s to 500 /s", 9.0),
                Symptom("cart", "metric", "latency_p99_ms", "it rose from 50 ms to 900 ms", 9.0),
            ],
            "where they enter the system",
        ),
        ([Symptom("cart", "log", "ERROR", "write failed: No space left on device", 5.0)], "disk is full"),
    ],
    ids=["provider", "certificate", "traffic", "disk"],
)
def test_telemetry_that_names_an_outside_cause_explains_none(symptoms: list[Symptom], why: str) -> None:
    changes = [
        commit("decoy", 12, "services/cart/view.py", HARMLESS),
        deploy("d", 5, "cart", "decoy"),
        Change(id="f", kind=ChangeKind.flag, timestamp=at(8), service="cart", summary="gift_notes off->on"),
    ]
    ranking = rank_changes(changes, context(symptoms))
    assert ranking.no_change_probability > max(ranking.probabilities.values())
    assert any(why in reason for reason in ranking.no_change_reasons)


def test_likeness_to_the_symptoms_counts_less_where_the_place_does_not_explain_them() -> None:
    """The same diff at the suspect, at its caller, and two calls away: affinity falls with place, and no further."""
    words = {}
    for service in ("cart", "web", "search"):
        (reasons,) = rank_changes([commit("c", 10, f"services/{service}/db.py", POOL)], context()).reasons.values()
        (said,) = (reason for reason in reasons if "connection pooling" in reason)
        words[service] = float(said[said.rindex("(") + 1 : -1])
    assert words["cart"] == words["web"] > words["search"] > 0


def test_a_rare_name_or_number_counts_wherever_it_is_met() -> None:
    moved = (*POOL_TROUBLE, Symptom("cart", "metric", "pool_size", "fell from 40 to 4", 9.0))
    far = rank_changes([commit("c", 10, "services/search/db.py", POOL)], context(moved))
    assert any("a metric moved from 40 to 4, as this change's value did (+2.0)" in r for r in far.reasons["c"])


def test_requests_that_rise_only_inside_are_no_surge() -> None:
    inside = [
        Symptom("web", "metric", "requests_per_second", "it rose from 100 /s to 101 /s", 0.1),
        Symptom("cartdb", "metric", "requests_per_second", "it rose from 40 /s to 900 /s", 9.0),
    ]
    entering = [*inside[1:], Symptom("web", "metric", "requests_per_second", "it rose from 100 /s to 2,000 /s", 9.0)]
    changes = [commit("c", 12, diff=HARMLESS)]
    none = [rank_changes(changes, context(symptoms)).no_change_probability for symptoms in (inside, entering)]
    assert none[0] < none[1]


def test_a_metric_that_moved_as_the_value_did_is_strong_evidence() -> None:
    symptoms = [Symptom("cart", "metric", "pool_size", "pool_size of cart fell from 40 to 4 at 11:57Z", 4.0)]
    ranking = rank_changes([commit("c", 12, diff=POOL)], context(symptoms))
    assert any("moved from 40 to 4" in reason for reason in ranking.reasons["c"])


def test_works_with_nothing_but_the_alert() -> None:
    alert = Alert(id="a", source="t", service="cart", title="cart is failing", fired_at=FIRED, group="g")
    ranking = rank_changes([commit("c", 5), deploy("d", 2, "cart")], ChangeContext(alert))
    assert sum(ranking.probabilities.values()) + ranking.no_change_probability == pytest.approx(1.0)


def test_inputs_are_left_as_they_were() -> None:
    changes = [commit("c", 12, diff=POOL), deploy("d", 5, "cart", "c")]
    before, given = list(changes), context()
    copy = ChangeContext(given.alert, given.onset, dict(given.service_probabilities), given.graph, given.symptoms)
    rank_changes(changes, given)
    assert changes == before
    assert given == copy


def test_ids_that_begin_alike_are_kept_apart() -> None:
    changes = [
        commit("change-0001", 60, diff=POOL),
        commit("change-0002", 30, "services/cart/view.py", HARMLESS),
        deploy("d1", 20, "cart", "change-0001"),
        deploy("d2", 10, "cart", "change-0002"),
    ]
    reasons = rank_changes(changes, context()).reasons
    assert any("deploy d1 of cart carried it" in reason for reason in reasons["change-0001"])
    assert any("deploy d2 of cart carried it" in reason for reason in reasons["change-0002"])


def test_a_huge_generated_diff_is_read_in_reasonable_time() -> None:
    lines = [f"value_{i} = compute({i}, pool)" for i in range(3000)]
    diff = "\n".join([*(f"-{line}" for line in lines), *(f"+{line}x" for line in lines), "+" + "a(b<" * 100_000])
    started = time.perf_counter()
    rank_changes([commit("generated", 10, diff=diff)], context())
    assert time.perf_counter() - started < 20


def test_that_a_symptom_is_a_log_does_not_speak_of_logging() -> None:
    seen = Symptom("cart", "log", "missing log lines", "order placed", 5.0)
    assert strengths([(text_of(seen), 1.0)]).get("logging", 0.0) == 0.0
    assert strengths([(f"{seen.name} {seen.text}", 1.0)])["logging"] > 0.0  # as it would with its name


@pytest.mark.parametrize(
    ("line", "of_a_database"),
    [
        ('page = query.get("page", "{}")', False),
        ('page = request.query["{}"]', False),
        ('page := r.URL.Query().Get("{}")', False),
        ('page = query_params.get("{}")', False),
        ('page = session.query(Page).filter_by(name="{}")', True),
        ('query = "SELECT * FROM pages WHERE name = {}"', True),
    ],
)
def test_the_query_of_a_url_is_none_of_a_database(line: str, of_a_database: bool) -> None:
    before, after = line.format("first"), line.format("home")
    diff = f"--- a/web.py\n+++ b/web.py\n@@ -1,3 +1,3 @@\n def show():\n-    {before}\n+    {after}\n"
    assert (Touched(commit("c", -1, diff=diff)).words.get("query", 0.0) > 0.2) is of_a_database


def test_a_summary_joins_words_where_code_opens_and_loops() -> None:
    words = Touched(commit("c", -1, text="web: open with the garden while it is spring, for each visitor")).words
    assert "garden" in words
    assert not {"with", "while", "for", "each"} & set(words)
