"""The exception tree. Each error names its reader, and every message says what to do next.

    QaiError
    ├── ConfigError          the operator: a setting is missing, malformed or contradictory
    ├── InputError           the caller: a payload, file or argument cannot be understood
    ├── SourceError          the on-call engineer: telemetry could not be seen
    │   ├── SourceTimeout        no answer before the deadline
    │   ├── SourceDenied         credentials missing, wrong or without the right scope
    │   └── SourceMalformed      an answer that is not what the vendor documents
    ├── ModelError           the ML engineer: a model cannot be loaded or cannot score this input
    ├── ProposalError        the reviewer: no safe proposal could be made
    ├── PolicyError          the platform team: a policy is invalid, or refuses
    ├── ActionError          the approver: a change to the world could not be made or undone
    │   └── StoppedError         an emergency stop stands: nothing is written until it is lifted
    └── StoreError           the operator: stored state is missing or contradicts itself

A vendor's own exceptions are mapped to these once, in the module that talks to that vendor.
"""

from __future__ import annotations


class QaiError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(QaiError):
    """A setting is missing, malformed or contradictory."""


class InputError(QaiError):
    """A payload, file or argument cannot be understood; ``field`` names the part at fault."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class SourceError(QaiError):
    """Telemetry could not be read from a source."""


class SourceTimeout(SourceError):
    """A source gave no answer before its deadline."""


class SourceDenied(SourceError):
    """A source refused our credentials."""


class SourceMalformed(SourceError):
    """A source answered with something other than what its vendor documents."""


class ModelError(QaiError):
    """A model cannot be loaded, or cannot score this input."""


class ProposalError(QaiError):
    """No safe proposal could be made from the evidence."""


class PolicyError(QaiError):
    """A policy file is invalid, or the policy refuses."""


class ActionError(QaiError):
    """A change to the world could not be made, or could not be undone."""


class StoppedError(ActionError):
    """An emergency stop stands, so nothing was written."""


class StoreError(QaiError):
    """Stored state is missing or contradicts itself."""
