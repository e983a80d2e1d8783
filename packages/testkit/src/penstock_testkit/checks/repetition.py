"""The same bits again: on repeats, with other numbers of threads, and while other threads call the op too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from penstock.runtime import threads
from penstock_testkit.compare import same_bits
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance

_THREADS = (1, 2, 5)


def repeats_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Call the op again, and with other numbers of threads."""
    for case in group.cases:
        inputs = case.tensors()
        case.reseed()
        first = case(*inputs)
        for _ in range(group.level.repeats - 1):
            case.reseed()
            same_bits(case(*inputs), first, f"{case!r}: repeated")
        for count in _THREADS:
            with threads(count):
                case.reseed()
                same_bits(case(*inputs), first, f"{case!r}: with {count} threads")


def threads_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Call the op from several threads at once."""
    if group.block.schema.effects == "random":
        return  # they share one stream, so what each gets depends on who is first
    cases = group.cases
    inputs = [case.tensors() for case in cases]
    expected = [case(*values) for case, values in zip(cases, inputs, strict=True)]
    together = Barrier(group.level.workers)

    def work(worker: int) -> None:
        together.wait()
        for k in range(len(cases)):
            i = (k + worker) % len(cases)
            what = f"{cases[i]!r}: called by {group.level.workers} threads at once"
            same_bits(cases[i](*inputs[i]), expected[i], what)

    with ThreadPoolExecutor(group.level.workers) as pool:
        for done in [pool.submit(work, w) for w in range(group.level.workers)]:
            done.result()
