"""Where agreement is low another model is asked; where it does not agree, a person is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from remediation.actions.patch import PatchAction
from remediation.forge import LocalForge
from remediation.llm.scripted import ScriptedDrafter
from remediation.llm.second import second_opinion_check
from remediation.synthesize import Synthesizer


def answer(old: str, new: str, path: str = "checkout/cart.py", **solution: Any) -> str:
    change = {"file_path": path, "old_content_snippet": old, "new_content_snippet": new, "action": "replace"}
    return json.dumps(
        {
            "root_cause_analysis": {"summary": "Checkout is slow [m1]."},
            "proposed_solution": {"type": "code_fix", "summary": "Mend it", "code_changes": [change], **solution},
        }
    )


@pytest.fixture
def ask(repo, culprit, incident, diagnosis_for, change_of):
    """Drafts with two scripted models; ``no_change`` says how likely it is that no change did it."""

    def make(*answers: str, no_change: float = 0.45, files: tuple[str, ...] = ("checkout/cart.py",), others: int = 2):
        # Three changes: the first holds 4/7 of what is left.
        ids = (culprit, "b" * 40, "c" * 40)[:others]
        drafters = [ScriptedDrafter([text] if text else [], name=f"model{n}") for n, text in enumerate(answers)]
        diagnosis = diagnosis_for(*ids, no_change=no_change)
        changes = [change_of(i, files=files) for i in ids]
        synthesizer = Synthesizer(drafters, tries=1)
        return synthesizer(incident, diagnosis, changes, repository=repo.path), drafters

    return make


GOOD = answer("PAGE = 1", "PAGE = 20")


def test_where_the_cause_is_clear_nobody_else_is_asked(ask) -> None:
    proposal, (_, second) = ask(GOOD, GOOD, no_change=0.1, others=1)
    assert proposal.drafting.second_opinion is None
    assert not second.prompts


def test_another_model_that_changes_the_same_bears_it_out(ask) -> None:
    proposal, _ = ask(GOOD, answer("PAGE = 1\n", "PAGE = 25\n"), no_change=0.3)
    opinion = proposal.drafting.second_opinion
    assert opinion.agrees
    assert opinion.synthesizer == "model1"
    assert "less likely than not" in opinion.doubt
    assert [call.synthesizer for call in proposal.drafting.calls] == ["model0", "model1"]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (answer("    return sum(items)", "    return 0 + sum(items)"), "at other lines"),
        ("", "no other model"),
        (answer("nowhere", "x"), "no other model"),
    ],
)
def test_one_that_does_not_agree_puts_it_to_a_person(ask, second, reason) -> None:
    proposal, _ = ask(GOOD, second, no_change=0.3)
    assert proposal.synthesizer == "model0"
    assert not proposal.drafting.second_opinion.agrees
    (badge,) = second_opinion_check(proposal)
    assert not badge.passed
    assert reason in badge.detail


def test_the_badge_stands_beside_the_others_of_a_plan(ask, repo, incident, diagnosis_for) -> None:
    proposal, _ = ask(GOOD, "", no_change=0.3)
    plan = PatchAction(LocalForge(repo.path), "main").plan(incident, diagnosis_for("a" * 40), proposal)
    assert [check.passed for check in plan.checks if check.name == "second_opinion"] == [False]


def test_a_patch_that_leaves_alone_what_the_blamed_change_touched_is_in_doubt(ask) -> None:
    proposal, _ = ask(GOOD, GOOD, no_change=0.1, others=1, files=("checkout/other.py",))
    assert "the blamed change touched checkout/other.py" in proposal.drafting.second_opinion.doubt


def test_the_prompt_kept_is_that_of_the_draft_proposed(ask) -> None:
    proposal, (first, _) = ask(GOOD, answer("nowhere", "x"), no_change=0.3)
    assert proposal.drafting.user == first.prompts[-1].user


def test_the_next_provider_is_told_what_the_first_one_broke(ask) -> None:
    _, (_, second) = ask(answer("nowhere", "x"), GOOD, no_change=0.1, others=1)
    assert "cannot be placed" in second.prompts[0].user
