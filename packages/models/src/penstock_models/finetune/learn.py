"""The steps that learn: look at the data, solve for a head, train what there is time for."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_models.data import audit, read
from penstock_models.data.audit import Finding
from penstock_models.data.examples import Examples
from penstock_models.finetune.amount import cut_to_time
from penstock_models.finetune.budget import PARTIAL, Pace, affordable, reserve
from penstock_models.finetune.choices import spoken
from penstock_models.finetune.presets import check_fits, makeshift
from penstock_models.finetune.record import check_replayed, check_same_data, facts_of_data
from penstock_models.finetune.run import Run
from penstock_models.finetune.suspects import finding_of, out_of_fold, suspects
from penstock_models.finetune.tell import Epochs

# Suspicious labels are looked for while it takes no more than this part of all time.
SUSPECTS_PART = 0.1
FEW_PICTURES = 1000


def look(run: Run) -> None:
    """Read and audit the data, and compare them with those of the run that goes on or is replayed."""
    choices = run.choices
    with run.teller.bar(f"Looking at {choices.data}") as advance:
        run.splits = read(
            choices.data,
            seed=choices.seed,
            text_column=choices.text_column,
            label_column=choices.label_column,
            encoding=choices.encoding,
            advance=advance,
        )
    run.audit = audit(run.splits)
    facts = facts_of_data(run.splits)
    before = run.folder.done("data")
    if run.replayed is not None and run.replayed_from is not None:
        check_replayed(run.replayed, run.replayed_from, facts, choices.data)
    if before is not None:
        check_same_data(before["facts"], facts, choices.data)
    elif run.teller.console is not None:
        run.audit.show(run.teller.console)
    run.audit.check()
    check_fits(run.preset, run.splits)
    if choices.preset is None and (sentence := makeshift(run.preset, run.splits)):
        run.audit = run.audit.with_findings([Finding("warning", sentence)])
        run.teller.say(f"warning: {sentence}", "yellow")
    if before is None:
        run.folder.finish_step("data", {"facts": facts, "preset": run.preset_name})


def probe(run: Run) -> dict[str, Any]:
    """Solve for a new head on the network as it is: in seconds, and the measure for all that follows."""
    done = run.folder.done("probe")
    model = None if done is not None else run.adapted("probe")
    cut_to_time(run, model)
    if done is not None:
        _tell_suspects(run, done)
        return done
    assert model is not None
    began, splits = time.monotonic(), run.splits
    with run.teller.step("Solving for a new head (probe)"):
        history = model.fit(
            splits.train, validation_data=splits.validation, resolved=_resolved(run, "probe")
        )
    seconds = time.monotonic() - began
    score = model.evaluate(splits.validation)
    facts = {
        "resolved": history.resolved,
        "validation": score,
        "each": _seconds_of_one(model, splits.validation),
        "seconds": seconds,
        "suspects": _suspects(run, model, history.resolved, seconds),
    }
    run.teller.say(f"  {_in_words(score)} on validation")
    run.keep("probe", model)
    run.folder.finish_step("probe", facts)
    _tell_suspects(run, facts)
    return facts


def _seconds_of_one(model: Any, examples: Examples) -> float:
    """Return how long an example takes once everything is traced."""
    began = time.monotonic()
    model.evaluate(examples)
    return (time.monotonic() - began) / len(examples)


def _resolved(run: Run, step: str) -> dict[str, Any] | None:
    before = run.replay_of(step)
    return None if before is None else before["resolved"]


def _suspects(run: Run, model: Any, resolved: dict[str, Any], seconds: float) -> list[Any]:
    """Return findings about labels that are probably wrong, as JSON can hold them."""
    strength = resolved.get("strength")
    if strength is None or seconds > SUSPECTS_PART * run.choices.seconds:
        return []
    from penstock_models.adapt.material import Material

    train = run.splits.train
    with run.teller.step("Looking for labels that are wrong"):
        material = Material(model, model.adapted, train.inputs, 0, run.choices.seed)
        targets = np.asarray(train.targets, np.int64)
        p = out_of_fold(material.pooled(), targets, len(train.labels), strength, run.choices.seed)
    found = finding_of(suspects(p, targets), train)
    return [[finding.severity, finding.sentence, list(finding.examples)] for finding in found]


def _tell_suspects(run: Run, facts: dict[str, Any]) -> None:
    found = [Finding(severity, text, tuple(names)) for severity, text, names in facts["suspects"]]
    run.audit = run.audit.with_findings(found)
    for finding in found:
        run.teller.say(f"{finding.severity}: {finding.sentence}", "yellow")
        for name in finding.examples[:8]:
            run.teller.say(f"    {name}", "dim")


def train(run: Run) -> dict[str, Any]:
    """Train what there is time for; without time nothing."""
    done = run.folder.done("train")
    if done is not None:
        return done
    plan = run.folder.done("plan") or run.folder.finish_step("plan", _plan(run))
    if plan["why"]:
        run.teller.say(plan["why"])
    if plan["strategy"] is None:
        return run.folder.finish_step("train", plan)
    return _train(run, plan["strategy"])


def _plan(run: Run) -> dict[str, Any]:
    """Decide what is trained; a run that goes on keeps to it."""
    if run.replayed is not None:
        return {"strategy": _replayed_strategy(run), "why": "Taking the steps of the run again."}
    asked = run.choices.strategy
    if asked == "probe":
        return {"strategy": None, "why": ""}
    if asked is not None:
        return {"strategy": asked, "why": f"Training {asked!r}, as asked for."}
    strategy, sentence = affordable(_limit(run), _pace(run), _trainable(run), run.choices.seconds)
    return {"strategy": strategy, "why": sentence}


def _pace(run: Run) -> Pace:
    facts, splits = run.folder.done("probe"), run.splits
    assert facts is not None
    return Pace(facts["each"], len(splits.train), len(splits.validation), len(splits.test))


def _limit(run: Run) -> float:
    """Return how many seconds training may take."""
    return max(run.folder.left - reserve(run.choices.seconds, _pace(run)), 1.0)


def _replayed_strategy(run: Run) -> str | None:
    """Return the strategy to train again; None if the run kept its probe."""
    before, chosen = run.replay_of("train"), run.replay_of("chosen")
    assert before is not None
    assert chosen is not None
    return str(before["strategy"]) if chosen["name"] == "train" else None


def _trainable(run: Run) -> tuple[str, ...]:
    """Return the strategies that this model takes, the best first.

    Of few photographs the first layers learn nothing that they do not know.
    """
    is_few = run.splits.kind == "image" and len(run.splits.train) < FEW_PICTURES
    found = []
    for strategy in (PARTIAL, "full") if is_few else ("full", PARTIAL):
        try:
            run.adapted(strategy)
        except InvalidValueError:
            continue
        found.append(strategy)
    return tuple(found)


def _train(run: Run, strategy: str) -> dict[str, Any]:
    began, limit = time.monotonic(), None if run.replayed else _limit(run)
    splits, model = run.splits, run.adapted(strategy)
    until = "" if limit is None else f" for {spoken(limit)} at most"
    run.teller.say(f"Training {strategy!r}{until}", "dim")
    history = model.fit(
        splits.train,
        validation_data=splits.validation,
        time_limit=limit,
        callbacks=[Epochs(run.teller, limit)],
        checkpoint=run.folder.work,
        resolved=_resolved(run, "train"),
    )
    run.keep("train", model)
    facts = {
        "strategy": strategy,
        "resolved": history.resolved,
        "validation": model.evaluate(splits.validation),
        "history": history.history,
        "best_epoch": history.best_epoch,
        "seconds": time.monotonic() - began,
    }
    return run.folder.finish_step("train", facts)


def choose(run: Run) -> tuple[str, str]:
    """Return the name and the strategy of what is better on validation: the probe, if training gained no more than luck."""
    probed, trained = run.folder.done("probe"), run.folder.done("train")
    assert probed is not None
    assert trained is not None
    strategy = trained["strategy"]
    if strategy is None:
        return "probe", "probe"
    count = len(run.splits.validation)
    if run.replayed is not None or beats(trained["validation"], probed["validation"], count):
        return "train", strategy
    run.teller.say(
        f"Training {strategy!r} came to {_in_words(trained['validation'])} on validation, within luck of the probe's "
        f"{_in_words(probed['validation'])}: the probe is kept."
    )
    return "probe", "probe"


def beats(trained: dict[str, float], probed: dict[str, float], count: int) -> bool:
    """Tell whether training gave more than luck would: few examples to choose by say little about one more right answer.

    Args:
        trained: Its "accuracy" on validation, or "ap50" and "ap".
        probed: Those of the probe.
        count: How many examples that is.

    Returns:
        For classifiers: whether it is right more often by more than a standard error, sqrt(p (1 - p) / count). For detectors:
        whether "ap50" is larger, or as large with a larger "ap".

    >>> beats({"accuracy": 0.83}, {"accuracy": 0.82}, 60), beats({"accuracy": 0.83}, {"accuracy": 0.82}, 6000)
    (False, True)
    """
    if "accuracy" not in trained:
        return (trained["ap50"], trained["ap"]) > (probed["ap50"], probed["ap"])
    share = (probed["accuracy"] * count + 1) / (
        count + 2
    )  # never 0 or 1, which would know no error
    gain = trained["accuracy"] - probed["accuracy"]
    return gain > math.sqrt(share * (1 - share) / count)


def _in_words(measures: dict[str, float]) -> str:
    if "accuracy" in measures:
        return f"{measures['accuracy']:.1%} right"
    return f"AP50 {measures['ap50']:.3f}"
