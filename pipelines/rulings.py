"""What the policy is asked about an incident, what it answers, and a record of both that can be played again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from data import audit
from data.domain import Decision, IncidentStatus, Noun, Outcome, PullRequest, now
from data.excerpt import Topology
from data.proposal import Proposal
from data.store import Store
from data.topology import ServiceGraph
from pipelines.casefile import CaseFiles
from pipelines.track_record import track_record
from remediation import execute
from remediation.approval import Approval, distinct
from remediation.policy import (
    ActionKind,
    ActionRequest,
    Policy,
    TrackRecord,
    approvals_needed,
    decide,
    matching_rule,
    reaching,
)

# A line that looks like a file's name in a diff and is none can only make an answer stricter.
_FILE = re.compile(r"^(?:---|\+\+\+) \"?[ab]/([^\n\t\"]+)", re.MULTILINE)


class Ruling(Noun):
    """One question to the policy, with everything the answer rested on, and the answer.

    ``approvals``: how many people have to approve before it is done; 0 where no approval would do.
    """

    request: ActionRequest
    decision: Decision
    approvals: int = 1


class Approvals(Noun):
    """Who has approved what waits for approval, the first first, and how many have to."""

    people: tuple[str, ...]
    needed: int


@dataclass(frozen=True)
class Rulings:
    """The policy in force, asked about incidents."""

    files: CaseFiles
    policy: Policy

    def request(self, incident_id: str, action: ActionKind | str, paths: Sequence[str] | None = None) -> ActionRequest:
        """What the policy is asked. ``paths`` None are those of the pull request, where it is asked to be merged."""
        store = self.files.store
        incident, diagnosis = store.incident(incident_id), self.files.diagnosis(incident_id)
        kind = ActionKind(action)
        asked = execute.action_request(
            kind, incident, diagnosis, self.files.proposal(incident_id), recent_actions=self._recent(kind)
        )
        if paths is None:
            # Deploying or taking back what was merged touches nothing that was not decided on then.
            paths = self._touched(incident_id) if kind is ActionKind.merge else ()
        tiers, record = self.policy.tiers, TrackRecord()
        if tiers.can_be_earned:  # else reading every incident of the time would make no difference
            record = track_record(store, asked.action, asked.service, at=asked.at, days=tiers.days)
        return reaching(
            asked.model_copy(update={"paths": tuple(paths), "record": record}), graph_of(store, incident_id)
        )

    def decide(self, incident_id: str, action: ActionKind | str, paths: Sequence[str] | None = None) -> Decision:
        """Ask the policy, and keep what was asked and answered."""
        request = self.request(incident_id, action, paths)
        decision = decide(self.policy, request)
        rule = matching_rule(self.policy, request)
        needed = approvals_needed(self.policy, rule, request) if rule and decision.outcome is not Outcome.refuse else 0
        self.files.store.put(incident_id, Ruling(request=request, decision=decision, approvals=needed))
        self.files.store.put(incident_id, decision)
        return decision

    def question(self, incident_id: str) -> ActionKind:
        """What a person's yes would let happen: the merge of the pull request, else the remedy itself."""
        if self.files.store.latest(incident_id, PullRequest) is not None:
            return ActionKind.merge
        kind = self.files.proposal(incident_id).remedy.kind
        return ActionKind(kind) if kind in set(ActionKind) else ActionKind.merge

    def _touched(self, incident_id: str) -> list[str]:
        """The files of the pull request, as they were planned and as its diff names them."""
        pull_request = self.files.store.latest(incident_id, PullRequest)
        asked = [ruling.request for ruling in self.files.store.all(incident_id, Ruling)]
        planned = {
            path for request in asked if request.action is ActionKind.open_pull_request for path in request.paths
        }
        return sorted(planned | set(_FILE.findall(pull_request.diff if pull_request else "")))

    def _recent(self, action: ActionKind) -> int:
        """What counts against the budget: what a rule did, not a person, in the last hour.

        Pull requests count apart, and so do deploys: what was merged should not be left half done.
        """
        apart = {ActionKind.open_pull_request, ActionKind.deploy, ActionKind.undo}
        kinds = {action} if action in apart else set(ActionKind) - apart
        rules, since = {rule.name for rule in self.policy.rules}, now() - timedelta(hours=1)
        return audit.count(self.files.store.engine, *(kind.value for kind in kinds), since=since, actors=rules)


def approvals_of(store: Store, incident_id: str) -> Approvals | None:
    """Who has approved the proposal in force, and how many have to; None where nothing waits for a person."""
    proposal = store.latest(incident_id, Proposal)
    asked = [each for each in store.all(incident_id, Ruling) if each.request.action is not ActionKind.open_pull_request]
    if proposal is None or not asked or store.incident(incident_id).status is not IncidentStatus.awaiting_approval:
        return None
    given = [approval for approval in store.all(incident_id, Approval) if approval.proposal_id == proposal.id]
    return Approvals(people=distinct(approval.by for approval in given), needed=asked[-1].approvals)


def graph_of(store: Store, incident_id: str) -> ServiceGraph:
    """Who called whom when the incident was investigated."""
    seen = store.latest(incident_id, Topology)
    if seen is None:
        return ServiceGraph()
    return ServiceGraph([(edge.caller, edge.callee) for edge in seen.edges], [node.id for node in seen.nodes])
