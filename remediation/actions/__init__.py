"""What can be done to the world, one action a module, and the shape they share.

An action is planned before it is applied: the plan shows the whole change and writes nothing anybody can see,
so that checks, the policy and a person can judge it. Two go by pull request, reverting a commit and a patch; every
other remedy is carried out where a platform can, or put to a person.
"""

from __future__ import annotations

from typing import Protocol

from data.domain import Diagnosis, Incident, Noun, PullRequest
from data.proposal import Proposal
from remediation.checks import Check


class Plan(Noun):
    """A change worked out in full and not made: what it is made on, what it would change, what checks say of it."""

    incident_id: str
    branch: str
    base: str
    base_commit: str
    head: str
    title: str
    body: str
    diff: str
    files: tuple[str, ...]
    checks: tuple[Check, ...]


class Action(Protocol):
    """A way of carrying out one kind of remedy."""

    def plan(self, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan:
        """Work the change out. Raises ProposalError where it cannot be made as proposed."""
        ...

    def apply(self, plan: Plan) -> PullRequest:
        """Make the change; made before, the same answer. Raises ActionError where that fails."""
        ...

    def undo(self, applied: PullRequest, because: str) -> PullRequest:
        """Take it back. Raises ActionError where it has gone too far for that."""
        ...
