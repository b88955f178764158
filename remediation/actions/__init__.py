"""What can be done to the world, one action or platform a module, and the two shapes they share.

What changes files goes by pull request (:class:`Action`): reverting a commit, a patch, putting back a setting that is
kept in the repository. What changes a running system goes by its :class:`Platform`: a setting, a flag, a restart,
replicas, the release before. Everything is planned before it is made, and the plan shows the whole change and writes
nothing anybody can see, so that checks, the policy and a person can judge it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from data.action import Operation
from data.domain import Change, Diagnosis, Incident, Noun, PullRequest
from data.proposal import Proposal, Remedy
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
    """A way of carrying out one kind of remedy by pull request."""

    def branch_of(self, incident: Incident, proposal: Proposal) -> str:
        """The branch its change lives on: known before any work is done, so that work done is found again."""
        ...

    def plan(self, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan:
        """Work the change out. Raises ProposalError where it cannot be made as proposed."""
        ...

    def apply(self, plan: Plan) -> PullRequest:
        """Make the change; made before, the same answer. Raises ActionError where that fails."""
        ...


class Platform(Protocol):
    """Where services run. Every method raises ActionError, saying why and what to do, where it cannot do as asked."""

    def plan(self, remedy: Remedy) -> Operation:
        """Work out what ``remedy`` means here. Writes nothing."""
        ...

    def rehearse(self, operation: Operation) -> None:
        """A dry run: as much of :meth:`apply` as can be tried without its effect."""
        ...

    def apply(self, operation: Operation) -> tuple[Change, ...]:
        """Do it, where things are as planned; done before, it changes nothing more. Its reverse takes it back."""
        ...

    def go_on(self, operation: Operation) -> tuple[Change, ...]:
        """Do everywhere what was tried on a part first (:attr:`Operation.canary`)."""
        ...

    def missing(self, operation: Operation) -> str | None:
        """What is not yet as the operation was to leave it; None once it is in place."""
        ...


class Deploys(Protocol):
    """Where what was merged is ours to bring to where it runs."""

    def deploy(self, before_each: Callable[[str], None]) -> tuple[Change, ...]:
        """Deploy the newest commit to every service whose code it changes; one deploy for each, or none.

        ``before_each`` is called with a service's name right before that is touched. Raising, it halts there: a stop
        takes hold between two services, too.
        """
        ...
