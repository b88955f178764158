"""Puts a fault in after a while, when whoever asked for it has gone: ``python -m data.lab.fuse STATE FAULT SECONDS``.

Only for faults that no change causes. :func:`data.lab.breaking.break_` starts it, and ``heal`` puts it out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from data.lab.faults import FAULTS
from data.lab.lab import Lab


def main(state_dir: str, name: str, delay_s: str) -> None:
    time.sleep(float(delay_s))
    fault = FAULTS[name]
    fault.means.inject(Lab(Path(state_dir)), fault, 0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
