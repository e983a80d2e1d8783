"""The best tree over the words of a sentence.

Chu and Liu, 1965; Edmonds, 1967, "Optimum branchings".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_models.parsing.trees import cycle_of

Scores = np.ndarray[Any, np.dtype[np.float64]]


def best_tree(scores: Any, single_root: bool = True) -> list[int]:
    """Find the tree with the greatest sum of scores: Σ scores[d, head(d)] over all words d.

    Among equals the one is taken to which the first of the best heads leads, so results can be repeated.

    Args:
        scores: [words + 1, words + 1]: how good the second index is as head of the first; 0 is the root, whose own row
            is not looked at, and neither is the diagonal.
        single_root: Whether just one word may hang on the root.

    Returns:
        The head of each word, from 1; 0 for the root.

    Raises:
        ShapeError: The scores are not square, or hold no word.
        ValueError: A score is not finite.

    >>> best_tree([[0, 0, 0], [5, 0, 9], [4, 9, 0]])
    [0, 1]
    """
    table = _checked(scores)
    if single_root:
        # A root costs more than any choice of other heads can win: so there is one.
        table[1:, 0] -= (np.ptp(table[1:]) + 1) * len(table)
    return [int(head) for head in _arborescence(table)[1:]]


def greedy_heads(scores: Any) -> list[int]:
    """Give each word its best head, whether or not that makes a tree.

    Args:
        scores: As in `best_tree`.

    Returns:
        The head of each word, from 1; 0 for the root.

    Raises:
        ShapeError: The scores are not square, or hold no word.
        ValueError: A score is not finite.

    >>> greedy_heads([[0, 0, 0], [5, 0, 9], [4, 9, 0]])
    [2, 1]
    """
    return [int(head) for head in _best_heads(_checked(scores))[1:]]


def _checked(scores: Any) -> Scores:
    table: Scores = np.array(scores, np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise ShapeError(
            f"[best_tree] got scores of shape {table.shape}; expected [words + 1, words + 1], and a word"
        )
    np.fill_diagonal(table, 0.0)
    table[0] = 0.0
    if not np.isfinite(table).all():
        raise InvalidValueError("[best_tree] a score is not finite; use numbers such as -1e9")
    return table


def _best_heads(table: Scores) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the best head of each node, none its own."""
    open_to = table.copy()
    np.fill_diagonal(open_to, -np.inf)
    return np.asarray(np.argmax(open_to, axis=1))


class _Contraction(NamedTuple):
    """A cycle that became one node, the last of the smaller graph."""

    outside: np.ndarray[Any, Any]  # the nodes that stay, the root first
    cycle: np.ndarray[Any, Any]
    heads: np.ndarray[Any, Any]  # every node's best head before
    entry: np.ndarray[Any, Any]  # by which node of the cycle each outside node enters it
    exit: np.ndarray[Any, Any]  # on which node of the cycle each outside node would hang


def _arborescence(table: Scores) -> np.ndarray[Any, Any]:
    """Return each node's head in the best tree from node 0."""
    done: list[_Contraction] = []
    heads = _best_heads(table)
    while cycle := cycle_of(list(heads[1:])):
        made, table = _contract(table, heads, np.array(sorted(cycle[:-1])))
        done.append(made)
        heads = _best_heads(table)
    for made in reversed(done):
        heads = _expand(made, heads)
    return heads


def _contract(
    table: Scores, heads: np.ndarray[Any, Any], cycle: np.ndarray[Any, Any]
) -> tuple[_Contraction, Scores]:
    """Make a node of a cycle: to enter it costs the arc of the cycle that is given up."""
    outside = np.setdiff1d(np.arange(len(table)), cycle)
    given_up = table[cycle, heads[cycle]]
    entering = table[np.ix_(cycle, outside)] - given_up[:, None]
    leaving = table[np.ix_(outside, cycle)]
    smaller = np.zeros((len(outside) + 1,) * 2)
    smaller[:-1, :-1] = table[np.ix_(outside, outside)]
    smaller[-1, :-1] = entering.max(0)
    smaller[:-1, -1] = leaving.max(1)
    entry, leave = cycle[entering.argmax(0)], cycle[leaving.argmax(1)]
    return _Contraction(outside, cycle, heads, entry, leave), smaller


def _expand(made: _Contraction, heads: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Open a cycle where the tree enters it."""
    whole = made.heads.copy()
    last = len(made.outside)
    for i, head in enumerate(heads[:last]):
        whole[made.outside[i]] = made.exit[i] if head == last else made.outside[head]
    enters = heads[last]
    whole[made.entry[enters]] = made.outside[enters]
    return whole
