"""A model's draft passes where it keeps to the rules; where it does not, the next one is asked, and offline last."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from data.domain import Evidence, EvidenceKind
from data.errors import ProposalError
from data.proposal import ApplyPatch, RevertCommit
from remediation.actions.patch import PatchAction
from remediation.checks.sandbox import unavailable
from remediation.forge import LocalForge
from remediation.llm.gemini import GeminiDrafter
from remediation.llm.openai_api import OpenAIDrafter
from remediation.rehearse import rehearse
from remediation.synthesize import Synthesizer


def draft(**solution: Any) -> dict[str, Any]:
    """A draft that keeps to the rules, with parts of its solution replaced."""
    return {
        "root_cause_analysis": {
            "summary": "Latency of checkout rose after the page size became 1 [m1].",
            "details": "Each item is fetched on its own [c1]. The moon is full.",
            "confidence_score": 0.999,
        },
        "proposed_solution": {
            "type": "code_fix",
            "summary": "Put the page size back to 20",
            "code_changes": [
                {
                    "file_path": "checkout/cart.py",
                    "old_content_snippet": "PAGE = 1",
                    "new_content_snippet": "PAGE = 20",
                    "action": "replace",
                }
            ],
            "configuration_changes": [],
            "rollback_instructions": "Revert it.",
            "verification_steps": ["Latency of checkout is back"],
            "estimated_impact": "checkout",
            "risk_assessment": "Low.",
            "confidence_score": 1.0,
            "references": [],
            **solution,
        },
        "additional_recommendations": ["Add a test of the page size"],
    }


def openai(url: str) -> OpenAIDrafter:
    return OpenAIDrafter("k", "m", f"{url}/v1", timeout_s=10)


def gemini(url: str) -> GeminiDrafter:
    return GeminiDrafter("k", "m", url, timeout_s=10)


@pytest.fixture
def ask(repo, culprit, incident, diagnosis_for, change_of, model_server: ModuleType):
    """Rehearses a proposal with scripted answers; returns it, its checks, and what the server was sent."""

    def make(*answers: Any, drafter=openai, with_repo: bool = True, more: tuple[Any, ...] = (), evidence=()):
        diagnosis = diagnosis_for(culprit, evidence=evidence)
        with model_server.serving(*answers) as script:
            drafters = (drafter(script.url), *more)
            proposal, checks = rehearse(
                Synthesizer(drafters),
                incident,
                diagnosis,
                [change_of(culprit, files=["checkout/cart.py"], diff="-PAGE = 20\n+PAGE = 1\n")],
                repository=repo.path if with_repo else None,
                base="main",
            )
        return proposal, checks, script.requests

    return make


@pytest.mark.parametrize("drafter", [openai, gemini])
def test_a_good_draft_becomes_a_checked_patch(ask, repo, drafter) -> None:
    before = repo.snapshot()
    proposal, checks, requests = ask(draft(), drafter=drafter)
    assert proposal.synthesizer == drafter("").name
    assert isinstance(proposal.remedy, ApplyPatch)
    assert {check.name: check.passed for check in checks}["placed"]
    assert all(check.passed for check in checks if check.name != "tests"), checks
    assert repo.snapshot() == before
    assert len(requests) == 1
    assert proposal.drafting.calls[0].prompt_tokens == 100


def test_confidence_is_the_models_of_the_diagnosis_and_uncited_claims_go(ask) -> None:
    proposal, _, _ = ask(draft())
    assert proposal.proposed_solution.confidence_score == pytest.approx(0.9)
    assert "fetched on its own [c1]" in proposal.root_cause_analysis.details
    assert "moon" not in proposal.model_dump_json(exclude={"drafting"})


def test_without_a_repository_the_remedy_stays_the_rules_own(ask) -> None:
    proposal, checks, _ = ask(draft(), with_repo=False)
    assert proposal.synthesizer == "openai"
    assert isinstance(proposal.remedy, RevertCommit)
    assert [(check.name, check.passed) for check in checks] == [("placed", False)]


def test_the_patch_is_carried_by_a_pull_request(ask, repo, culprit, incident, diagnosis_for) -> None:
    proposal, _, _ = ask(draft())
    action = PatchAction(LocalForge(repo.path), "main")
    plan = action.plan(incident, diagnosis_for(culprit), proposal)
    assert plan.files == ("checkout/cart.py",)
    assert "-PAGE = 1\n+PAGE = 20\n" in plan.diff
    pull_request = action.apply(plan)
    assert action.apply(plan).number == pull_request.number


def test_no_model_is_asked_where_the_diagnosis_cannot_tell(
    ask, diagnosis_for, incident, model_server: ModuleType
) -> None:
    untold = diagnosis_for().model_copy(update={"cannot_tell": "no candidate stands out"})
    with model_server.serving(draft()) as script:
        with pytest.raises(ProposalError, match="cannot be told"):
            Synthesizer((openai(script.url),))(incident, untold, [])
        assert not script.requests


def test_a_refused_draft_is_asked_for_again_with_the_reason(ask) -> None:
    wrong = draft(
        code_changes=[{"file_path": "checkout/cart.py", "old_content_snippet": "nowhere", "action": "replace"}]
    )
    proposal, _, requests = ask(wrong, draft())
    assert proposal.synthesizer == "openai"
    assert "cannot be placed" in proposal.drafting.rejected[0].reason
    assert "cannot be placed" in json.dumps(requests[1])


def test_the_next_provider_is_asked_where_the_first_fails(ask, model_server: ModuleType) -> None:
    with model_server.serving(draft()) as second:
        proposal, _, requests = ask(503, drafter=gemini, more=(openai(second.url),))
    assert proposal.synthesizer == "openai"
    assert [rejection.synthesizer for rejection in proposal.drafting.rejected] == ["gemini"]
    assert len(requests) == 1, "a provider's library must not retry"


@pytest.mark.parametrize("answer", [429, 500, "not json", {}, {"root_cause_analysis": 1}, "x" * 300_000])
def test_offline_drafts_where_no_model_does(ask, answer) -> None:
    proposal, _, _ = ask(answer)
    assert proposal.synthesizer == "offline"
    assert isinstance(proposal.remedy, RevertCommit)
    assert proposal.drafting.rejected


def test_what_is_sent_is_redacted_fenced_and_kept(ask) -> None:
    line = "login failed for ann@example.org password=hunter2-secret from 203.0.113.9"
    seen = Evidence(id="l1", kind=EvidenceKind.log, summary=line, source="bundle", service="checkout", score=3)
    proposal, _, requests = ask(draft(), evidence=(seen,))
    sent = json.dumps(requests)
    assert not any(value in sent for value in ("ann@example.org", "hunter2-secret", "203.0.113.9"))
    assert "<EMAIL_1>" in sent
    assert "<<<DATA-" in proposal.drafting.user
    assert "PAGE = 1" in proposal.drafting.user


WEAK = "import hashlib\n\nPAGE = 20\nKEY = hashlib.md5(b'')"


def test_a_finding_goes_back_once_and_then_to_a_person(ask) -> None:
    weak = draft(
        code_changes=[
            {
                "file_path": "checkout/cart.py",
                "old_content_snippet": "PAGE = 1",
                "new_content_snippet": WEAK,
                "action": "replace",
            }
        ]
    )
    proposal, checks, requests = ask(weak)
    assert proposal.synthesizer == "openai"
    assert len(requests) == 2
    assert "bandit" in proposal.drafting.rejected[0].reason
    assert "bandit" in json.dumps(requests[1])
    assert not {check.name: check.passed for check in checks}["bandit"]


@pytest.mark.skipif(unavailable() is not None, reason=f"no sandbox here: {unavailable()}")
def test_a_patch_that_breaks_the_repositorys_tests_is_not_proposed(ask, repo) -> None:
    repo.commit_files(
        "Test the page size",
        {
            "pytest.ini": "[pytest]\naddopts = --disable-plugin-autoload\n",
            "tests/test_page.py": "from checkout.cart import PAGE\n\n\ndef test_page():\n    assert PAGE < 20\n",
        },
    )
    proposal, _, requests = ask(draft())
    assert proposal.synthesizer == "offline"
    assert len(requests) == 2
    assert "tests:" in proposal.drafting.rejected[0].reason


@pytest.mark.skipif(unavailable() is not None, reason=f"no sandbox here: {unavailable()}")
def test_a_draft_may_bring_a_test_that_shows_what_it_mends(ask, repo) -> None:
    repo.commit_files(
        "Test the total",
        {
            "pytest.ini": "[pytest]\naddopts = --disable-plugin-autoload\n",
            "tests/test_total.py": "from checkout.cart import total\n\n\ndef test_it():\n    assert total([1]) == 1\n",
        },
    )
    test = "from checkout.cart import PAGE\n\n\ndef test_page():\n    assert PAGE > 1\n"
    proposal, checks, _ = ask(draft(regression_test={"file_path": "tests/test_page.py", "content": test}))
    assert proposal.synthesizer == "openai"
    assert [change.file_path for change in proposal.proposed_solution.code_changes][1] == "tests/test_page.py"
    shown = {check.name: check for check in checks}["regression_test"]
    assert shown.passed, shown


@pytest.mark.parametrize("path", ["checkout/evil.py", ".github/workflows/test_x.py", "elsewhere/tests/test_x.py"])
def test_a_regression_test_lies_where_tests_are(ask, path: str) -> None:
    proposal, _, _ = ask(draft(regression_test={"file_path": path, "content": "def test_x():\n    assert 1\n"}))
    assert proposal.synthesizer == "offline"
