"""One process that feeds one reader: bounds on time and memory, and what counts as a finding."""

from __future__ import annotations

import faulthandler
import random
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fuzz_mutations import LARGEST_FILE, mutated
from fuzz_targets import CORPUS, TARGETS, Target

from penstock.errors import OutOfMemoryError, PenstockError

SECONDS_PER_FILE: Final = 10  # of computing; the machine may be busy
SECONDS_OF_WAITING: Final = 60
BYTES: Final = 1 << 30

# Keeps a finding: its kind and the file.
Keep = Callable[[str, bytes], None]


def limit_memory() -> None:
    """Let this process have 1 GiB more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def what_happened(error: BaseException) -> str:
    """Name an error and the innermost place of ours that it came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/penstock" in f.filename]
    where = f"{Path(frames[-1].filename).stem}_{frames[-1].name}" if frames else "outside"
    return f"{type(error).__name__}-{where.strip('<>')}"


def one(target: Target, data: bytes, folder: Path) -> str | None:
    """Read one file; return what was wrong, or None."""
    path = folder / target.file
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_PER_FILE)
    faulthandler.dump_traceback_later(SECONDS_OF_WAITING, exit=True)
    try:
        target.read(path)
    except OutOfMemoryError as error:
        return what_happened(error)
    except PenstockError:
        return None
    except Exception as error:
        return what_happened(error)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return None


class Run:
    """One process that feeds one reader.

    Args:
        name: The target.
        found: Where findings are kept.
        work: Where files are written.
        keep: Keeps a finding.
    """

    def __init__(self, name: str, found: Path, work: Path, keep: Keep) -> None:
        self.target, self.name, self._work, self._keep = TARGETS[name], name, work, keep
        self._last, self._count_file = found / f"{name}-last", found / f"{name}-count"
        self.count = 0
        warnings.simplefilter("ignore")
        self.target.beside(work)
        for data in self.target.seeds():  # imports all that is needed, before there are limits
            path = work / self.target.file
            path.write_bytes(data)
            self.target.read(path)
        faulthandler.register(signal.SIGVTALRM, chain=True)
        limit_memory()

    def feed(self, data: bytes) -> None:
        """Read one file, and keep it if something is wrong."""
        self._last.write_bytes(data)  # what the parent keeps if this process ends here
        wrong = one(self.target, data, self._work)
        self.count += 1
        if wrong is not None:
            self._keep(wrong, data)
        if self.count % 32 == 0:
            self.report()

    def report(self) -> None:
        """Tell the parent how many files were read."""
        self._count_file.write_text(str(self.count))

    def corpus(self) -> list[bytes]:
        """Return what was a finding once."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).glob("*"))]

    def starts(self) -> list[bytes]:
        """Return the good files, and findings but those that took all their time: what is made of them does too."""
        kept = sorted((CORPUS / self.name).glob("*"))
        quick = [path.read_bytes() for path in kept if not path.name.startswith("timeout")]
        return [*self.target.seeds(), *quick]


def replay(run: Run) -> None:
    """Feed what the corpus keeps."""
    for data in run.corpus():
        run.feed(data)
    run.report()


def draw(run: Run, seconds: float, seed: int) -> None:
    """Feed drawn files until the time is over."""
    rng, end = random.Random(seed), time.monotonic() + seconds
    starts = run.starts()
    while time.monotonic() < end:
        run.feed(mutated(rng, starts))
    run.report()


def grow(run: Run, seconds: float, seed: int, work: Path) -> None:
    """Feed what atheris makes of the corpus in `work`; ends the process."""
    import atheris

    for i, data in enumerate(run.starts()):
        (work / str(i)).write_bytes(data)
    times = [f"-max_total_time={max(1, int(seconds))}", f"-seed={seed}", "-timeout=60"]
    quiet = [
        "-verbosity=0",
        "-rss_limit_mb=0",
        f"-max_len={LARGEST_FILE}",
        f"-artifact_prefix={work}/",
    ]
    atheris.Setup([run.name, *times, *quiet, str(work)], run.feed)
    atheris.Fuzz()
