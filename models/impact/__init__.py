"""How bad an incident is, and how far it reaches."""

from __future__ import annotations

from models.impact.harm import failing_rows, failing_share, slowdown, users_on
from models.impact.learned import ImpactWeights, Measured, shipped_weights, signs_of
from models.impact.radius import anomaly_score, blast_radius, doors_of, severity_of, symptomatic_services
from models.impact.weigh import weigh_impact

__all__ = [
    "ImpactWeights",
    "Measured",
    "anomaly_score",
    "blast_radius",
    "doors_of",
    "failing_rows",
    "failing_share",
    "severity_of",
    "shipped_weights",
    "signs_of",
    "slowdown",
    "symptomatic_services",
    "users_on",
    "weigh_impact",
]
