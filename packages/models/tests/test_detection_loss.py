"""The multi-box loss against loops over anchors, torch's losses and finite differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_models.detection.loss import MultiBoxLoss, sigmoid_loss, smooth_l1


def drawn(
    seed: int = 0, batch: int = 3, anchors: int = 20, classes: int = 4
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    said = rng.normal(0, 2, (batch, anchors, 4 + classes)).astype(np.float32)
    truth = rng.normal(0, 2, (batch, anchors, 5)).astype(np.float32)
    truth[..., 4] = rng.integers(-4, classes, (batch, anchors)).clip(-1)
    truth[-1, :, 4] = -1  # a picture with nothing on it
    return truth, said


def slow(truth: Any, said: Any, kind: str, negatives: float, box_weight: float) -> float:
    total, held = 0.0, 0
    for picture in range(len(truth)):
        empty = []
        mine = 0
        for wanted, row in zip(truth[picture], said[picture], strict=True):
            cost = 0.0
            for number, logit in enumerate(row[4:]):
                right = number == wanted[4]
                chance = 1 / (1 + math.exp(-float(logit)))
                of_truth = chance if right else 1 - chance
                focus = (0.25 if right else 0.75) * (1 - of_truth) ** 2 if kind == "focal" else 1.0
                cost -= focus * math.log(of_truth)
            if wanted[4] >= 0:
                mine += 1
                for a, b in zip(wanted[:4], row[:4], strict=True):
                    far = abs(float(a) - float(b))
                    total += box_weight * (0.5 * far * far if far < 1 else far - 0.5)
                total += cost
            else:
                empty.append(cost)
        kept = len(empty) if kind == "focal" else int(negatives * max(mine, 1))
        total += sum(sorted(empty, reverse=True)[:kept])
        held += mine
    return total / held


@pytest.mark.parametrize("kind", ["hard", "focal"])
@pytest.mark.parametrize("box_weight", [1.0, 2.5])
def test_the_loss_is_that_of_loops_over_anchors(kind: Any, box_weight: float) -> None:
    truth, said = drawn()
    got = float(MultiBoxLoss(kind, negatives=2.0, box_weight=box_weight)(truth, said))
    assert got == pytest.approx(slow(truth, said, kind, 2.0, box_weight), rel=1e-5)


def test_a_batch_without_anything_has_a_loss() -> None:
    truth, said = drawn()
    assert 0 < float(MultiBoxLoss()(truth[-1:], said[-1:])) < 100


def test_parts_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-40, 40, 41).astype(np.float32)
    wanted = (x > 3).astype(np.float32)
    functional = torch.nn.functional
    want = functional.binary_cross_entropy_with_logits(
        torch.tensor(x).double(), torch.tensor(wanted).double(), reduction="none"
    )
    np.testing.assert_allclose(
        sigmoid_loss(ps.asarray(x), ps.asarray(wanted)).numpy(), want, atol=1e-6
    )
    want = functional.smooth_l1_loss(torch.tensor(x), torch.zeros(41), reduction="none")
    np.testing.assert_allclose(smooth_l1(ps.asarray(x)).numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("kind", ["hard", "focal"])
def test_its_gradient_is_the_slope(kind: Any) -> None:
    truth, said = drawn(1, batch=2, anchors=6, classes=2)
    loss = MultiBoxLoss(kind)
    slope = ps.grad(lambda x: loss(truth, x))(ps.asarray(said)).numpy()
    step = 1e-2
    for place in [(0, 0, 0), (0, 3, 4), (1, 2, 5), (0, 5, 2)]:
        moved = [said.copy(), said.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        up, down = (slow(truth, m, kind, 3.0, 1.0) for m in moved)
        assert slope[place] == pytest.approx((up - down) / (2 * step), abs=2e-3)


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="write kind='hard' or kind='focal'"):
        MultiBoxLoss("soft")  # type: ignore[arg-type]
    again = MultiBoxLoss.from_config(MultiBoxLoss("focal", box_weight=2.0).get_config())
    assert (again.kind, again.box_weight) == ("focal", 2.0)


@pytest.mark.parametrize("kind", ["hard", "focal"])
def test_things_of_a_class_count_as_much_as_is_said(kind: Any) -> None:
    truth, said = drawn(2)
    truth[..., 4] = np.abs(truth[..., 4])  # something everywhere
    plain = float(MultiBoxLoss(kind)(truth, said))
    double = float(MultiBoxLoss(kind, class_weights=(2.0,) * 4)(truth, said))
    assert double == pytest.approx(2 * plain, rel=1e-5)
    first = float(MultiBoxLoss(kind, class_weights=(1.0, 0.0, 0.0, 0.0))(truth, said))
    rest = float(MultiBoxLoss(kind, class_weights=(0.0, 1.0, 1.0, 1.0))(truth, said))
    assert first + rest == pytest.approx(plain, rel=1e-5)
