"""Every check by the name that `conformance.toml` calls it, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock_testkit.checks import (
    gradients,
    inference,
    memory,
    modes,
    refusals,
    repetition,
    rules,
    values,
)
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance


@dataclass(frozen=True)
class Check:
    """One question that is asked of a group.

    Args:
        name: What reports and `conformance.toml` call it.
        run: Raises AssertionError when the answer is wrong; gets a tolerance in place of the table's, or None.
        applies: Whether the question makes sense for a group.
        per_op: It is asked once for each op, whatever the dtype.
    """

    name: str
    run: Callable[[Group, Tolerance | None], None]
    applies: Callable[[Group], bool] = lambda group: True
    per_op: bool = False


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check("block", refusals.block_is_complete, per_op=True),
        Check("rejects", refusals.rejects_are_refused, refusals.has_rejects, per_op=True),
        Check("inference", inference.inference_agrees),
        Check("values", values.values_agree, values.has_truth),
        Check("special", values.special_values_agree, values.has_special),
        Check("shapes", values.shapes_broadcast, values.broadcasts),
        Check("rules", rules.rules_hold, rules.has_rules, per_op=True),
        Check("gradient", gradients.gradients_agree, gradients.is_smooth),
        Check("modes", modes.modes_agree),
        Check("inplace", modes.inputs_in_use_survive, modes.can_be_intermediate),
        Check("inputs", memory.inputs_are_left_alone, memory.has_arrays),
        Check("layouts", memory.layouts_do_not_matter, memory.has_arrays),
        Check("repeats", repetition.repeats_agree),
        Check("threads", repetition.threads_agree),
    )
}
