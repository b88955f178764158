"""What log lines say: which templates they are made of, which of those are new, surge or vanish, and whom errors name.

The way of a line: its :mod:`header <models.logs.header>` is cut off, what varies is :mod:`masked
<models.logs.masking>`, the shapes that are left are counted by the :mod:`miner <models.logs.miner>`, and shapes that
differ only where a variable stands are :mod:`merged <models.logs.merging>` into one template. One configuration
serves all systems; nothing is learnt from labels.
"""

from models.logs.findings import log_findings, log_series
from models.logs.lines import Lines, read_lines

__all__ = ["Lines", "log_findings", "log_series", "read_lines"]
