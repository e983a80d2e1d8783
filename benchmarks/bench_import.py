"""What `import penstock` costs beyond `import numpy`: CPU seconds of fresh interpreters, in turns.

python benchmarks/bench_import.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 15


def cpu_seconds(statement: str) -> float:
    """Run one statement in a fresh interpreter and return its user and system time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print both and their difference."""
    statements = ("import numpy", "import penstock")
    samples: dict[str, list[float]] = {s: [] for s in statements}
    for _ in range(ROUNDS):
        for statement in statements:
            samples[statement].append(cpu_seconds(statement))
    for statement, seconds in samples.items():
        print(
            f"{statement:<16} {statistics.median(seconds):.3f} s  [{min(seconds):.3f} .. {max(seconds):.3f}]"
        )
    numpy, penstock = (statistics.median(samples[s]) for s in statements)
    print(f"difference       {penstock - numpy:.3f} s")


if __name__ == "__main__":
    main()
