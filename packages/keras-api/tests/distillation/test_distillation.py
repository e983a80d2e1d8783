"""`keras.distillation` as real Keras has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

A = np.array([[1.0, 2.0], [0.0, -1.0]], np.float32)
B = np.array([[2.0, 1.0], [1.0, -1.0]], np.float32)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype(np.float32)
Y = RNG.normal(size=(8, 2)).astype(np.float32)
pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras on torch


@pytest.mark.parametrize(
    "text",
    [
        "D.LogitsDistillation()",
        "D.LogitsDistillation(1.5)",
        "D.LogitsDistillation(2.0, 'mse')",
        "D.FeatureDistillation()",
        "D.FeatureDistillation('cosine_similarity')",
    ],
)
def test_losses(real: Any, text: str) -> None:
    want, got = (eval(text, {"D": k.distillation}) for k in (real, keras))  # noqa: S307 - of the list above
    t = real.ops.convert_to_tensor
    expected = float(real.ops.convert_to_numpy(want.compute_loss(t(A), t(B))))
    assert float(got.compute_loss(A, B)) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    again = type(got).from_config(got.get_config())
    assert float(again.compute_loss(A, B)) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def made(k: Any, weights: Any) -> Any:
    models = []
    for prefix, values in zip(("t", "s"), weights, strict=True):
        model = k.Sequential(
            [
                k.Input((3,)),
                k.layers.Dense(4, activation="tanh", name=f"{prefix}_hidden"),
                k.layers.Dense(2, name=f"{prefix}_out"),
            ]
        )
        model.set_weights(values)
        models.append(model)
    losses = [
        k.distillation.LogitsDistillation(2.0),
        k.distillation.FeatureDistillation("mse", "t_hidden", "s_hidden"),
    ]
    distiller = k.distillation.Distiller(*models, losses, [1.0, 0.5], student_loss_weight=0.3)
    distiller.compile(k.optimizers.SGD(0.1), "mse")
    return distiller


def test_training_follows_keras(real: Any) -> None:
    shapes = [(3, 4), (4,), (4, 2), (2,)]
    weights = [[RNG.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2)]
    want, got = made(real, weights), made(keras, weights)
    for _ in range(2):
        a, b = (d.fit(X, Y, batch_size=8, verbose=0, shuffle=False).history for d in (want, got))
        for name in ("loss", "student_loss", "distillation_loss", "total_loss"):
            assert b[name][0] == pytest.approx(float(a[name][0]), rel=1e-4)
    for a, b in zip(want.student.get_weights(), got.student.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    for a, b in zip(weights[0], got.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_distiller_comes_back_from_its_configuration() -> None:
    shapes = [(3, 4), (4,), (4, 2), (2,)]
    weights = [[RNG.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2)]
    distiller = made(keras, weights)
    again = keras.distillation.Distiller.from_config(distiller.get_config())
    assert again.distillation_loss_weights == [1.0, 0.5]
    assert [layer.name for layer in again.student.layers] == ["s_hidden", "s_out"]


def test_errors_say_what_to_give() -> None:
    teacher, student = (
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]) for _ in range(2)
    )
    d = keras.distillation
    for call, remedy in (
        (lambda: d.Distiller(teacher, student, d.LogitsDistillation(), [1.0, 2.0]), "one for each"),
        (lambda: d.Distiller(teacher, student, d.LogitsDistillation(), None, 2.0), "from 0 to 1"),
        (lambda: d.Distiller(teacher, student, d.FeatureDistillation("mse", "zz")), "it has dense"),
        (lambda: d.LogitsDistillation(0.0), "a number above 0"),
    ):
        with pytest.raises(ValueError, match=remedy):
            call()
