"""The policy of layers that are given none."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import config

_chosen: list[Any] = []


def chosen() -> Any:
    """Return the policy that was set, or None."""
    return _chosen[-1] if _chosen else None


def choose(policy: Any) -> None:
    """Set the policy; None forgets it."""
    _chosen.clear()
    if policy is not None:
        _chosen.append(policy)


def name_of_default() -> str:
    """Return the name of the policy that was set, or the default float."""
    return str(_chosen[-1].name) if _chosen else config.floatx()
