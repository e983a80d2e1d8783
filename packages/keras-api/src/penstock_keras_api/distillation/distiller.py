"""`Distiller`: train a student beside its labels by what a teacher says."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import metrics, tree
from penstock_keras_api.models import Model
from penstock_keras_api.saving import serialization


class Distiller(Model):
    """Train a student to answer as its labels and as a teacher do.

    The loss is w · (the loss of `compile`) + (1 - w) · Σ weight · distillation loss. The teacher is not trained.

    Args:
        teacher: A model that has learned.
        student: The model that learns; calling the distiller calls it.
        distillation_losses: A `DistillationLoss`, or several.
        distillation_loss_weights: A number for each; by default 1.
        student_loss_weight: w, from 0 to 1.
        name: A name.
        kwargs: As in `Model`.

    Raises:
        ValueError: The numbers do not fit, or a layer is not there.

    >>> from penstock import keras
    >>> teacher, student = (keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]) for _ in range(2))
    >>> distiller = keras.distillation.Distiller(teacher, student, keras.distillation.LogitsDistillation())
    >>> len(distiller.trainable_variables)
    2
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Any = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        found = list(tree.flatten(distillation_losses))
        weights = [1.0] * len(found)
        if distillation_loss_weights is not None:
            weights = [float(w) for w in tree.flatten(distillation_loss_weights)]
        if len(weights) != len(found):
            raise InvalidValueError(
                f"[Distiller] got {len(weights)} distillation_loss_weights for {len(found)} losses; give one for each"
            )
        if not 0 <= student_loss_weight <= 1:
            raise InvalidValueError(
                f"[Distiller] got student_loss_weight={student_loss_weight}; use a number from 0 to 1"
            )
        for loss in found:
            loss.validate_model_compatibility(teacher, student)
        teacher.trainable = False
        self.teacher, self.student = teacher, student
        self.distillation_losses = found
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self._of_teacher = _inside(teacher, [getattr(d, "teacher_layer_name", None) for d in found])
        self._of_student = _inside(student, [getattr(d, "student_layer_name", None) for d in found])
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Call the student."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch; see the class.

        Args:
            x: Inputs.
            y: Labels.
            y_pred: The student's outputs.
            sample_weight: Weights, or None.
            training: Whether it is a step of training.
        """
        own: Any = ps.zeros(())
        if self.student_loss_weight > 0:
            own = super().compute_loss(x, y, y_pred, sample_weight, training)
        taught: Any = ps.zeros(())
        if self.student_loss_weight < 1:
            truths = tree.map_structure(ps.stop_gradient, self._of_teacher(x, training=False))
            answers = self._of_student(x, training=training)
            for n, (loss, weight) in enumerate(
                zip(self.distillation_losses, self.distillation_loss_weights, strict=True)
            ):
                taught = taught + weight * loss.compute_loss(truths[n], answers[n])
        total = self.student_loss_weight * own + (1 - self.student_loss_weight) * taught
        for tracker, value in (
            (self.student_loss_tracker, own),
            (self.distillation_loss_tracker, taught),
            (self.total_loss_tracker, total),
        ):
            tracker.update_state(value)
        return total

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal distiller of."""
        return {
            **super().get_config(),
            "teacher": serialization.serialize_keras_object(self.teacher),
            "student": serialization.serialize_keras_object(self.student),
            "distillation_losses": [
                serialization.serialize_keras_object(d) for d in self.distillation_losses
            ],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a distiller of what `get_config` returned."""
        made = {
            key: serialization.deserialize_keras_object(value, custom_objects)
            for key, value in config.items()
            if key != "dtype"
        }
        return cls(**made)


def _inside(model: Any, names: list[str | None]) -> Any:
    """Make a model of the outputs that the losses look at: of layers, or of the whole."""
    if all(name is None for name in names):
        return lambda x, training: [model(x, training=training)] * len(names)
    outputs = [model.output if name is None else model.get_layer(name).output for name in names]
    return Model(model.input, outputs)
