"""What was undone, what undoes it, and what was well while a change was at work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data.domain import Alert, Change, ChangeKind
from data.topology import ServiceGraph
from models.changes import Beginning, ChangeContext, Symptom, rank_changes
from models.changes.undoing import takes_back, undoings

FIRED = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
DO = "--- a/cart/db.py\n+++ b/cart/db.py\n@@ -1 +1 @@\n-rows = fetch_all(skus)\n+rows = [fetch(sku) for sku in skus]"
UNDO = "--- a/cart/db.py\n+++ b/cart/db.py\n@@ -1 +1 @@\n-rows = [fetch(sku) for sku in skus]\n+rows = fetch_all(skus)"
SLOW = (Symptom("cart", "metric", "request_duration_p95_ms", "rose from 12 to 480", 9.0),)


def at(minutes_before: float) -> datetime:
    return FIRED - timedelta(minutes=minutes_before)


def commit(id_: str, minutes: float, diff: str | None = DO, text: str = "cart: fetch rows") -> Change:
    return Change(id=id_, kind=ChangeKind.commit, timestamp=at(minutes), files=("cart/db.py",), diff=diff, summary=text)


def carried(*commits: Change) -> list[Change]:
    """The commits, each deployed at once."""
    deploys = [
        Change(id=f"d-{c.id}", kind=ChangeKind.deploy, timestamp=c.timestamp, service="cart", commit=c.id)
        for c in commits
    ]
    return [*commits, *deploys]


def flag(id_: str, minutes: float, before: Any, after: Any, service: str = "cart") -> Change:
    extra = {"key": "fast", "before": before, "after": after}
    return Change(id=id_, kind=ChangeKind.flag, timestamp=at(minutes), service=service, extra=extra)


def context(onset: float = 1.0, well_until: float | None = 1.1) -> ChangeContext:
    alert = Alert(id="a", source="test", service="cart", title="cart is slow", fired_at=FIRED, group="g")
    return ChangeContext(
        alert,
        at(onset),
        {"cart": 0.8, "web": 0.1},
        ServiceGraph((("web", "cart"), ("cart", "stock"))),
        SLOW,
        (Beginning(at(onset), None if well_until is None else at(well_until)),),
    )


def test_a_change_applied_undone_and_applied_again_is_blamed_as_it_stands_now() -> None:
    """The revert restored what ran well and the first application was over; every word of the three is the same."""
    first, revert, again = commit("first", 20), commit("revert", 15, UNDO, 'Revert "cart: fetch rows"'), commit("c", 1)
    ranking = rank_changes(carried(first, revert, again), context())
    assert ranking.ordered[0] == "c"
    assert ranking.probabilities["c"] > 5 * max(ranking.probabilities["first"], ranking.probabilities["revert"])
    assert any("it does again what had been undone" in reason for reason in ranking.reasons["c"])
    assert any("it had been undone before the trouble" in reason for reason in ranking.reasons["first"])
    assert any("it restores what ran until 5 min before it" in reason for reason in ranking.reasons["revert"])


def test_a_revert_made_in_answer_to_the_trouble_does_not_clear_what_it_reverts() -> None:
    guilty, revert = commit("guilty", 3), commit("revert", 0.2, UNDO, 'Revert "cart: fetch rows"')
    assert rank_changes(carried(guilty, revert), context(onset=3.0, well_until=3.1)).ordered[0] == "guilty"


def test_what_was_replaced_long_ago_is_restored_at_more_risk() -> None:
    """A revert of what ran for a month meets a world that has moved on."""
    changes = [commit("old", 30 * 1440), commit("fresh", 20)]
    weights = [
        rank_changes(carried(done, commit("revert", 1, UNDO)), context()).probabilities["revert"] for done in changes
    ]
    assert weights[0] > 1.5 * weights[1]


@pytest.mark.parametrize(
    ("later", "earlier", "undone"),
    [
        (commit("b", 1, UNDO), commit("a", 2, DO), True),
        (commit("b", 1, DO), commit("a", 2, DO), False),
        (commit("b", 1, None, 'Revert "cart: fetch rows"'), commit("a", 2, None), True),
        (commit("b", 1, None, 'Revert "cart: something else"'), commit("a", 2, None), False),
        (commit("b", 1, None, "Undo it\n\nThis reverts commit abcdef1."), commit("abcdef1234", 2), True),
        # What a diff does counts, not what its message says.
        (commit("b", 1, DO, 'Revert "cart: fetch rows"'), commit("a", 2, DO), False),
        (flag("g", 1, True, False), flag("f", 2, False, True), True),
        (flag("g", 1, True, False, "web"), flag("f", 2, False, True), False),
        (flag("g", 1, True, None), flag("f", 2, False, True), False),
    ],
)
def test_one_change_undoes_another_if_its_diff_or_values_are_the_inverse(
    later: Change, earlier: Change, undone: bool
) -> None:
    assert takes_back(later, earlier) is undone


def test_to_revert_a_revert_is_to_do_it_again() -> None:
    changes = [commit("do", 9), commit("undo", 6, UNDO), commit("redo", 3)]
    found = undoings(changes)
    assert found["do"].undone_by == changes[1]
    assert found["redo"].repeats == changes[0]
    assert found["redo"].undoes is None


def test_a_flag_set_back_long_before_the_trouble_is_cleared() -> None:
    on, off = flag("on", 30, False, True), flag("off", 20, True, False)
    other = flag("other", 20, 1, 2)
    ranking = rank_changes([on, off, other], context())
    assert ranking.ordered[0] == "other"


def test_a_change_at_work_while_all_was_well_is_cleared_in_part_only() -> None:
    early, late = commit("early", 10, None, "cart: one thing"), commit("late", 1, None, "cart: another")
    known, unknown = (rank_changes(carried(early, late), context(well_until=w)) for w in (1.1, None))
    ratio = [r.probabilities["late"] / r.probabilities["early"] for r in (unknown, known)]
    assert 1.5 * ratio[0] < ratio[1] < 10 * ratio[0]


def test_what_is_undone_is_no_suspect_however_much_it_looks_like_the_trouble() -> None:
    undone, revert = commit("undone", 20), commit("revert", 15, UNDO, 'Revert "cart: fetch rows"')
    other = commit("other", 1.2, None, "cart: another")
    ranking = rank_changes(carried(undone, revert, other), context())
    assert ranking.probabilities["undone"] < 0.1 * ranking.probabilities["other"]


def test_a_change_does_not_lose_for_coming_a_second_before_the_first_sample_that_shows_it() -> None:
    ratio = []
    for minutes in (1.1, 1.12, 1.6, 5.0):
        found = rank_changes([flag("f", minutes, 1, 2)], context(onset=1.0, well_until=1.1))
        ratio.append(found.probabilities["f"] / found.no_change_probability)
    assert ratio == sorted(ratio, reverse=True)
    assert ratio[1] > 0.9 * ratio[0]
    assert ratio[3] < 0.5 * ratio[0]


def test_the_latest_of_several_within_the_doubt_about_the_onset_is_not_preferred() -> None:
    first, last = commit("first", 1.6, None, "cart: one thing"), commit("last", 1.0, None, "cart: another")
    ranking = rank_changes(carried(first, last), context(onset=1.0, well_until=2.0))
    assert ranking.probabilities["last"] < 1.05 * ranking.probabilities["first"]


def test_a_coincidence_in_time_says_little_of_a_change_elsewhere() -> None:
    here = flag("here", 1, 1, 2)
    there = flag("there", 1, 1, 2, "billing")
    ranking = rank_changes([here, there], context())
    assert ranking.probabilities["here"] > 10 * ranking.probabilities["there"]


def test_where_the_onset_is_torn_each_guess_counts_by_how_likely_it_is() -> None:
    """A change between two guesses is late for one and prompt for the other."""

    def weight_of(*beginnings: Beginning) -> float:
        early, late = commit("early", 8, None, "cart: one thing"), commit("late", 2, None, "cart: another")
        given = replace(context(), onset=beginnings[0].at, beginnings=beginnings)
        found = rank_changes(carried(early, late), given).probabilities
        return found["late"] / found["early"]

    first, second = Beginning(at(8), at(8)), Beginning(at(2), at(2))
    torn = [replace(first, probability=0.5), replace(second, probability=0.5)]
    assert weight_of(first) < weight_of(*torn) < weight_of(second)
    assert weight_of(*torn) == pytest.approx(weight_of(*reversed(torn)))
