"""What a model is told: the most telling first, within the budget, and what one section leaves over goes to others."""

from __future__ import annotations

import pytest

from remediation.llm.prompt import Facts, Past, build
from remediation.redact import Vault


def user(incident, diagnosis, facts: Facts, tokens: int = 2000) -> str:
    return build(incident, diagnosis, facts, Vault(), tokens=tokens).user


def test_history_known_issues_and_runbooks_are_told(incident, diagnosis_for) -> None:
    facts = Facts(
        known_issues=("INC-9 about payment is open",),
        history=(Past("INC-1", "checkout slow", "a page of one", "Revert commit abc", 12.4, 0.8),),
        runbooks=("checkout.md, Slow:\nLook at PAGE.",),
    )
    text = user(incident, diagnosis_for("a" * 40), facts)
    assert "INC-9 about payment is open" in text
    assert "INC-1 checkout slow: cause a page of one; fix Revert commit abc; recovered after 12 min" in text
    assert "checkout.md, Slow:\nLook at PAGE." in text


def test_a_budget_is_kept_and_what_is_left_over_is_used(incident, diagnosis_for) -> None:
    lines = "\n".join(f"line {n} of a file that is much longer than its share" for n in range(400))
    facts = Facts(files={"checkout/cart.py": lines})
    text = user(incident, diagnosis_for("a" * 40), facts, tokens=1000)
    assert len(text) < 1000 * 3.5 + 1500, "the template and its fences come on top"
    assert "(more was left out: it did not fit)" in text
    # Its own share is 22 %; the others hardly used theirs.
    assert text.count("line ") * 55 > 0.5 * 1000 * 3.5


def test_files_of_the_blamed_change_come_before_the_others(incident, diagnosis_for) -> None:
    files = {"checkout/blamed.py": "x\n" * 50, "checkout/a.py": "y\n"}
    text = user(incident, diagnosis_for("a" * 40), Facts(files=files))
    assert text.index("--- checkout/blamed.py") < text.index("--- checkout/a.py")


@pytest.mark.parametrize("text", ["ann@example.org", "password=hunter2-secret"])
def test_what_people_wrote_is_redacted_too(incident, diagnosis_for, text: str) -> None:
    facts = Facts(
        runbooks=(f"x.md, Ask:\n{text}",), known_issues=(text,), history=(Past("INC-1", text, text, text, None),)
    )
    assert text.split("=")[-1] not in user(incident, diagnosis_for("a" * 40), facts)
