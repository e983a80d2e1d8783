"""`Checkpoint`: save the variables of a program while it runs, and go on from there."""

from __future__ import annotations

import difflib
import json
import operator
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from penstock import _native, state
from penstock._named_variables import listed, named_variables
from penstock._native import Tensor
from penstock.errors import CheckpointError, GraphError, InvalidValueError
from penstock.graph import eagerly
from penstock.state import Variable

_SHARD_BYTES: Final = 5 * 10**9
_SHOWN: Final = 10


@dataclass(frozen=True)
class RestoreReport:
    """What a checkpoint gave, and what did not fit; `str` of it says so in words.

    Args:
        step: The step that was restored.
        metadata: What was saved beside the variables.
        restored: Variables that have their saved value now.
        missing: Variables of the program that the checkpoint does not have.
        unexpected: Tensors of the checkpoint that no variable took.
        different: Names, with what the checkpoint has and what the variable is.
    """

    step: int
    metadata: dict[str, Any] = field(default_factory=dict)
    restored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    different: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything fitted."""
        return not (self.missing or self.unexpected or self.different)

    def __str__(self) -> str:
        lines = [f"step {self.step}: restored {len(self.restored)}"]
        for what, names in (
            ("missing in the checkpoint", self.missing),
            ("only in the checkpoint", self.unexpected),
            ("different", self.different),
        ):
            if names:
                lines.append(f"{what}: {listed(names, _SHOWN)}")
        return "\n".join(lines)


class Checkpoint:
    """Save variables to a folder, and restore them.

    A checkpoint is there whole or not at all, also when the process is killed while it saves. It holds safetensors
    files, which other libraries read, and the state of the random numbers.

    Args:
        folder: Where checkpoints lie, one folder for each step. One program at a time writes there.
        objects: What has variables, by name: a variable, or dictionaries, lists and objects with variables inside.
        named_objects: The same by keyword. The way to a variable is its name: `model/layers/0/kernel`.
        keep: So many of the newest checkpoints stay; None keeps all.
        shard_bytes: Where a file ends and the next begins.

    Raises:
        InvalidValueError: `keep` or `shard_bytes` is below 1, or two variables get one name.

    >>> import penstock as ps, tempfile
    >>> net = {"w": ps.Variable([1.0, 2.0]), "momentum": ps.Variable([0.0, 0.0])}
    >>> checkpoint = ps.Checkpoint(tempfile.mkdtemp(), net=net)
    >>> path = checkpoint.save(step=10)
    >>> net["w"].assign([0.0, 0.0])
    Tensor([0., 0.], shape=(2,), dtype=float32)
    >>> print(checkpoint.restore())
    step 10: restored 2
    >>> net["w"].value
    Tensor([1., 2.], shape=(2,), dtype=float32)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        objects: Mapping[str, Any] | None = None,
        /,
        *,
        keep: int | None = 3,
        shard_bytes: int = _SHARD_BYTES,
        **named_objects: Any,
    ) -> None:
        for name, number in (("keep", keep), ("shard_bytes", shard_bytes)):
            if number is not None and operator.index(number) < 1:
                raise InvalidValueError(f"[Checkpoint] {name} is {number}; give 1 or more")
        self.folder = Path(folder)
        self._keep = keep
        self._shard_bytes = shard_bytes
        self._objects = {**(objects or {}), **named_objects}
        self._lock = threading.Lock()
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[Path] | None = None

    @staticmethod
    def by_name(variables: Iterable[Variable]) -> dict[str, Variable]:
        """Name variables by their own names, for programs whose objects differ from those that were saved.

        Args:
            variables: Variables whose names differ.

        Returns:
            Variables by name.

        Raises:
            InvalidValueError: Two have one name.

        >>> import penstock as ps
        >>> list(ps.Checkpoint.by_name([ps.Variable(1.0, name="w")]))
        ['w']
        """
        found: dict[str, Variable] = {}
        for v in variables:
            if found.setdefault(v.name, v) is not v:
                raise InvalidValueError(
                    f"[Checkpoint] two variables are called {v.name!r}; give them names: Variable(value, name=...), or "
                    "pass a dictionary"
                )
        return found

    def variables(self) -> dict[str, Variable]:
        """Return the variables that are saved, by name, in the order in which they are found.

        Raises:
            InvalidValueError: Two get one name.
        """
        return named_variables(self._objects)

    def steps(self) -> list[int]:
        """Return the steps whose checkpoints are whole, in order.

        Raises:
            OSError: The folder cannot be read.
        """
        from penstock import _checkpoint_files

        return _checkpoint_files.steps(self.folder)

    def save(self, step: int | None = None, metadata: Mapping[str, Any] | None = None) -> Path:
        """Write a checkpoint, and wait until it is on the disk.

        Args:
            step: Its number; a checkpoint of the same step is replaced. By default one more than the newest.
            metadata: What JSON can hold, such as an epoch; `restore` returns it.

        Returns:
            The checkpoint's folder.

        Raises:
            CheckpointError: It cannot be written, or an earlier `save_async` failed. Older checkpoints stay.
            InvalidValueError: The step is negative, JSON cannot hold the metadata, or there is no variable.
            DTypeError: A variable is complex128 or string, which safetensors files cannot hold.
        """
        writing = self.save_async(step, metadata)
        with self._lock:
            self._writing = None  # its error is raised here
        return writing.result()

    def save_async(
        self, step: int | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Future[Path]:
        """Begin to write the values of this moment, and return at once.

        Values are not copied: the program goes on with new ones, and the old ones stay until they are written. An
        earlier checkpoint that is still being written is waited for.

        Args:
            step: As in `save`.
            metadata: As in `save`.

        Returns:
            A future of the checkpoint's folder. Its error, if nobody looks, is raised by the next call.

        Raises:
            CheckpointError: The one before could not be written.
            InvalidValueError: The step is negative, or JSON cannot hold the metadata.
        """
        self.wait()
        if step is None:
            step = max(self.steps(), default=-1) + 1
        if operator.index(step) < 0:
            raise InvalidValueError(f"[Checkpoint.save] step is {step}; count from 0")
        told = _as_json(metadata or {})
        values = {name: _value_of(name, v) for name, v in self.variables().items()}
        if self._objects and not values:
            raise InvalidValueError(
                f"[Checkpoint.save] found no variable in {', '.join(map(repr, self._objects))}; a checkpoint saves "
                "penstock.Variable: make variables of tensors, penstock.Variable(value)"
            )
        random = _native.random_state()
        with self._lock:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, "penstock-checkpoint")
            self._writing = self._writer.submit(
                self._write, operator.index(step), values, random, told
            )
            return self._writing

    def _write(
        self, step: int, values: dict[str, Tensor], random: tuple[int, int], metadata: Any
    ) -> Path:
        from penstock import _checkpoint_files

        return _checkpoint_files.write(
            self.folder,
            step,
            values,
            shard_bytes=self._shard_bytes,
            random=random,
            metadata=metadata,
            keep=self._keep,
        )

    def wait(self) -> None:
        """Wait for what `save_async` began.

        Raises:
            CheckpointError: It could not be written.
        """
        with self._lock:
            writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def read(self, step: int | None = None) -> dict[str, Tensor]:
        """Read the tensors of a checkpoint, whatever the program's variables are.

        Args:
            step: Which one; by default the newest.

        Returns:
            Tensors by name.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        return self._read(step)[1]

    def restore(
        self,
        step: int | None = None,
        *,
        strict: bool = True,
        rename: Mapping[str, str] | None = None,
        random: bool = True,
    ) -> RestoreReport:
        """Give variables the values that were saved. Everything is read and compared before anything is changed.

        Args:
            step: Which checkpoint; by default the newest.
            strict: Change nothing and raise unless names, shapes and dtypes agree. Otherwise what fits is restored.
            rename: New names of the program for names of the checkpoint; "old/" and "new/" rename all that begin so.
            random: The stream of random numbers goes on from where it was.

        Returns:
            What was restored, and what did not fit.

        Raises:
            CheckpointError: There is no checkpoint, it is damaged, or, if strict, does not fit.
            InvalidValueError: `rename` gives two tensors one name.
        """
        self.wait()
        manifest, saved = self._read(step)
        saved = _all_renamed(saved, rename or {})
        variables = self.variables()
        different = [
            f"{name} (saved {_facts(t)}, variable {_facts(variables[name])})"
            for name, t in saved.items()
            if name in variables and _facts(t) != _facts(variables[name])
        ]
        wrong = {text.partition(" ")[0] for text in different}
        report = RestoreReport(
            step=manifest.step,
            metadata=manifest.metadata,
            restored=tuple(n for n in variables if n in saved and n not in wrong),
            missing=tuple(n for n in variables if n not in saved),
            unexpected=tuple(n for n in saved if n not in variables),
            different=tuple(different),
        )
        if strict and not report.complete:
            raise CheckpointError(_explain(report))
        with eagerly():
            for name in report.restored:
                state.Variable.assign(variables[name], saved[name])
        if random:
            _native.set_random_state(*manifest.random)
        return report

    def _read(self, step: int | None) -> tuple[Any, dict[str, Tensor]]:
        from penstock import _checkpoint_files

        known = self.steps()
        if not known:
            raise CheckpointError(
                f"[Checkpoint.restore] there is no checkpoint in {self.folder}; save one first, or look at the path: "
                "if checkpoint.steps(): checkpoint.restore()"
            )
        if step is not None and step not in known:
            raise CheckpointError(
                f"[Checkpoint.restore] {self.folder} has no checkpoint of step {step}; there are steps "
                f"{', '.join(map(str, known))}"
            )
        chosen = known[-1] if step is None else step
        return _checkpoint_files.read(_checkpoint_files.folder_of(self.folder, chosen))

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait()


def _value_of(name: str, variable: Variable) -> Tensor:
    try:
        return variable._handle.read()
    except GraphError as error:
        raise CheckpointError(
            f"[Checkpoint.save] {name!r} has no value yet; run its initializer first"
        ) from error


def _as_json(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as JSON gives it back: a copy, which the program cannot change while it is written."""
    try:
        text = json.dumps(dict(metadata), ensure_ascii=False).encode()
        made: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(
            f"[Checkpoint.save] the metadata cannot be written as JSON: {error}; give numbers, text, lists and "
            "dictionaries: float(loss)"
        ) from None
    return made


