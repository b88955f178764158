"""What a service has against what it needs: sizes, idle services, slow queries, pools and caches. Pure: series in.

Every finding is an :class:`~models.optimize.opportunity.Opportunity`; what could not be judged is a sentence beside
them. Nothing here knows a price.
"""

from __future__ import annotations

from models.optimize.opportunity import Looked, Opportunity, OpportunityKind

__all__ = ["Looked", "Opportunity", "OpportunityKind"]
