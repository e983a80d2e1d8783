"""What the numbers were taken on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return the CPU, its caches, memory, load, system and time."""
    info = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in info.splitlines())
    lines = {key.strip(): value.strip() for key, _, value in pairs}
    flags = lines.get("flags", "").split()
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = (index / "type").read_text().strip()
        level = (index / "level").read_text().strip()
        if kind != "Instruction":
            caches[f"L{level}"] = (index / "size").read_text().strip()
    memory = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    return {
        "cpu": lines.get("model name", platform.processor()),
        "flags": [flag for flag in wanted if flag in flags],
        "caches": caches,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**20, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
