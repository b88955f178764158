"""Attribution: what a causal model of the calls says of an incident, told beside the ranking and never part of it.

Where a call graph and enough normal data exist, dowhy is asked within a time budget whose mechanism changed and whose
disturbance makes the alerting service unusual (``models/causal``). The answers become evidence of a source of their
own; no probability changes, since alone they find the cause less often than the ranking (``docs/experiments.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from data.domain import Alert, Diagnosis, Evidence, EvidenceKind
from data.errors import ModelError
from data.telemetry import Telemetry
from models.causal import Nodes, nodes_of
from models.causal.dowhy_gcm import BUDGET_S, Contributions, Question, gcm_contributions, require_dowhy
from pipelines.investigate import look_around

SOURCE = "causal"
# Services told of for each question, and the least share of all that speaks for them.
MOST_TOLD = 3
LEAST_SHARE = 0.1
SENTENCES = {
    Question.change: "{service} itself changed: that accounts for {share:.0%} of what changed at {target}",
    Question.anomaly: "a disturbance of {service} itself accounts for {share:.0%} of what is unusual at {target}",
}
Ask = Callable[[Nodes], Mapping[Question, Contributions]]


def with_attribution(
    diagnosis: Diagnosis, alert: Alert, telemetry: Telemetry, *, budget_s: float = BUDGET_S, ask: Ask | None = None
) -> Diagnosis:
    """``diagnosis`` with what a causal model says among its evidence, or why it says nothing.

    Args:
        budget_s: of the clock, for dowhy; what does not end in time is left out.
        ask: who is asked in place of dowhy.

    Raises:
        ConfigError: without the extra ``causal``.
    """
    if ask is None:
        require_dowhy()
        ask = partial(gcm_contributions, budget_s=budget_s)
    nodes = _nodes(diagnosis, alert, telemetry)
    told: tuple[Evidence, ...]
    if nodes is None:
        told = (_silent("it needs a call graph, a comparable series of most services, and thirty normal samples"),)
    else:
        told = tuple(_told(nodes, ask, budget_s))
    return diagnosis.model_copy(update={"evidence": (*diagnosis.evidence, *told)})


def attributed(diagnosis: Diagnosis) -> tuple[Evidence, ...]:
    """What a causal model said, if one was asked."""
    return tuple(item for item in diagnosis.evidence if item.source == SOURCE)


def _nodes(diagnosis: Diagnosis, alert: Alert, telemetry: Telemetry) -> Nodes | None:
    """From metrics or, where these do not suffice, from spans, as they look from the onset that was settled on."""
    seen = telemetry.before(diagnosis.as_of)
    graph, views, _ = look_around(alert, seen, diagnosis.as_of)
    view = next((view for view in views if view.onset.at == diagnosis.onset), views[0])
    found = (nodes_of(alert, graph, block.metrics, view.period) for block in view.blocks)
    return next((nodes for nodes in found if nodes is not None), None)


def _told(nodes: Nodes, ask: Ask, budget_s: float) -> Iterator[Evidence]:
    try:
        answers = ask(nodes)
    except ModelError as error:
        yield _silent(str(error))
        return
    for question, contributions in answers.items():
        yield from _sentences(question, contributions, nodes.target)
    if len(answers) < len(Question):
        yield _silent(f"{len(Question) - len(answers)} of {len(Question)} questions took longer than {budget_s:g} s")


def _sentences(question: Question, contributions: Contributions, target: str) -> Iterator[Evidence]:
    """Of those that made it worse, the ones that made most of it."""
    whole = sum(max(value, 0.0) for value in contributions.values())
    for service, value in sorted(contributions.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_TOLD]:
        if whole > 0 and value / whole >= LEAST_SHARE:
            share = value / whole
            yield Evidence(
                id=f"causal-{question}-{service}", kind=EvidenceKind.topology, service=service, source=SOURCE,
                score=share, summary=SENTENCES[question].format(service=service, share=share, target=target),
                detail={"question": question.value, "contribution": value},
            )  # fmt: skip


def _silent(why: str) -> Evidence:
    return Evidence(
        id="causal-missing", kind=EvidenceKind.missing, source=SOURCE, summary=f"no causal attribution: {why}"
    )
