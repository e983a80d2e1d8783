"""What a compiled step is made of, what it costs, and what `fit` waited for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.layers.owner import unique

_RUNS: Final = 5


def explain_step(model: Any, kind: str, rows: int) -> str:
    """Say which kernels a step runs, how long they take, and how much memory it needs.

    The step runs a few times on zeros; variables have their values again afterwards.

    Args:
        model: The model; a step of that kind was taken before.
        kind: "train", "test" or "predict".
        rows: How many rows of kernels are told.

    Returns:
        Text.

    Raises:
        ValueError: No such step was taken yet.
    """
    seen = model._seen.get(kind)
    if seen is None:
        method = {"train": "fit", "test": "evaluate", "predict": "predict"}[kind]
        raise InvalidValueError(
            f"[explain] no step of {kind!r} was taken yet; call model.{method}(...) first"
        )
    batch, by_rows = _zeros(seen[0]), seen[1]
    step = model._step_function(kind, by_rows)
    if model.run_eagerly:
        return "The steps run op by op: run_eagerly=True. Compile without it to have one plan."
    variables = _variables_of(model)
    before = [v.value for v in variables]
    try:
        step(*batch)
        with ps.profile() as profile:
            for _ in range(_RUNS):
                step(*batch)
    finally:
        for v, value in zip(variables, before, strict=True):
            v.assign(value)
    found, memory = step.trace(*batch), step.memory(*batch)
    took = sum(e.duration for e in profile.events if e.kind == "run" and not _is_inner(e, profile))
    nodes, traces = len(found.optimized.nodes), len(step.traces)
    lines = [
        f"{kind} step of {model.name!r} on {_shown(batch)}",
        f"one plan of {nodes} nodes, {took / _RUNS * 1e3:.3f} ms; {traces} trace(s)",
        f"memory: {_size(memory['peak_bytes'])} at most, beside {_size(_bytes(variables))} of variables",
        f"kernels, over {_RUNS} runs:",
        profile.table(most=rows),
    ]
    waited = model._waited.get(kind)
    if waited is not None:
        lines.append(_told_of_waiting(*waited))
    return "\n".join(lines)


def shapes_of(batch: Any, by_rows: bool) -> Any:
    """Return what stands for a batch: shape and dtype of each array; of whole arrays, a batch's rows."""
    rows = int(batch[0].shape[0]) if by_rows else None

    def spec(array: Any) -> _Spec:
        return _Spec(array, rows)

    return tuple(
        None
        if part is None
        else spec(part)
        if isinstance(part, ps.Tensor)
        else tree.map_structure(spec, part, none_is_leaf=False)
        for part in batch
    )


class _Spec:
    """Shape and dtype of an array; most are never looked at, so words are made of them when they are."""

    def __init__(self, array: Any, rows: int | None) -> None:
        self._shape = array.shape
        self._dtype = array.dtype if isinstance(array, ps.Tensor) else ps.asarray(array[:1]).dtype
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes; of whole arrays, those of a batch."""
        sizes = tuple(int(size) for size in self._shape)
        return sizes if self._rows is None else (min(self._rows, sizes[0]), *sizes[1:])

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return str(self._dtype.name)


def _zeros(specs: Any) -> tuple[Any, ...]:
    def zeros(spec: _Spec) -> Any:
        return (
            ps.asarray(np.full(spec.shape, ""))
            if spec.dtype == "string"
            else ps.zeros(spec.shape, spec.dtype)
        )

    return tuple(
        None if part is None else tree.map_structure(zeros, part, none_is_leaf=False)
        for part in specs
    )


def _variables_of(model: Any) -> list[Any]:
    optimizers = [o for o in vars(model).values() if hasattr(o, "apply_gradients")]
    own = [v for metric in model.metrics for v in metric.variables]
    return unique([*model.variables, *own, *(v for o in optimizers for v in o.variables)])


def _is_inner(event: Any, profile: Any) -> bool:
    """Whether a run is part of another: the body of a condition or a loop."""
    return any(
        e.kind == "run" and e is not event and e.thread == event.thread
        and e.begin <= event.begin and event.begin + event.duration <= e.begin + e.duration
        for e in profile.events
    )  # fmt: skip


def _told_of_waiting(waited: float, computed: float) -> str:
    total = waited + computed
    share = waited / total if total else 0.0
    return f"the last pass over data: {total:.2f} s, of which {share:.0%} waiting for data and {1 - share:.0%} computing"


def _shown(batch: Any) -> str:
    leaves = [leaf for leaf in tree.flatten(batch) if leaf is not None]
    return ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in leaves)


def _bytes(variables: list[Any]) -> int:
    return sum(v.value.nbytes for v in variables)


def _size(count: int) -> str:
    """Write a number of bytes.

    >>> _size(512), _size(3_500_000)
    ('512 B', '3.5 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
