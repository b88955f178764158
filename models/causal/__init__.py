"""Whose own disturbance is it that the alerting service suffers? Attribution over the call graph.

Services are taken for a structural causal model: what a service shows (its latency, or its share of failures) is
made by its callees and by a disturbance of its own. Fitted on normal data, the model splits what the alerting service
suffers among the disturbances (Budhathoki et al., "Causal structure-based root cause analysis of outliers", ICML
2022; Budhathoki et al., "Why did the distribution change?", AISTATS 2021).

``linear`` does it in closed form in milliseconds; ``dowhy_gcm`` with dowhy's mechanisms and Shapley values, in
seconds, within a time budget. Both need a call graph, one comparable series a service, and enough normal data.
``docs/experiments.md`` says what they give.
"""

from __future__ import annotations

from models.causal.linear import linear_contributions
from models.causal.nodes import Nodes, nodes_of

__all__ = ["Nodes", "linear_contributions", "nodes_of"]
