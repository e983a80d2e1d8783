"""What an import costs, in fresh interpreters in turns, and how many bytes an installation brings."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from harness.candidates import FRAMEWORKS
from harness.frameworks import variables
from harness.samples import spread
from harness.settings import Settings

IMPORT = """
import json, os, sys, time
os.sched_setaffinity(0, {cpu})
before = time.process_time()
import {module}
spent = time.process_time() - before
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([spent, int(status["VmRSS"].split()[0]) * 1024, getattr({module}, "__version__", "")]))
"""
# The distributions that these ask for, and theirs, without numpy. Compiled Python is not counted.
CLOSURE = r"""
import json, sys
from importlib.metadata import PackageNotFoundError, distribution
try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement
sizes, waiting = {}, sys.argv[1:]
while waiting:
    need = Requirement(waiting.pop())
    name = need.name.replace("_", "-").lower()
    if name in sizes or name == "numpy" or need.marker and not need.marker.evaluate({"extra": ""}):
        continue
    try:
        found = distribution(name)
    except PackageNotFoundError:
        continue
    paths = [path.locate() for path in found.files or [] if path.suffix != ".pyc"]
    sizes[name] = sum(path.stat().st_size for path in paths if path.exists())
    waiting += found.requires or []
print(json.dumps(sizes))
"""
# What `pip install` is told, where that is not the module's name; the first that is there counts.
DISTRIBUTIONS = {
    "penstock": (("penstock", "penstock-kernels-cpu"),),
    "tensorflow": (("tensorflow-cpu",), ("tensorflow",)),
}


def imports(settings: Settings, frameworks: list[str]) -> dict[str, Any]:
    """Measure every framework's import and closure, and NumPy's import, which is part of all of them."""
    cpu = settings.environment.cpus[:1]
    samples: dict[str, list[float]] = {name: [] for name in frameworks}
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for _ in range(settings.effort.rounds + 1):  # the first finds cold files, and is dropped
        with settings.exclusive():
            for name in [n for n in frameworks if n not in failures]:
                code = IMPORT.format(cpu=set(cpu), module=FRAMEWORKS[name].module)
                done = _run(name, settings, code)
                if done.returncode:
                    failures[name] = done.stderr.strip().rpartition("\n")[2]
                    continue
                seconds, memory, version = json.loads(done.stdout.strip().splitlines()[-1])
                samples[name].append(seconds)
                results[name] = {"rss_after_import": memory, "version": version}
    for name in list(results):
        if name in failures:
            del results[name]
            continue
        rounds = samples[name][1:]
        sizes = closure(name, settings)
        results[name] |= {"cpu_rounds": rounds, "cpu": spread(rounds), "closure": sizes}
    return {"clock": "import", "results": results, "failures": failures}


def closure(framework: str, settings: Settings) -> dict[str, int]:
    """Return the bytes of each distribution that an installation brings; empty if it is no installation."""
    for names in DISTRIBUTIONS.get(framework, ((framework,),)):
        done = _run(framework, settings, CLOSURE, *names)
        sizes: dict[str, int] = json.loads(done.stdout) if done.returncode == 0 else {}
        if all(sizes.get(name) for name in names):
            return sizes
    return {}


def _run(
    framework: str, settings: Settings, code: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables(1)}
    if framework != "penstock":
        environment.pop("PYTHONPATH", None)
    command = [settings.environment.pythons[framework], "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
