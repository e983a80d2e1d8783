"""How many of the examples there is time for."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

from penstock_models.data.audit import Finding
from penstock_models.data.examples import Examples
from penstock_models.data.splits import Splits
from penstock_models.finetune.choices import spoken
from penstock_models.finetune.run import Run

# What the probe may take of all time, and judging at the end.
PROBE_PART, TEST_PART = 0.4, 0.2
TRIED = 8
LEAST_OF_CLASS = 3
# Judging at the end answers about this often: with and without training, in floats and in integers.
ANSWERS = 4


def cut_to_time(run: Run, model: Any) -> None:
    """Leave examples out if the time is too short for all of them; a run that goes on or is replayed leaves out the same.

    Args:
        run: The run; its splits are cut.
        model: The model, to see how fast it answers.
    """
    done = run.folder.done("amount") or run.replay_of("amount")
    if done is None:
        done = _amount(run, model)
    if run.folder.done("amount") is None:
        run.folder.finish_step("amount", done)
    before = run.splits
    if done["train"] == done["test"] == 1.0:
        return
    run.splits = replace(
        before,
        train=_part(before, before.train, done["train"]),
        validation=_part(before, before.validation, done["train"]),
        test=_part(before, before.test, done["test"]),
    )
    left = sum(len(part) for part in run.splits.parts().values())
    every = sum(len(part) for part in before.parts().values())
    sentence = (
        f"There is time for {left:,} of {every:,} examples; the others are left out. For all of them give about "
        f"--time {done['needs_minutes']}m."
    )
    run.audit = run.audit.with_findings([Finding("warning", sentence)])
    run.teller.say(f"warning: {sentence}", "yellow")


def _amount(run: Run, model: Any) -> dict[str, Any]:
    splits, seconds = run.splits, run.choices.seconds
    some = list(splits.train.inputs[:TRIED])
    answer = model.found if splits.kind == "detection" else model.probabilities
    answer(some)  # traces
    began = time.monotonic()
    answer(some)
    each = (time.monotonic() - began) / len(some)
    probing = each * (len(splits.train) + 2 * len(splits.validation))
    judging = each * ANSWERS * len(splits.test)
    needs = max(probing / PROBE_PART, judging / TEST_PART) / 60
    run.teller.say(
        f"An example takes {spoken(each)}"
        if each >= 0.1
        else f"An example takes {1000 * each:.1f} ms",
        "dim",
    )
    return {
        "train": min(1.0, PROBE_PART * seconds / max(probing, 1e-9)),
        "test": min(1.0, TEST_PART * seconds / max(judging, 1e-9)),
        "needs_minutes": int(needs) + 1,
    }


def _part(splits: Splits, examples: Examples, share: float) -> Examples:
    """Return a share of each class: those whose content has the smallest hashes."""
    strata: dict[Any, list[int]] = defaultdict(list)
    for at, target in enumerate(examples.targets):
        strata["" if examples.kind == "detection" else int(target)].append(at)
    chosen: list[int] = []
    for places in strata.values():
        places.sort(key=lambda at: splits.facts[examples.names[at]].sha256)
        chosen += places[: max(round(share * len(places)), LEAST_OF_CLASS)]
    return examples.subset(sorted(chosen))
