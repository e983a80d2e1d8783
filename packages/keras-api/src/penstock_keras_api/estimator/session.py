"""Sessions with hooks: what is asked before every run, and told after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError, OutOfRangeError


class SessionRunArgs(NamedTuple):
    """What a hook wants of a run: more to fetch, more to feed."""

    fetches: Any = None
    feed_dict: Mapping[Any, Any] | None = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What a hook's fetches came to."""

    results: Any
    options: Any = None
    run_metadata: Any = None


class SessionRunContext:
    """What a hook sees of a run: what was asked, the session, and how to stop.

    Args:
        original_args: What the program asked.
        session: The session.
    """

    def __init__(self, original_args: SessionRunArgs, session: ps.Session) -> None:
        self.original_args = original_args
        self.session = session
        self.stop_requested = False

    def request_stop(self) -> None:
        """Ask that this run be the last."""
        self.stop_requested = True


class SessionRunHook:
    """What is called around the runs of a session. Subclasses write the methods that they need."""

    def begin(self) -> None:
        """Be called once, while the graph may still be added to."""

    def after_create_session(self, session: ps.Session, coord: Any) -> None:
        """Be called when variables have their values."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Say what to fetch and feed besides."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """See what came of it."""

    def end(self, session: ps.Session) -> None:
        """Be called once, after the last run, unless an error ended it."""


class MonitoredSession:
    """Runs a graph with hooks around every run.

    Args:
        graph: The graph.
        hooks: The hooks, which are called in this order.

    Raises:
        TypeError: One is no hook.
    """

    def __init__(self, graph: ps.Graph, hooks: Iterable[SessionRunHook]) -> None:
        self.hooks = list(hooks)
        for hook in self.hooks:
            if not isinstance(hook, SessionRunHook):
                raise InvalidTypeError(
                    f"[Estimator] got the hook {hook!r}; expected an object of a subclass of SessionRunHook"
                )
        self.graph = graph
        self._stop = False
        self._coordinator = v1.train.Coordinator()
        self._session = ps.Session(graph)

    def __enter__(self) -> MonitoredSession:
        with v1._graph.default_graph(self.graph), self.graph.as_default():
            for hook in self.hooks:
                hook.begin()
        return self

    def start(self) -> None:
        """Tell hooks that variables have their values, and start what fills queues."""
        v1.train.start_queue_runners(self._session, self._coordinator)
        for hook in self.hooks:
            hook.after_create_session(self._session, self._coordinator)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        ended = kind is None or issubclass(kind, OutOfRangeError)
        try:
            if ended:
                for hook in self.hooks:
                    hook.end(self._session)
        finally:
            self._coordinator.request_stop()
            self._session.close()
        return ended

    def should_stop(self) -> bool:
        """Say whether a hook asked to stop."""
        return self._stop

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Run the graph, with what the hooks want besides.

        Raises:
            ValueError: Two hooks feed one tensor.
            Exception: What the session or a hook raises.
        """
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self._session)
        wanted: dict[str, Any] = {"": fetches}
        feeds = dict(feed_dict or {})
        for number, hook in enumerate(self.hooks):
            asked = hook.before_run(context)
            if asked is None:
                continue
            if asked.fetches is not None:
                wanted[str(number)] = asked.fetches
            for tensor, value in (asked.feed_dict or {}).items():
                if tensor in feeds:
                    raise InvalidValueError(
                        f"[{type(hook).__name__}] feeds {tensor!r}, which is fed already; feed another tensor"
                    )
                feeds[tensor] = value
        results = self._session.run(wanted, feeds)
        for number, hook in enumerate(self.hooks):
            hook.after_run(context, SessionRunValues(results.get(str(number))))
        self._stop = self._stop or context.stop_requested
        return results[""]
