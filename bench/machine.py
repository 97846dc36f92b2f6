"""What the numbers were measured on."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path


def facts() -> dict[str, str]:
    """Processor, cores, memory, kernel and the versions of what we measure with."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int((_field('/proc/meminfo', 'MemTotal') or '0').split()[0]) // 1024} MiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {metadata.version(name)}" for name in ("uvloop", "httptools", "msgspec")),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def command_line() -> str:
    return " ".join(["python -m bench", *sys.argv[1:]])


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
