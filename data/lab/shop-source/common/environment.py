"""What a service is told by whoever starts it."""

import os
from pathlib import Path

SERVICE = os.environ["SHOP_SERVICE"]
INSTANCE = os.environ["SHOP_INSTANCE"]
PORT = int(os.environ["SHOP_PORT"])
# Everything that outlives a process: addresses/, config/, volumes/, telemetry/.
STATE = Path(os.environ["SHOP_STATE"])
INTERVAL_S = float(os.environ.get("SHOP_METRIC_INTERVAL_S", "5"))


def volume():
    """The folder this service keeps its data in."""
    path = STATE / "volumes" / SERVICE
    path.mkdir(parents=True, exist_ok=True)
    return path
