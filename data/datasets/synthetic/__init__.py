"""Incidents whose cause is known, because they were made: random systems, real queueing, plausible mess.

``synthesize(seed)`` is one incident in memory; :mod:`~data.datasets.synthetic.write` puts it on disk as a bundle.
``docs/synthetic.md`` says what is modelled and what is not; ``docs/experiments.md`` how it compares with public data.
"""

from __future__ import annotations

from data.datasets.synthetic.compose import synthesize
from data.datasets.synthetic.faults import KINDS, NO_INCIDENT
from data.datasets.synthetic.recording import KnownTruth

__all__ = ["KINDS", "NO_INCIDENT", "KnownTruth", "synthesize"]
