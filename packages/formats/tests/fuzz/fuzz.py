"""Feed a reader damaged files, for some time, with bounds on time and memory.

    python fuzz.py tflite --seconds 60 --found FOLDER

With atheris installed the files are grown by what code they reach, else they are drawn blindly. A reader may return,
or raise a PenstockError. Everything else is a finding: another exception, a crash, more than 10 s of computing for a file, or more
than 1 GiB. Each is kept once, under the name of what happened and where.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path


def keep(found: Path, name: str, wrong: str, data: bytes) -> None:
    """Keep the smallest file of each kind of finding."""
    path = found / f"{name}-{wrong}"
    if not path.exists() or path.stat().st_size > len(data):
        print(f"{name}: {wrong}, {len(data)} bytes", flush=True)
        path.write_bytes(data)


def watch(name: str, args: argparse.Namespace) -> int:
    """Run a child until the time is over, begin anew after crashes, and return how many files were read."""
    found: Path = args.found
    end, total, seed = time.monotonic() + args.seconds, 0, 1
    while (left := end - time.monotonic()) > 1:
        with tempfile.TemporaryDirectory() as work:
            command = [sys.executable, __file__, name, *sys.argv[1:], "--child", work]
            command += ["--seconds", str(left), "--found", str(found), "--seed", str(seed)]
            ended = subprocess.run(command, check=False, capture_output=True, text=True)
        print(ended.stdout, end="")
        last, counted = found / f"{name}-last", found / f"{name}-count"
        total += int(counted.read_text()) if counted.exists() else 0
        if ended.returncode and last.exists():
            slow = "Timeout" in ended.stderr or ended.returncode == -signal.SIGVTALRM
            keep(found, name, "timeout" if slow else f"exit{ended.returncode}", last.read_bytes())
            (found / f"{name}-log").write_text(ended.stderr[-20_000:])
        elif ended.returncode:
            sys.exit(ended.stderr)
        counted.unlink(missing_ok=True)
        last.unlink(missing_ok=True)
        if args.replay:
            break
        seed += 1
    return total


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="readers; by default all")
    parser.add_argument("--seconds", type=float, default=60, help="for each reader")
    parser.add_argument("--found", type=Path, default=Path("found"), help="where findings are kept")
    parser.add_argument("--blind", action="store_true", help="draw files even if atheris is there")
    parser.add_argument("--replay", action="store_true", help="read the corpus alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.names[0], args)
        return
    from fuzz_targets import TARGETS  # not in a child, which watches what is imported

    args.found = args.found.resolve()
    args.found.mkdir(parents=True, exist_ok=True)
    before = set(args.found.glob("*"))
    for name in args.names or TARGETS:
        print(f"{name}: {watch(name, args):,} files", flush=True)
    if set(args.found.glob("*")) - before:
        sys.exit(f"there are findings in {args.found}")


def child(name: str, args: argparse.Namespace) -> None:
    """Feed one reader."""
    faulthandler.enable()
    work, grown = args.child / "files", args.child / "grown"
    work.mkdir()
    grown.mkdir()
    keep_one = partial(keep, args.found, name)
    if args.replay or args.blind or importlib.util.find_spec("atheris") is None:
        from fuzz_reader import Run, draw, replay

        run = Run(name, args.found, work, keep_one)
        if args.replay:
            replay(run)
        else:
            draw(run, args.seconds, args.seed)
        return
    import atheris

    import penstock  # noqa: F401 - what is there already is not watched: ops are no readers

    with atheris.instrument_imports(
        include=["penstock_formats", "penstock.saved", "penstock.safetensors"]
    ):
        from fuzz_reader import Run, grow

        run = Run(name, args.found, work, keep_one)
    grow(run, args.seconds, args.seed, grown)


if __name__ == "__main__":
    main()
