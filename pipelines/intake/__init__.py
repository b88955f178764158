"""From what a monitoring vendor posts to our own :class:`~data.domain.Alert`; one vendor a file.

What a vendor sends is untrusted text. It stays data: cleaned of control characters, cut at a stated length
(:mod:`pipelines.intake.text`), never interpreted. An alert about no service we can name is not lost: it is
about :data:`UNKNOWN_SERVICE`, and ``extra["intake_notes"]`` says so, as it says of every other guess.
"""

from pipelines.intake.from_alertmanager import alertmanager
from pipelines.intake.from_datadog import datadog
from pipelines.intake.text import UNKNOWN_SERVICE

__all__ = ["UNKNOWN_SERVICE", "alertmanager", "datadog"]