def _facts(x: Tensor | Variable) -> str:
    return f"{x.dtype.name}{list(x.shape)}"


def _renamed(name: str, rename: Mapping[str, str]) -> str:
    if name in rename:
        return rename[name]
    for old, new in rename.items():
        if old.endswith("/") and name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _all_renamed(saved: Mapping[str, Tensor], rename: Mapping[str, str]) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for old, t in saved.items():
        name = _renamed(old, rename)
        if name in made:
            raise InvalidValueError(
                f"[Checkpoint.restore] rename gives two tensors the name {name!r}; rename the other one too: "
                f"rename={{{name!r}: 'unused'}}"
            )
        made[name] = t
    return made


def _explain(report: RestoreReport) -> str:
    """Word why a strict restore stops, with the likeliest way out."""
    advice = []
    pairs = {
        near[0]: name
        for name in report.missing
        if (near := difflib.get_close_matches(name, report.unexpected, n=1))
    }
    if pairs:
        advice.append(f"if names changed: restore(rename={dict(list(pairs.items())[:_SHOWN])!r})")
    advice.append("to restore what fits: restore(strict=False)")
    return (
        f"[Checkpoint.restore] the checkpoint of step {report.step} does not fit the program, and nothing was changed\n"
        + "\n".join([*str(report).splitlines()[1:], "; ".join(advice)])
    )


__all__ = ["Checkpoint", "RestoreReport"]
