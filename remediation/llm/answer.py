"""What a model is asked to fill in: the seed's schema without anything it may not decide."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import ProposalError
from data.proposal import CodeChange, ConfigurationChange, SolutionType

MAX_ANSWER = 200_000


class _Part(BaseModel):
    # Models add keys: a confidence, a severity, an action to take. They are not read.
    model_config = ConfigDict(frozen=True, extra="ignore", str_max_length=20_000)


class Analysis(_Part):
    summary: str = Field(min_length=1)
    details: str = ""
    factors_contributing: tuple[str, ...] = Field(default=(), max_length=20)


class RegressionTest(_Part):
    """A new test that fails without the changes and passes with them; no path where none can be written."""

    file_path: str = ""
    content: str = ""


class Solution(_Part):
    type: SolutionType
    summary: str = Field(min_length=1)
    code_changes: tuple[CodeChange, ...] = Field(default=(), max_length=20)
    configuration_changes: tuple[ConfigurationChange, ...] = Field(default=(), max_length=20)
    regression_test: RegressionTest = RegressionTest()
    rollback_instructions: str = ""
    verification_steps: tuple[str, ...] = Field(default=(), max_length=20)
    estimated_impact: str = ""
    risk_assessment: str = ""
    references: tuple[str, ...] = Field(default=(), max_length=20)


class Answer(_Part):
    """A model's draft."""

    root_cause_analysis: Analysis
    proposed_solution: Solution
    additional_recommendations: tuple[str, ...] = Field(default=(), max_length=20)


def parse(text: str) -> Answer:
    """The answer in ``text``; a Markdown fence around it is forgiven.

    Raises:
        ProposalError: it is not JSON of this schema; the first place at fault is named.
    """
    if len(text) > MAX_ANSWER:
        raise ProposalError(f"the answer is longer than {MAX_ANSWER} characters")
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n```\s*", text, re.DOTALL)
    try:
        raw = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as failed:
        raise ProposalError(f"the answer is not JSON: {str(failed)[:120]}") from failed
    try:
        return Answer.model_validate(_tidied(raw))
    except ValidationError as failed:
        first = failed.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise ProposalError(f"the answer does not fit the schema: {where}: {first['msg']}") from failed


def _tidied(raw: Any) -> Any:
    """Without the keys that a change does not have: the nouns themselves refuse what they do not know."""
    solution = raw.get("proposed_solution") if isinstance(raw, dict) else None
    if not isinstance(solution, dict):
        return raw
    tidy = dict(solution)
    for key, kind in (("code_changes", CodeChange), ("configuration_changes", ConfigurationChange)):
        if isinstance(tidy.get(key), list):
            known = set(kind.model_fields)
            tidy[key] = [{k: v for k, v in e.items() if k in known} if isinstance(e, dict) else e for e in tidy[key]]
    return {**raw, "proposed_solution": tidy}


def schema() -> dict[str, Any]:
    """The schema as shown to a model: JSON Schema, plain enough for every provider."""
    text = {"type": "string"}
    texts = {"type": "array", "items": text}

    def of(properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
        }  # fmt: skip

    actions = ["replace", "insert_before", "insert_after", "delete", "create_file", "delete_file"]
    code = of(
        {
            "file_path": text,
            "old_content_snippet": text,
            "new_content_snippet": text,
            "action": {"type": "string", "enum": actions},
        }
    )
    setting = of({"path": text, "key": text, "value": text, "action": {"type": "string", "enum": ["set", "remove"]}})
    return of(
        {
            "root_cause_analysis": of({"summary": text, "details": text, "factors_contributing": texts}),
            "proposed_solution": of(
                {
                    "type": {"type": "string", "enum": [kind.value for kind in SolutionType]},
                    "summary": text,
                    "code_changes": {"type": "array", "items": code},
                    "configuration_changes": {"type": "array", "items": setting},
                    "regression_test": of({"file_path": text, "content": text}),
                    "rollback_instructions": text,
                    "verification_steps": texts,
                    "estimated_impact": text,
                    "risk_assessment": text,
                    "references": texts,
                }
            ),
            "additional_recommendations": texts,
        }
    )
