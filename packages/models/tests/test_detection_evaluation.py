"""Average precision, against pycocotools where it is installed, and against cases worked by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from penstock.errors import InvalidValueError
from penstock_models.data import Boxes
from penstock_models.evaluation import Found, evaluate_detection
from penstock_models.evaluation.boxes import match, overlaps

LABELS = ("cat", "dog", "owl")


def scene(seed: int, pictures: int = 40) -> tuple[list[Found], list[Boxes]]:
    """Return boxes near true ones, with wrong labels, doubles and inventions among them; scores repeat."""
    rng = np.random.default_rng(seed)
    found, targets = [], []
    for _ in range(pictures):
        n = rng.integers(0, 5)
        low = rng.uniform(0, 0.7, (n, 2))
        true = np.concatenate([low, low + rng.uniform(0.05, 0.3, (n, 2))], 1)
        kinds = rng.integers(0, 2, n)  # never an owl
        copies = rng.integers(0, 3, n).repeat(1)
        near = np.repeat(true, copies, 0)
        near = near + rng.normal(0, 0.02, near.shape)
        near_kinds = np.where(rng.random(len(near)) < 0.85, np.repeat(kinds, copies), 2)
        odd_low = rng.uniform(0, 0.7, (2, 2))
        odd = np.concatenate([odd_low, odd_low + 0.2], 1)
        boxes = np.concatenate([near, odd])
        classes = np.concatenate([near_kinds, rng.integers(0, 3, 2)])
        found.append(Found(boxes, rng.random(len(boxes)).round(2), classes))
        targets.append(Boxes(true, kinds))
    return found, targets


def by_pycocotools(found: list[Found], targets: list[Boxes]) -> tuple[float, float]:
    """Return AP and AP50."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")

    def wide(box: np.ndarray) -> list[float]:
        left, top, right, bottom = (1000 * box).tolist()
        return [left, top, right - left, bottom - top]

    things = [
        {"image_id": i, "category_id": int(k) + 1, "bbox": wide(b), "iscrowd": 0}
        for i, t in enumerate(targets)
        for b, k in zip(t.corners, t.classes, strict=True)
    ]
    for number, thing in enumerate(things, 1):
        thing |= {"id": number, "area": thing["bbox"][2] * thing["bbox"][3]}
    boxes = [
        {"image_id": i, "category_id": int(k) + 1, "bbox": wide(b), "score": float(s)}
        for i, f in enumerate(found)
        for b, s, k in zip(f.corners, f.scores, f.classes, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": i} for i in range(len(targets))],
            "categories": [{"id": i + 1, "name": n} for i, n in enumerate(LABELS)],
            "annotations": things,
        }
        truth.createIndex()
        judge = cocoeval.COCOeval(truth, truth.loadRes(boxes), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, targets = scene(seed)
    ap, ap50 = by_pycocotools(found, targets)
    made = evaluate_detection(found, targets, LABELS)
    assert made.ap50.value == pytest.approx(ap50, abs=1e-9)
    assert made.ap == pytest.approx(ap, abs=1e-9)


def slow_precision(
    found: list[Found], targets: list[Boxes], label: int, least: float, voc: bool
) -> float:
    """Follow the published rules one box at a time, with lists only."""
    ranked = sorted(
        (
            (-float(s), i, tuple(b))
            for i, f in enumerate(found)
            for b, s, k in zip(f.corners, f.scores, f.classes, strict=True)
            if k == label
        ),
        key=lambda row: row[0],
    )
    open_things = {
        i: [[tuple(b), False] for b, k in zip(t.corners, t.classes, strict=True) if k == label]
        for i, t in enumerate(targets)
    }
    total = sum(map(len, open_things.values()))
    hits, curve = 0, []
    for rank, (_, picture, box) in enumerate(ranked, 1):
        candidates = [
            (overlap_of(box, thing[0]), number)
            for number, thing in enumerate(open_things[picture])
            if voc or not thing[1]
        ]
        best = max(candidates, default=(0.0, -1))
        if best[0] >= least and not open_things[picture][best[1]][1]:
            open_things[picture][best[1]][1] = True
            hits += 1
        curve.append((hits / total, hits / rank))
    if voc:
        area, reached = 0.0, 0.0
        for at, (recall, _) in enumerate(curve):
            area += (recall - reached) * max(p for _, p in curve[at:])
            reached = recall
        return area
    points = [max((p for r, p in curve if r >= level / 100), default=0.0) for level in range(101)]
    return sum(points) / 101


def overlap_of(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)


@pytest.mark.parametrize("rules", ["coco", "voc"])
@pytest.mark.parametrize("least", [0.5, 0.75])
def test_average_precision_is_that_of_following_the_rules_slowly(rules: str, least: float) -> None:
    found, targets = scene(11, pictures=25)
    made = evaluate_detection(found, targets, LABELS)
    for label in (0, 1):
        slow = slow_precision(found, targets, label, least, rules == "voc")
        assert made.average_precision(label, least, rules) == pytest.approx(slow, abs=1e-9)
        assert 0 < slow < 1


def worked() -> tuple[list[Found], list[Boxes]]:
    """Two cats on one picture; a sure right box, a sure wrong one, an unsure right one."""
    cats = np.array([[0.0, 0.0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7]])
    boxes = np.array([[0.0, 0.0, 0.2, 0.2], [0.8, 0.0, 1.0, 0.2], [0.5, 0.5, 0.7, 0.7]])
    found = Found(boxes, np.array([0.9, 0.8, 0.5]), np.zeros(3, int))
    return [found], [Boxes(cats, np.zeros(2, int))]


def test_a_case_worked_by_hand() -> None:
    """Precision 1 up to recall 1/2, then 2/3: VOC (1 + 2/3) / 2; COCO has 51 points of 1 and 50 of 2/3."""
    made = evaluate_detection(*worked(), LABELS)
    assert made.average_precision(0, 0.5, "voc") == pytest.approx(5 / 6)
    assert made.average_precision(0, 0.5) == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert made.average_precision(1, 0.5) is None
    scores = made.classes
    assert (scores[0].things, scores[0].found, scores[1].ap50) == (2, 3, None)
    assert made.ap50.value == scores[0].ap50 == pytest.approx(made.ap)


def test_a_thing_is_found_once() -> None:
    """The second box overlaps the left thing most, which is taken: COCO gives it the right one, VOC nothing."""
    things = np.array([[0.0, 0.0, 1.0, 1.0], [0.3, 0.0, 1.3, 1.0]])
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [0.1, 0.0, 1.1, 1.0]])
    assert match(boxes, things, 0.5, "coco").tolist() == [0, 1]
    assert match(boxes, things, 0.5, "voc").tolist() == [0, -1]
    assert match(boxes[:0], things, 0.5).tolist() == []
    assert match(boxes, things[:0], 0.5).tolist() == [-1, -1]


