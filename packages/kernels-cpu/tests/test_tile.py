"""Tile programs run natively: every opcode bit for bit like its op, whatever broadcasts; sums near float64's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native
from penstock.ops._tile_program import Instruction, TileProgram, op_of, opcodes
from penstock.ops.tiles import tile_program

SHAPES = [
    [(), (), ()],
    [(7,), (7,), ()],
    [(33, 5), (5,), (33, 1)],
    [(3, 1500), (1500,), (3, 1)],
    [(2, 3, 4), (3, 1), (4,)],
    [(4, 1, 130), (6, 1), (130,)],
    [(70001,), (1,), (70001,)],
    [(5, 1), (5, 1), (1, 1)],
    [(0, 4), (4,), ()],
]
ELEMENTWISE = [o for o in opcodes().values() if not o.reduces]


def draw(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    if kind == "M":
        return np.asarray(rng.random(shape) < 0.5)
    x = np.asarray(rng.standard_normal(shape), "float32")
    if x.size > 8:
        x.flat[:6] = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40]
    return x


def run(program: TileProgram, inputs: list[Any]) -> list[np.ndarray]:
    made = tile_program(
        [ps.asarray(x) for x in inputs], program.words(), program.constants, "float32"
    )
    return [t.numpy() for t in made]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("opcode", ELEMENTWISE, ids=lambda o: o.name)
def test_an_opcode_is_its_op_bit_for_bit(opcode: Any, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(opcode.code)
    inputs = [draw(rng, s, kind) for s, kind in zip(shapes, opcode.operands, strict=False)]
    n = len(inputs)
    got = run(TileProgram(n, (), (Instruction(opcode.name, tuple(range(n))),), (n,)), inputs)[0]
    name, attributes = op_of(opcode.name)
    if name == "cast":
        attributes = {"dtype": "float32" if opcode.name == "NUMBER" else "bool"}
    whole = np.broadcast_arrays(*inputs)  # relu_grad broadcasts nothing itself
    expected = _native.call_op(name, [ps.asarray(x) for x in whole], attributes)[0].numpy()
    assert got.dtype == expected.dtype
    nan = got != got  # whose sign is nobody's business
    np.testing.assert_array_equal(nan, expected != expected)
    assert np.where(nan, 0, got).tobytes() == np.where(nan, 0, expected).tobytes()


PAIRED = ("ADD", "SUBTRACT", "MULTIPLY")


@pytest.mark.parametrize("turned", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("second", PAIRED)
@pytest.mark.parametrize("first", PAIRED)
def test_two_in_one_pass_round_twice(first: str, second: str, turned: bool) -> None:
    """Pairs share a pass, in all mixtures of rows and single numbers; no product may meet its sum unrounded."""
    rng = np.random.default_rng(3)
    shapes: list[tuple[int, ...]] = [(1337,), ()]
    for sizes in itertools.product(shapes, repeat=3):
        x, y, z = (np.asarray(rng.standard_normal(s), "float32") for s in sizes)
        keep = np.asarray(
            rng.standard_normal(1337), "float32"
        )  # the domain, whatever the others are
        steps = (
            Instruction(first, (0, 1)),
            Instruction(second, (2, 4) if turned else (4, 2)),
            Instruction("MAXIMUM", (5, 3)),
        )
        got = run(TileProgram(4, (), steps, (6,)), [x, y, z, keep])[0]
        inner = getattr(np, first.lower())(x, y)
        outer = getattr(np, second.lower())(*((z, inner) if turned else (inner, z)))
        np.testing.assert_array_equal(got, np.maximum(outer, keep))


def test_a_value_with_two_users_is_not_lost_in_a_pair() -> None:
    x = np.linspace(-2, 2, 5000, dtype=np.float32)
    steps = (
        Instruction("MULTIPLY", (0, 1)),
        Instruction("ADD", (2, 2)),  # both operands
        Instruction("SUBTRACT", (3, 0)),
        Instruction("MULTIPLY", (4, 4)),
        Instruction("ADD", (5, 3)),
    )
    got = run(TileProgram(1, (0.3,), steps, (6, 4)), [x])
    three = x * np.float32(0.3) + x * np.float32(0.3)
    four = three - x
    np.testing.assert_array_equal(got[0], four * four + three)
    np.testing.assert_array_equal(got[1], four)


def test_inputs_repeat_along_any_axes() -> None:
    """Rows, columns, and what repeats in groups of rows ([b, 1, 1, c]): numbers and masks, of sizes large and small."""
    rng = np.random.default_rng(11)
    for trial in range(150):
        rank = int(rng.integers(1, 6))
        full = [int(n) for n in rng.choice([1, 2, 3, 5, 16, 17, 40, 129], rank)]
        while np.prod(full) > 60_000:
            full[int(np.argmax(full))] //= 2
        if trial % 10 == 0:
            full[-1] = 2500
        kept = [[n if rng.random() < 0.5 else 1 for n in full] for _ in range(4)]
        x = rng.standard_normal(full).astype("float32")
        y, z = (rng.standard_normal(s).astype("float32") for s in kept[:2])
        m, k = (rng.random(s) < 0.5 for s in kept[2:])
        steps = (
            Instruction("MULTIPLY", (0, 1)),
            Instruction("SUBTRACT", (5, 2)),
            Instruction("WHERE", (3, 6, 2)),
            Instruction("WHERE", (4, 7, 1)),
        )
        want = np.where(k, np.where(m, x * y - z, z), y)
        axes = int(rng.integers(0, rank + 1))
        if axes == 0:
            got = run(TileProgram(5, (), steps, (8, 6)), [x, y, z, m, k])
            np.testing.assert_array_equal(got[0], np.broadcast_to(want, full))
            np.testing.assert_array_equal(got[1], x * y - z)
        else:
            fold = Instruction("MAX", (8,), axes)
            got = run(TileProgram(5, (), (*steps, fold), (9,)), [x, y, z, m, k])
            over = tuple(range(rank - axes, rank))
            np.testing.assert_array_equal(got[0], np.broadcast_to(want, full).max(over))


def test_masks_have_a_native_kernel_too() -> None:
    rows = {row[2] for row in _native.kernel_rows("core.tile") if row[0] == "kernels-cpu"}
    assert any("f32,bool->f32" in row for row in rows)


@pytest.mark.parametrize("name", ["SUM", "MEAN", "MAX", "MIN"])
@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        ([(40, 7), (7,)], 1),
        ([(40, 7), (40, 1)], 2),
        ([(3, 5000), (5000,)], 1),
        ([(2, 3, 4, 500), (4, 1)], 2),
        ([(300000,), ()], 1),
        ([(6, 1), (6, 1)], 1),
        ([(1000, 1000), (1000, 1)], 2),
    ],
)
def test_reductions_against_numpy(name: str, shapes: list[tuple[int, ...]], axes: int) -> None:
    rng = np.random.default_rng(axes)
    x, y = (np.asarray(rng.standard_normal(s), "float32") for s in shapes)
    steps = (Instruction("SUBTRACT", (0, 1)), Instruction("SQUARE", (2,)))
    fold = Instruction(name, (3,), axes)
    got = run(TileProgram(2, (), (*steps, fold), (4, 3)), [x, y])
    exact = np.square(x - y)
    over = tuple(range(exact.ndim - axes, exact.ndim))
    expected = getattr(np, name.lower())(exact.astype("float64"), axis=over)
    np.testing.assert_array_equal(got[1], exact)
    np.testing.assert_allclose(got[0], expected, rtol=1e-6 if name in ("SUM", "MEAN") else 0)


def test_nan_wins_in_max_and_stays_in_its_row() -> None:
    x = np.ones((3, 40), "float32")
    x[1, 7] = np.nan
    steps = (
        Instruction("NEGATIVE", (0,)),
        Instruction("MAX", (1,), 1),
        Instruction("MIN", (1,), 1),
    )
    for row in run(TileProgram(1, (), steps, (2, 3)), [x]):
        np.testing.assert_array_equal(row, [-1, np.nan, -1])


@pytest.mark.parametrize("shape", [(1 << 20,), (3000, 333)])
def test_the_same_bits_with_any_number_of_threads(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, row = rng.standard_normal(shape, "float32"), rng.standard_normal(shape[-1:], "float32")
    steps = (
        Instruction("MULTIPLY", (0, 1)),
        Instruction("TANH", (2,)),
        Instruction("SUM", (3,), len(shape)),
    )
    program = TileProgram(2, (), steps, (3, 4))
    before, results = _native.num_threads(), []
    try:
        for threads in (1, 2, 5):
            _native.set_num_threads(threads)
            results.append([a.tobytes() for a in run(program, [x, row])])
    finally:
        _native.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_results_larger_than_the_cache_are_streamed_whole() -> None:
    x = np.arange((9 << 20) + 5, dtype="float32")
    program = TileProgram(1, (1.0,), (Instruction("ADD", (0, 1)),), (2,))
    np.testing.assert_array_equal(run(program, [x])[0], x + np.float32(1))


def test_the_longest_program_runs() -> None:
    names = ("MAXIMUM", "SUBTRACT")
    links = (Instruction(names[i % 2], (12 + i, i % 12)) for i in range(31))
    chain = (Instruction("ADD", (0, 1)), *links)
    inputs = [np.random.default_rng(i).standard_normal((50, 9), "float32") for i in range(12)]
    program = TileProgram(12, (), chain, (43, 20))
    expected = program.run(inputs, np.dtype("float32"))
    for got, wanted in zip(run(program, inputs), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
