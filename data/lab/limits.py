"""How much memory a service may use, as a container's limit: enforced by the kernel on its data segment."""

from __future__ import annotations

import resource
from pathlib import Path

MEMORY_MB = 96


def limit_memory(pid: int, megabytes: float) -> bool:
    """Limit what a running process may allocate. False where the system cannot do that to another process."""
    if not hasattr(resource, "prlimit"):
        return False
    _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
    resource.prlimit(pid, resource.RLIMIT_DATA, (int(megabytes * 2**20), hard))
    return True


def memory_in_use_mb(pid: int) -> float:
    """What a process has allocated, counted as the limit counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/{pid}/status does not tell VmData")
