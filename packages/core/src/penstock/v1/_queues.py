"""Queues whose methods append to the default graph, and options under TensorFlow 1's names."""

from __future__ import annotations

from typing import Any

from penstock import queues, run_options
from penstock.v1._graph import in_graph


def _in_graphs(base: type[Any]) -> type[Any]:
    """Make a kind of queue whose methods append to the default graph, and take `name=`."""
    methods = ["enqueue", "enqueue_many", "dequeue", "dequeue_many", "dequeue_up_to"]
    methods += ["close", "size", "is_closed"]
    members = {name: in_graph(getattr(base, name)) for name in methods}
    manual = (base.__doc__ or "").split(">>>")[0].rstrip()  # without the example, which is eager
    return type(base.__name__, (base,), {**members, "__doc__": manual})


QueueBase = queues.QueueBase
FIFOQueue = _in_graphs(queues.FIFOQueue)
PaddingFIFOQueue = _in_graphs(queues.PaddingFIFOQueue)
PriorityQueue = _in_graphs(queues.PriorityQueue)
RandomShuffleQueue = _in_graphs(queues.RandomShuffleQueue)


def RunOptions(timeout_in_ms: int = 0) -> run_options.RunOptions:  # noqa: N802 - a class in TensorFlow
    """Ask for a deadline: `sess.run(y, options=tf.RunOptions(timeout_in_ms=500))`.

    Args:
        timeout_in_ms: Milliseconds; 0 is no deadline.

    Returns:
        Options for `Session.run`.

    Raises:
        ValueError: The time is negative.
    """
    return run_options.RunOptions(timeout_in_ms / 1000 if timeout_in_ms else None)
