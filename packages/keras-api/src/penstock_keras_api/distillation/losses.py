"""What a student learns from a teacher: its logits, or what is inside of it."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import losses, tree


class DistillationLoss:
    """How far a student is from its teacher; subclasses say in what."""

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return a number.

        Raises:
            NotImplementedError: The subclass has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method compute_loss: write one")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Check that the outputs can be compared.

        Raises:
            ValueError: They cannot.
        """
        mine, theirs = (len(tree.flatten(o)) for o in (student_outputs, teacher_outputs))
        if mine != theirs:
            raise InvalidValueError(
                f"[{type(self).__name__}] the teacher has {theirs} outputs, the student {mine}; give models with equally "
                "many"
            )

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check that the models can be compared.

        Raises:
            ValueError: They cannot.
        """


class LogitsDistillation(DistillationLoss):
    """Compare outputs over a temperature T: loss(teacher / T, student / T).

    As in Keras, the loss gets the outputs over T as they are: no softmax is applied to them.

    Args:
        temperature: T.
        loss: A loss, or its name.

    Raises:
        ValueError: The temperature is not above 0.

    >>> from penstock import keras
    >>> loss = keras.distillation.LogitsDistillation(temperature=2.0)
    >>> logits = keras.ops.array([[1.0, 2.0]])
    >>> abs(float(loss.compute_loss(logits, logits))) < 1e-4
    True
    """

    def __init__(self, temperature: Any = 3.0, loss: Any = "kl_divergence") -> None:
        if not isinstance(temperature, int | float) or temperature <= 0:
            raise InvalidValueError(
                f"[LogitsDistillation] got temperature={temperature!r}; use a number above 0"
            )
        self.temperature = temperature
        self.loss = _losses(loss)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the mean loss.

        Args:
            teacher_outputs: Logits, in any structure.
            student_outputs: Logits, in the same structure.
            kwargs: Kept for compatibility.
        """
        self.validate_outputs(teacher_outputs, student_outputs)
        total: Any = 0.0
        for loss, teacher, student in _rows(self.loss, teacher_outputs, student_outputs):
            t, s = ps.asarray(teacher) / self.temperature, ps.asarray(student) / self.temperature
            total = total + ps.mean(loss(t, s))
        return total

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal loss of."""
        return {"temperature": self.temperature, "loss": _serialized(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a loss of what `get_config` returned."""
        return cls(**config)


class FeatureDistillation(DistillationLoss):
    """Compare what comes out of layers.

    Args:
        loss: A loss, or its name.
        teacher_layer_name: A layer of the teacher; None for its output.
        student_layer_name: A layer of the student; None for its output.

    >>> from penstock import keras
    >>> a, b = keras.ops.array([[1.0, 2.0]]), keras.ops.array([[1.0, 0.0]])
    >>> float(keras.distillation.FeatureDistillation().compute_loss(a, b))
    2.0
    """

    def __init__(
        self,
        loss: Any = "mse",
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
    ) -> None:
        self.loss = _losses(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check that the layers are there.

        Raises:
            ValueError: One is not.
        """
        for who, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            known = [layer.name for layer in model.layers]
            if name is not None and name not in known:
                raise InvalidValueError(
                    f"[FeatureDistillation] the {who} has no layer {name!r}; it has {', '.join(known)}"
                )

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the mean loss.

        Args:
            teacher_outputs: What came out of the teacher's layer.
            student_outputs: What came out of the student's.
            kwargs: Kept for compatibility.
        """
        self.validate_outputs(teacher_outputs, student_outputs)
        total: Any = 0.0
        for loss, teacher, student in _rows(self.loss, teacher_outputs, student_outputs):
            total = total + ps.mean(loss(ps.asarray(teacher), ps.asarray(student)))
        return total

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal loss of."""
        return {
            "loss": _serialized(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a loss of what `get_config` returned."""
        return cls(**config)


def _losses(given: Any) -> Any:
    if isinstance(given, dict) and "class_name" not in given:
        return {key: losses.get(value) for key, value in given.items()}
    return [losses.get(v) for v in given] if isinstance(given, list | tuple) else losses.get(given)


def _serialized(found: Any) -> Any:
    return tree.map_structure(losses.serialize, found)


def _rows(loss: Any, teacher: Any, student: Any) -> list[tuple[Any, Any, Any]]:
    pairs = list(zip(tree.flatten(teacher), tree.flatten(student), strict=True))
    several = tree.flatten(loss) if isinstance(loss, dict | list | tuple) else [loss] * len(pairs)
    if len(several) != len(pairs):
        raise InvalidValueError(
            f"[distillation] got {len(several)} losses for {len(pairs)} outputs; give one, or one for each"
        )
    return [(one, t, s) for one, (t, s) in zip(several, pairs, strict=True)]
