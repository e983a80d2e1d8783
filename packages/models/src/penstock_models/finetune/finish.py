"""The step that writes: the model's files, the report, and last the record."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from penstock_models.evaluation.latency import this_computer
from penstock_models.export import Delivered, deliver, slug
from penstock_models.finetune.choices import spoken
from penstock_models.finetune.disk import write_whole
from penstock_models.finetune.judge import Judged
from penstock_models.finetune.record import (
    FORMAT,
    facts_of_preset,
    fingerprint,
    versions,
    weights_sha256,
)
from penstock_models.finetune.result import Result
from penstock_models.finetune.run import Run
from penstock_models.presets import Metric
from penstock_models.report import Finding, Story, write_report

DATA = "data.json"


def finish(run: Run, name: str, strategy: str, model: Any, judged: Judged) -> Result:
    """Write everything into the folder, and the record last: with it the run is finished.

    Args:
        run: The run.
        name: "probe" or "train": which model was chosen.
        strategy: What of it has learned.
        model: The model.
        judged: What it is worth.

    Returns:
        The result.
    """
    folder = run.folder.path
    delivered = _deliver(run, strategy, model, judged)
    record = _record(run, name, strategy, model, judged)
    with run.teller.step("Writing the report"):
        write_report(folder / "report.html", _story(run, name, strategy, judged, delivered))
    done = run.folder.done("data")
    assert done is not None
    write_whole(folder / DATA, json.dumps(done["facts"], indent=1))
    record["seconds"] = round(run.folder.spent, 3)
    write_whole(folder / "run.json", json.dumps(record, indent=1))
    run.folder.remove_work()
    result = Result(folder, record)
    _summary(run, result)
    return result


def _deliver(run: Run, strategy: str, model: Any, judged: Judged) -> Delivered:
    """Save the model, and in integers if these are good enough."""
    splits, (title, interval) = run.splits, judged.headline
    data = Path(run.choices.data)
    facts: dict[str, Any] = {
        "metrics": [
            Metric(
                name=title,
                value=interval.value,
                data=f"{len(splits.test)} held-out examples of {data.name}",
                note=f"95 % interval {interval.low:.3f} to {interval.high:.3f}; {strategy}",
            )
        ],
        "name": f"{run.preset.name.partition('.')[0]}.{slug(data.stem)}",
        "trained_on": f"{len(splits.train)} examples of {data.name}",
    }
    with run.teller.step("Saving the model"):
        return deliver(
            model,
            run.folder.path,
            splits.train,
            splits.validation,
            splits.test,
            temperature=judged.temperature or 1.0,
            seconds=run.folder.left,
            **facts,
        )


def _record(run: Run, name: str, strategy: str, model: Any, judged: Judged) -> dict[str, Any]:
    data, probed, trained = (run.folder.done(step) for step in ("data", "probe", "train"))
    assert data is not None
    assert probed is not None
    assert trained is not None
    title, interval = judged.headline
    record = {
        "format": FORMAT,
        "choices": run.choices.model_dump(),
        "preset": facts_of_preset(run.preset, run.preset_name),
        "data": {
            "kind": run.splits.kind,
            "labels": list(run.splits.labels),
            "counts": {part: len(examples) for part, examples in run.splits.parts().items()},
            "sha256": fingerprint(data["facts"]),
            "file": DATA,
        },
        "versions": versions(),
        "computer": this_computer(),
        "steps": {
            "amount": run.folder.done("amount"),
            "probe": {key: probed[key] for key in ("resolved", "validation")},
            "train": {key: trained.get(key) for key in ("strategy", "resolved", "validation")},
            "chosen": {"name": name, "strategy": strategy},
            "temperature": judged.temperature,
        },
        "measures": {
            "name": title,
            "value": interval.value,
            "interval": [interval.low, interval.high],
        },
        "weights_sha256": weights_sha256(model.network.get_weights()),
    }
    if run.replayed is not None:
        same = record["weights_sha256"] == run.replayed["weights_sha256"]
        record["replay"] = {"same": same, "weights_sha256": run.replayed["weights_sha256"]}
    return record


def _story(run: Run, name: str, strategy: str, judged: Judged, delivered: Delivered) -> Story:
    trained = run.folder.done("train") or {}
    splits = run.splits
    weights = {"error": "error", "warning": "warning", "note": "note"}
    is_trained = name == "train"
    return Story(
        title=f"{', '.join(splits.labels[:4])}{' ...' if len(splits.labels) > 4 else ''}",
        examples=splits.test,
        evaluation=judged.evaluation,
        uncalibrated=judged.uncalibrated,
        temperature=judged.temperature,
        held_out="Neither training nor any choice has seen these examples.",
        counts={part: len(examples) for part, examples in splits.parts().items()},
        majority=judged.majority,
        probe=judged.probe,
        history=trained.get("history", {}) if is_trained else {},
        best_epoch=trained.get("best_epoch") if is_trained else None,
        findings=[
            Finding(f.sentence, weights[f.severity], f.examples)  # type: ignore[arg-type]
            for f in run.audit.findings
        ],
        robustness=judged.robustness,
        variants=delivered.variants,
        licences=delivered.licences,
        facts=_facts(run, strategy),
        commands=_commands(run),
        computer=this_computer(),
    )


def _facts(run: Run, strategy: str) -> dict[str, str]:
    return {
        "Preset": run.preset_name,
        "Strategy": strategy,
        "Time": f"{spoken(run.folder.spent)} of {spoken(run.choices.seconds)}",
        "Seed": str(run.choices.seed),
    }


def _commands(run: Run) -> dict[str, str]:
    out, data = shlex.quote(str(run.folder.path)), shlex.quote(run.choices.data)
    record = shlex.quote(str(run.folder.path / "run.json"))
    kind = run.splits.kind
    example = {"text": "'a text'", "audio": "sound.wav"}.get(kind, "photo.jpg")
    named = {"text": "text='a text'", "audio": "samples=sound.npy"}.get(kind, "image=photo.jpg")
    return {
        "Ask it": f"penstock predict {out} {example}",
        "Serve it where only Penstock's core is installed": f"penstock run {out} --input {named}",
        "Take the same steps again": f"penstock finetune {data} --replay {record} --out again",
    }


def _summary(run: Run, result: Result) -> None:
    tell, measures = run.teller, result.record["measures"]
    low, high = result.interval
    tests = result.record["data"]["counts"]["test"]
    tell.say(
        f"\n{measures['name'][0].upper()}{measures['name'][1:]} {result.accuracy:.3f} ({low:.3f} to {high:.3f}) on {tests} test examples, with "
        f"{result.strategy!r}, in {spoken(run.folder.spent)}.",
        "bold",
    )
    replayed = result.record.get("replay")
    if replayed is not None:
        tell.say(_replay_sentence(run, replayed["same"]), "green" if replayed["same"] else "yellow")
    tell.say(f"Report:  {result.report}")
    for name, line in _commands(run).items():
        tell.say(f"{name}:  {line}")


def _replay_sentence(run: Run, same: bool) -> str:
    if same:
        return "The weights are those of the run that was replayed, bit for bit."
    assert run.replayed is not None
    now, before = versions(), run.replayed.get("versions", {})
    other = [
        f"{name} {before[name]} then, {now.get(name)} now"
        for name in before
        if before[name] != now.get(name)
    ]
    computers = str(run.replayed.get("computer")), this_computer()
    began = run.replayed["preset"].get("files"), facts_of_preset(run.preset, "")["files"]
    if began[0] != began[1]:
        other.append(f"the weights that {run.preset_name} begins with")
    if computers[0] != computers[1]:
        other.append(f"the run was made on {computers[0]}, this is {computers[1]}")
    why = "; ".join(other) or "neither versions nor computer; please report it with both run.json"
    return f"The weights differ from those of the run that was replayed. What else differs: {why}."
