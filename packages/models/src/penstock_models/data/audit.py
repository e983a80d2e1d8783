"""What is wrong with the data, in sentences, before anything is learned from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from penstock.errors import InvalidValueError
from penstock_models.data.examples import Examples
from penstock_models.data.splits import Splits

if TYPE_CHECKING:
    from rich.console import Console

Severity = Literal["error", "warning", "note"]
FEW = 10
# How many times as many examples the largest class may have before it is worth a word, or a warning.
UNEVEN, VERY_UNEVEN = 3, 10
SMALL_TEST = 30
SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """Something that a person should know.

    Args:
        severity: "error": nothing can be learned so; "warning": the result suffers; "note": good to know.
        sentence: What it is, and what to do about it.
        examples: The names of some examples that it is about.
    """

    severity: Severity
    sentence: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Audit:
    """All that was found.

    Args:
        findings: The gravest first.
        counts: How many examples of each class there are, by part.
    """

    findings: tuple[Finding, ...]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def with_findings(self, more: Sequence[Finding]) -> Audit:
        """Return this audit with further findings, the gravest first."""
        return Audit(_ordered([*self.findings, *more]), self.counts)

    def check(self) -> None:
        """Raise what stands in the way.

        Raises:
            ValueError: There is a finding that is an error.
        """
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if errors:
            raise InvalidValueError(
                "[data] " + "; ".join(_with_examples(finding) for finding in errors)
            )

    def as_data(self) -> dict[str, Any]:
        """Return the audit as JSON can hold it."""
        return asdict(self)

    def show(self, console: Console) -> None:
        """Print the counts and the findings."""
        from rich.table import Table
        from rich.text import Text

        table = Table("", *self.counts, title="examples", title_justify="left")
        labels = list(dict.fromkeys(label for part in self.counts.values() for label in part))
        for label in labels[:SHOWN]:
            numbers = [str(part.get(label, 0)) for part in self.counts.values()]
            table.add_row(Text(label), *numbers)
        if len(labels) > SHOWN:
            table.add_row(f"and {len(labels) - SHOWN} more", *("" for _ in self.counts))
        table.add_row("all", *(str(sum(part.values())) for part in self.counts.values()))
        console.print(table)
        colours = {"error": "red", "warning": "yellow", "note": "cyan"}
        for finding in self.findings:
            console.print(
                Text(f"{finding.severity}: ", colours[finding.severity]) + Text(finding.sentence)
            )
            for name in finding.examples[:SHOWN]:
                console.print(Text(f"    {name}", "dim"))


def audit(splits: Splits) -> Audit:
    """Say what is wrong with data.

    Args:
        splits: What `read` returned.

    Returns:
        The findings.

    Raises:
        Nothing: `Audit.check` raises what stands in the way.
    """
    looks = (_unusable, _leaks, _duplicates, _spelling, _classes, _amount, _sizes)
    findings = [finding for look in looks for finding in look(splits)]
    findings += [Finding("note", note) for note in splits.notes]
    counts = {str(part): _counts(examples) for part, examples in splits.parts().items()}
    return Audit(_ordered(findings), counts)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = ("error", "warning", "note")
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _with_examples(finding: Finding) -> str:
    names = ", ".join(finding.examples[:3])
    return f"{finding.sentence} ({names})" if names else finding.sentence


def _counts(examples: Examples) -> dict[str, int]:
    if examples.kind == "detection":
        numbers = Counter(int(i) for boxes in examples.targets for i in boxes.classes)
    else:
        numbers = Counter(int(target) for target in examples.targets)
    return {label: numbers[i] for i, label in enumerate(examples.labels)}


def _unusable(splits: Splits) -> list[Finding]:
    if not splits.skipped:
        return []
    names = [f"{skipped.name}: {skipped.reason}" for skipped in splits.skipped]
    sentence = f"{len(names)} of the files and lines could not be used as they are; mend or remove what should have counted."
    return [Finding("warning", sentence, tuple(names))]


def _leaks(splits: Splits) -> list[Finding]:
    findings = []
    for there in ("test", "validation"):
        leaks = [leak for leak in splits.leaks if leak.there == there]
        if leaks:
            names = tuple(f"{leak.name} is the same as {leak.same_as}" for leak in leaks)
            sentence = (
                f"{len(leaks)} examples were meant for {_listed({leak.part for leak in leaks})}, but are in {there} too. They "
                f"were left out there, so that {there} measures what is new; remove them from one side."
            )
            findings.append(Finding("warning", sentence, names))
    return findings


def _duplicates(splits: Splits) -> list[Finding]:
    labels = dict(_labelled(splits))
    groups: dict[str, list[str]] = defaultdict(list)
    for name, first in splits.groups.items():
        if name in labels:
            groups[first].append(name)
    several = [names for names in groups.values() if len(names) > 1]
    torn = [names for names in several if len({labels[name] for name in names}) > 1]
    findings = []
    if torn and splits.kind != "detection":
        examples = tuple(" = ".join(f"{name} ({labels[name]})" for name in names) for names in torn)
        sentence = f"{len(torn)} examples are there more than once with different labels, and only one can be right; correct them."
        findings.append(Finding("warning", sentence, examples))
    if several:
        count = sum(len(names) - 1 for names in several)
        examples = tuple(" = ".join(names[:4]) for names in several)
        are = "1 example is" if count == 1 else f"{count} examples are"
        sentence = f"{are} the same as another one, or nearly; what is the same is kept on the same side of tests."
        findings.append(Finding("note", sentence, examples))
    return findings


def _labelled(splits: Splits) -> Iterable[tuple[str, str]]:
    for examples in splits.parts().values():
        for name, target in zip(examples.names, examples.targets, strict=True):
            yield name, "" if examples.kind == "detection" else examples.labels[target]


def _spelling(splits: Splits) -> list[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in splits.labels:
        spellings["".join(filter(str.isalnum, label.casefold())) or label].append(label)
    twice = [labels for labels in spellings.values() if len(labels) > 1]
    if not twice:
        return []
    examples = tuple(" and ".join(labels) for labels in twice)
    sentence = "Some classes differ only in how they are spelled; make them one if they are."
    return [Finding("warning", sentence, examples)]


def _classes(splits: Splits) -> list[Finding]:
    counts = {part: _counts(examples) for part, examples in splits.parts().items()}
    train, test = counts["train"], counts["test"]
    findings = []
    if absent := [label for label, count in train.items() if not count]:
        sentence = "Nothing to learn these classes from is in train; add examples there, or remove the classes."
        findings.append(Finding("error", sentence, tuple(absent)))
    if few := [label for label, count in train.items() if 0 < count < FEW]:
        names = tuple(f"{label}: {train[label]}" for label in few)
        sentence = (
            f"Classes with fewer than {FEW} examples to learn from will hardly be known; add some."
        )
        findings.append(Finding("warning", sentence, names))
    if unseen := [label for label in train if train[label] and not test[label]]:
        sentence = "No example of these classes is in test, so nothing is known about how well they are told; add some."
        findings.append(Finding("warning", sentence, tuple(unseen)))
    present = [count for count in train.values() if count]
    ratio = max(present) / min(present) if present else 1.0
    if ratio >= UNEVEN and splits.kind != "detection":
        small, large = min(train, key=lambda n: train[n] or 1e9), max(train, key=lambda n: train[n])
        findings.append(
            Finding(
                "warning" if ratio >= VERY_UNEVEN else "note",
                f"{large!r} has {ratio:.0f} times as many examples as {small!r}; rare classes count more while training, "
                "but more examples of them would help more.",
            )
        )
    return findings


def _amount(splits: Splits) -> list[Finding]:
    count = len(splits.test)
    if count >= SMALL_TEST:
        return []
    severity: Severity = "warning" if count else "error"
    sentence = (
        f"{count} examples to judge by are few: the accuracy in the report will be a rough one; {SMALL_TEST} and more "
        "tell models apart."
        if count
        else "There is nothing to judge by; give more examples, at least 3 of each class."
    )
    return [Finding(severity, sentence)]


def _sizes(splits: Splits) -> list[Finding]:
    sizes = [facts.size for facts in splits.facts.values()]
    if splits.kind in ("image", "detection"):
        areas = sorted(sizes, key=lambda size: size[0] * size[1])
        middle = areas[len(areas) // 2]
        low, high = areas[0], areas[-1]
        if len(set(sizes)) == 1:
            return [Finding("note", f"All pictures have {low[0]} x {low[1]} pixels.")]
        sentence = f"Pictures have {low[0]} x {low[1]} to {high[0]} x {high[1]} pixels, half of them at most {middle[0]} x {middle[1]}."
    elif splits.kind == "audio":
        seconds = sorted(count / rate for count, rate in sizes)
        rates = _listed({f"{rate}" for _, rate in sizes})
        sentence = f"Sounds last {seconds[0]:.2f} to {seconds[-1]:.2f} seconds, with {rates} samples in a second."
    else:
        lengths = sorted(size[0] for size in sizes)
        sentence = f"Texts have {lengths[0]} to {lengths[-1]} characters, half of them at most {lengths[len(lengths) // 2]}."
    return [Finding("note", sentence)]


def _listed(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))
