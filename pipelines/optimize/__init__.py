"""Review what services have against what they need, and put what could be better to the approval path.

review = review_telemetry(telemetry, prices)         # opportunities with savings, and what could not be judged
advise(review, policy, environment)                  # each as a Proposal with a decision; writes nothing
offer(review, files, begin, environment)             # each as a low-severity incident, through the usual flow
"""

from __future__ import annotations

from pipelines.optimize.offer import offer
from pipelines.optimize.prices import Prices, load_prices
from pipelines.optimize.review import Advice, Advised, Review, advise, review_telemetry

__all__ = ["Advice", "Advised", "Prices", "Review", "advise", "load_prices", "offer", "review_telemetry"]
