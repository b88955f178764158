"""Unusual stretches of time series: detectors behind one protocol, and one that weighs them for each record.

Scores are 0 or more and higher is more suspicious; rows are in order of time. A detector is fitted once, on a
history without labels, and then scores a record in a batch, in a batch with hindsight, or row by row; the first and
the last agree. :mod:`models.catalog` lists the detectors, ``docs/anomaly.md`` says what each is good for.
"""

from models.anomaly.base import Detector, Fitted, Floats, Stream, as_table

__all__ = ["Detector", "Fitted", "Floats", "Stream", "as_table"]
