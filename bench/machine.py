"""The machine of the measurement."""

import os
import platform
from pathlib import Path
from typing import Any


def description() -> dict[str, Any]:
    """Return the processor, the number of usable cores, kernel, Python, and the load of the last minute."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