def test_overlaps_are_shared_over_covered() -> None:
    a = np.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    b = np.array([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    assert overlaps(a, b) == pytest.approx(np.array([[1 / 7, 1.0, 0.0], [0.0, 0.0, 0.0]]))


def test_mistakes_are_named() -> None:
    found, targets = worked()
    dog = Found(np.array([[0.1, 0.1, 0.4, 0.4]]), np.array([0.7]), np.array([1]))
    cat = Boxes(np.array([[0.1, 0.1, 0.4, 0.4]]), np.array([0]))
    made = evaluate_detection([*found, dog], [*targets, cat], LABELS)
    assert [(m.index, m.kind, m.label, m.score) for m in made.mistakes] == [
        (1, "missed", "cat", 1.0),
        (0, "false alarm", "cat", 0.8),
        (1, "wrong label", "dog", 0.7),
    ]


def test_the_interval_holds_the_value_and_is_the_same_every_time() -> None:
    found, targets = scene(5)
    made = evaluate_detection(found, targets, LABELS).ap50
    assert made.low < made.value < made.high
    assert made == evaluate_detection(found, targets, LABELS).ap50


def test_a_detector_that_finds_nothing_has_zero() -> None:
    nothing = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    made = evaluate_detection([nothing], worked()[1], LABELS)
    assert (made.ap50.value, made.ap) == (0.0, 0.0)
    assert [m.kind for m in made.mistakes] == ["missed", "missed"]


def test_lists_that_do_not_belong_together() -> None:
    found, targets = worked()
    for wrong in ((found * 2, targets), ([], [])):
        with pytest.raises(InvalidValueError, match="both for every picture"):
            evaluate_detection(*wrong, LABELS)
