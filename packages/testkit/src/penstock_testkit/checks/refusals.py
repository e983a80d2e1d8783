"""What a block must have, and what its op must refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_testkit.cases import HOST, samples_of
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance


def block_is_complete(group: Group, tolerance: Tolerance | None) -> None:
    """Require a meaning, a gradient or the reason for its absence, a manual, and samples."""
    block, name = group.block, group.op
    assert block.reference_fn or block.compose_fn, (
        f"[{name}] has no meaning: attach one in NumPy with @{name}.reference, or in ops with .compose"
    )
    assert block.vjp_fn or block.no_gradient or block.compose_fn, (
        f'[{name}] has no gradient: attach one with @{name}.vjp, or say why with .not_differentiable("...")'
    )
    assert not (block.vjp_fn and block.no_gradient), (
        f"[{name}] has a gradient and a reason to have none; remove one"
    )
    assert (block.__doc__ or "").strip(), f"[{name}] has no docstring, which is its manual"
    labels = [s.label for s in samples_of(block)]
    assert len(labels) > 1, (
        f"[{name}] has {len(labels)} sample; give more with @{name}.samples: an empty, a 0-d and a large one"
    )


def has_rejects(group: Group) -> bool:
    """Tell whether the block says what it refuses."""
    return group.block.rejects_fn is not None


def rejects_are_refused(group: Group, tolerance: Tolerance | None) -> None:
    """Give the op every wrong argument of its block, at once and while tracing."""
    rejects = group.block.rejects_fn
    assert rejects is not None
    case = next(iter(group.cases))
    for i, reject in enumerate(rejects()):

        def call(reject: Any = reject) -> Any:
            with case.placed():
                return case.op(*reject.args, **reject.kwargs)

        for how, run in (("eager", call), ("traced", ps.function(call))):
            what = f"[{group.op}] reject {i}, {how} on {case.device or HOST}"
            error = _error_of(run)
            assert error is not None, (
                f"{what}: it was accepted; expected {reject.error.__name__} matching {reject.match!r}"
            )
            assert isinstance(error, reject.error), (
                f"{what}: raised {type(error).__name__}: {error}; expected {reject.error.__name__}"
            )
            assert re.search(reject.match, str(error)), (
                f"{what}: the message is {str(error)!r}, expected one that matches {reject.match!r}"
            )


def _error_of(run: Callable[[], Any]) -> Exception | None:
    try:
        run()
    except Exception as error:
        return error
    return None
