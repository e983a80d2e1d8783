"""A model of which there is only a graph: it runs, and cannot be trained."""

from __future__ import annotations

from typing import Any, NoReturn

from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.models.model import Model


class RunOnlyModel(Model):
    """Run a saved graph.

    Args:
        graph: The graph: a `penstock.saved.GraphModel`.
        why: Why there is no more than a graph.
        name: A name.
    """

    def __init__(self, graph: Any, why: str, name: str | None = None) -> None:
        super().__init__(name=name)
        self.graph = graph
        self._why = why
        object.__setattr__(self, "built", True)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Run the graph, as in inference."""
        names = list(self.graph.default.inputs)
        if isinstance(inputs, dict) and set(inputs) == set(names):
            return self.graph(**inputs)
        return self.graph(*tree.flatten(inputs))

    def compile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        self._refuse("compile")

    def _need_compiled(self, method: str) -> None:
        self._refuse(method)

    def _refuse(self, method: str) -> NoReturn:
        raise InvalidValueError(
            f"[{method}] the model {self.name!r} was loaded as a graph, which runs and cannot be trained, because {self._why}; "
            "load it with its classes: keras.saving.load_model(path, custom_objects={'Net': Net}), or register them with "
            "@keras.saving.register_keras_serializable()"
        )
