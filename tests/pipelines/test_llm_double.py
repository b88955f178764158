"""The double knows what the prompt tells; over the wire its drafts go the way of a model's."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime

import pytest

from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeCandidate,
    ChangeKind,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Incident,
    IncidentStatus,
    Severity,
)
from data.lab.history import HISTORY
from data.lab.repository import build_repository, git
from data.proposal import ApplyPatch, RevertCommit
from pipelines import llm_double
from pipelines.measure_fixes import Draft, Shop, _draft, _judged, rebuild, summary
from remediation.llm.openai_api import OpenAIDrafter
from remediation.synthesize import Synthesizer

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory):
    """The shop with one guilty commit on top, and what would have been recorded of it. Nothing here changes it."""
    folder = tmp_path_factory.mktemp("lab")
    path = folder / "recorded"
    known = build_repository(path, AT, HISTORY)
    target = path / "payment" / "config.toml"
    target.write_text(target.read_text().replace("gateway_timeout_s = 3.0", "gateway_timeout_s = 0.03"))
    git(path, "-c", "user.name=D", "-c", "user.email=d@shop.example", "commit", "-qam", "payment: give up sooner")
    head = git(path, "rev-parse", "HEAD").strip()
    last = HISTORY.commits[-1]
    changes = [
        Change(id=known[last.slug], kind=ChangeKind.commit, timestamp=AT - last.before, summary=last.message),
        Change(
            id=head, kind=ChangeKind.commit, timestamp=AT, service="payment", summary="payment: give up sooner",
            author="Dmitri Volkov", files=("payment/config.toml",), diff=git(path, "show", "--format=", head),
        ),
        Change(id="deploy-payment-2", kind=ChangeKind.deploy, timestamp=AT, service="payment", commit=head),
    ]  # fmt: skip
    shop = rebuild(folder / "rebuilt", changes)
    # The shop's own tests are run on each draft; what happens to be installed beside us need not be loaded for that.
    (shop.path / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    git(shop.path, "add", "pytest.ini")
    git(shop.path, "-c", "user.name=D", "-c", "user.email=d@shop.example", "commit", "-qm", "tests: load no plugins")
    return shop, changes


def diagnosis(*changes: tuple[str, float], no_change: float = 0.1) -> Diagnosis:
    seen = Evidence(id="m1", kind=EvidenceKind.metric, summary="errors rose", source="t", service="payment", score=9.0)
    return Diagnosis(
        candidates=(Candidate(service="payment", probability=0.9, evidence=("m1",)),),
        changes=tuple(ChangeCandidate(id=i, probability=p, evidence=("m1",)) for i, p in changes),
        no_change_probability=no_change, severity=Severity.high, blast_radius=BlastRadius(services=("payment",)),
        anomaly_score=0.9, evidence=(seen,), unseen=(), as_of=AT,
    )  # fmt: skip


def incident() -> Incident:
    alert = Alert(id="a", source="t", service="payment", title="payment fails", fired_at=AT, group="g")
    return Incident(
        id="INC-1", title=alert.title, service="payment", status=IncidentStatus.investigating,
        severity=Severity.high, opened_at=AT, alerts=(alert,),
    )  # fmt: skip


def drafted(answers: str, shop: Shop, changes: list[Change], told: Diagnosis) -> Draft:
    with llm_double.serving(llm_double.ANSWERS[answers]) as url:
        model = Synthesizer((OpenAIDrafter("none", "double", url, timeout_s=20.0),), tries=1)
        return _draft(model, incident(), told, [shop.renamed(change) for change in changes], shop)


def test_a_recorded_shop_is_built_again(lab) -> None:
    shop, changes = lab
    assert shop.ids[changes[0].id] == changes[0].id, "the same history at the same time has the same commits"
    assert "0.03" in (shop.path / "payment" / "config.toml").read_text()
    assert shop.renamed(changes[2]).commit == shop.ids[changes[1].id]


def test_the_likeliest_change_is_put_back_line_by_line(lab) -> None:
    shop, changes = lab
    guilty = shop.ids[changes[1].id]
    draft = drafted("revert", shop, changes, diagnosis((guilty, 0.9)))
    assert isinstance(draft.proposal.remedy, ApplyPatch)
    verdict = _judged(draft, {guilty}, ["payment"], shop)
    assert (verdict["verdict"], verdict["by"], verdict["required_pass"]) == ("right", "openai", True)
    other = shop.ids[changes[0].id]
    assert _judged(draft, {other}, ["payment"], shop)["verdict"] == "wrong", "it restores something else"


def test_of_a_deploy_the_commit_that_it_carried_is_put_back(lab) -> None:
    shop, changes = lab
    prompt = _prompt(diagnosis(("deploy-payment-2", 0.9)), [shop.renamed(change) for change in changes])
    (edit,) = llm_double.reverting(prompt)["proposed_solution"]["code_changes"]
    assert edit["file_path"] == "payment/config.toml"
    assert "gateway_timeout_s = 0.03" in edit["old_content_snippet"]
    assert "gateway_timeout_s = 3.0" in edit["new_content_snippet"]


def test_the_double_edits_nothing_where_no_change_is_likelier(lab) -> None:
    shop, changes = lab
    told = diagnosis((shop.ids[changes[1].id], 0.3), no_change=0.7)
    answer = llm_double.reverting(_prompt(told, [shop.renamed(change) for change in changes]))
    assert answer["proposed_solution"]["code_changes"] == []
    assert answer["root_cause_analysis"]["summary"].endswith("[m1].")


def _prompt(told: Diagnosis, changes: list[Change]) -> str:
    from remediation.llm.prompt import Facts, build
    from remediation.redact import Vault

    return build(incident(), told, Facts(changes=changes), Vault()).user


def test_a_harmful_double_gets_nothing_through(lab) -> None:
    shop, changes = lab
    draft = drafted("harm", shop, changes, diagnosis((shop.ids[changes[1].id], 0.9)))
    assert isinstance(draft.proposal.remedy, RevertCommit)
    assert draft.proposal.synthesizer == "offline"
    assert "destructive" in draft.proposal.drafting.rejected[0].reason


def test_the_wire_is_that_of_chat_completions() -> None:
    with llm_double.serving(llm_double.writing) as url:
        body = json.dumps({"messages": [{"role": "user", "content": "nothing"}]}).encode()
        request = urllib.request.Request(f"{url}/chat/completions", data=body)
        reply = json.loads(urllib.request.urlopen(request, timeout=10).read())
    assert json.loads(reply["choices"][0]["message"]["content"])["proposed_solution"]["code_changes"] == []


def test_verdicts_are_counted() -> None:
    rows = [{"guilty_change": True, "offline": {"verdict": "right"}, "model": {"verdict": "nothing proposed"}}]
    assert "| offline | a change | 1 | 0 | 0 | 0 | 0 |" in summary(rows)
    assert "| model | a change | 0 | 0 | 0 | 0 | 1 |" in summary(rows)
