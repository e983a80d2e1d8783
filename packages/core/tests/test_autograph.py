"""Python's statements over tensors inside `@function`: against the same code run eagerly, and programs made at random."""

# What is tested is code as people write it.
# ruff: noqa: SIM108

from __future__ import annotations

import itertools
import linecache
import traceback

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import DTypeError, GraphError, InvalidTypeError, InvalidValueError, ShapeError

ROWS = [[1, 2, 3], [-1, 0.5, -2], [6, 1, 1], [-4, -1, 2], [0.5, 1.5, -1]]
NUMBER = 7


def agree(fn, rows=ROWS, traces=1):
    """One graph gives what Python gives, for every row."""
    traced = ps.function(fn)
    for row in rows:
        x = np.array(row, "float32")
        expected, made = fn(ps.asarray(x)), traced(ps.asarray(x))
        if not isinstance(expected, tuple):
            expected, made = (expected,), (made,)
        for a, b in zip(made, expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6)
    assert len(traced.traces) == traces
    return traced


def kinds(traced):
    return {node.op for node in traced.graph.nodes}


# ---- if


def test_if_and_else():
    def fn(x):
        if ps.sum(x) > 0:
            y = x * 2
        else:
            y = -x
        return y

    assert "cond" in kinds(agree(fn))


def test_if_without_else_and_elif():
    def fn(x):
        y = 1.0
        if x[0] > 5:
            y = x[0]
        elif x[0] < -3:
            y, x = x[1], -x
        elif x[0] < 0:
            y += 3
        return y, x

    agree(fn)


def test_early_returns():
    def fn(x):
        if x[0] > 5:
            return x, 1.0
        if x[0] < -3:
            if x[2] > 0:
                return -x, 2.0
            x = x + 1
        return x * 3, 3.0

    agree(fn)


def test_python_s_values_stay_python_s():
    seen = []

    def fn(x):
        n = 3
        name = "small"
        if n > 2 and name:
            seen.append(type(n))
        if x[0] > 0:
            x = x + n
        for i in [1, 2]:
            x = x * i
        seen.append((n, name))
        return x

    traced = agree(fn, rows=ROWS[:1])
    assert seen[-1] == (3, "small")
    assert "while" not in kinds(traced)


def test_what_both_branches_leave_alone_stays_a_number():
    def fn(x):
        n, k = 2, 0
        if x[0] > 0:
            n, k = 2, 1
        else:
            n = 2
        return ps.reshape(x[:2], (n, 1)) + k

    agree(fn)


def test_structures_and_attributes():
    class Box:
        def __init__(self):
            self.value = None

        def __call__(self, x):
            self.value = x
            if x[0] > 0:
                self.value = self.value * 3
            return self.value

    def fn(x):
        pair = {"a": x, "b": (x, 0.0)}
        if x[0] > 0:
            pair = {"a": x * 2, "b": (x, 1.0)}
        return pair["a"] + Box()(x), pair["b"][1]

    agree(fn)


def test_assigning_a_part():
    def fn(x):
        x = x + 0
        if x[0] > 0:
            x[0] = 9.0
        for i in range(ps.cast(ps.abs(x[1]), "int32")):
            x[i] = x[i] + 5.0
        return x

    agree(fn)


def test_variables_are_assigned_in_the_branch_that_runs():
    count = ps.Variable(0)

    @ps.function
    def fn(x):
        if x > 0:
            count.assign(count + 1)
        else:
            count.assign(count - 10)
        return x

    for x in (1.0, 2.0, -1.0):
        fn(x)
    assert int(count.numpy()) == -8


def test_variables_decide():
    flag = ps.Variable(1.0)

    @ps.function
    def fn(x):
        return x if flag > 0 else -x

    assert float(fn(2.0)) == 2.0
    flag.assign(-1.0)
    assert float(fn(2.0)) == -2.0


def test_annotations_walrus_and_match():
    def fn(x):
        total: float = 0.0
        if (first := x[0]) > 0:
            total: float = first * 2
        while (rest := ps.sum(x)) < 50:
            x = x + ps.abs(rest) + 1
        match ("pair", total):
            case ("pair", value):
                if value > 3:
                    total = value - 1
        return total, x, rest

    agree(fn)


# ---- operators


def test_operators():
    def fn(x):
        a = (x[0] > 0 and not x[0] > 5) or x[1] == -1
        b = -2 < x[0] < 2
        c = x[0] if x[1] > x[2] else x[1]
        d = True and x[0] > 1
        return a, b, c, d, 1 < 2 < 3

    agree(fn)


def test_python_s_operators_do_not_look_further():
    def fn(x, maybe=None):
        if maybe is not None and maybe[0] > 0:
            return x
        return x * 2 if maybe is None or maybe[5] > 0 else x

    agree(fn)


# ---- loops


def test_while():
    def fn(x):
        rounds = 0
        while ps.sum(ps.abs(x)) < 100:
            x = x * 2
            rounds += 1
        return x, rounds

    assert "while" in kinds(agree(fn))


def test_break_continue_and_else():
    def fn(x):
        total = 0.0
        for row in x:
            if row < 0:
                continue
            if row > 2:
                break
            total = total + row
        else:
            total = total + 1000
        return total

    agree(fn)


def test_for_over_rows_is_a_scan_with_a_gradient():
    def fn(x):
        state = 0.0
        for row in x:
            if row > 0:
                state = state * row + 1
            else:
                state = state - row
        return state

    assert "scan" in kinds(agree(fn))
    agree(ps.grad(fn))
    run = ps.function(ps.grad(fn))
    np.testing.assert_allclose(run(np.array([1.0, 2, 3])), ps.grad(fn)(ps.asarray([1.0, 2, 3])))


def test_ranges_that_end_at_tensors():
    def fn(x):
        total = x * 0
        n = ps.cast(ps.abs(x[0]), "int32")
        for i in range(n):
            total = total + i * x
        for i in range(n, -2, -2):
            total = total - i
        return total

    agree(fn)


def test_enumerate_and_zip():
    def fn(x):
        total = 0.0
        for i, (a, b) in enumerate(zip(x, x * 2, strict=True)):
            total = total + i * a + b
        for a, b in zip(x, x, strict=True):
            if a * b > 3:
                break
            total = total + a
        return total

    agree(fn)


def test_return_out_of_a_loop():
    def fn(x):
        for i in range(10):
            x = x + 1
            if ps.sum(x) > 10 + i:
                return x, i
        return -x, 0

    def forever(x):
        while True:
            x = x + 1
            if ps.sum(x) > 10:
                return x

    agree(fn)
    agree(forever)


def test_python_s_loop_broken_by_a_tensor():
    def fn(x):
        k = 0
        for a in [1, 2, 3]:
            if x[0] > a:
                k = k + a
            else:
                break
        else:
            k = k + 100
        return k

    assert "while" not in kinds(agree(fn))


def test_a_list_that_grows_unrolls_the_loop():
    def fn(x):
        out = []
        for row in x:
            out.append(row * 2)  # noqa: PERF401
        return ps.stack(out)

    agree(fn)


def test_nested_loops():
    def fn(x):
        total = 0.0
        for row in x:
            k = 0.0
            while k < ps.abs(row):
                k += 1.0
                if k > 3:
                    break
                for j in range(2):
                    total = total + j * row
        return total

    agree(fn)


def test_one_graph_serves_all_lengths():
    @ps.function
    def fn(x):
        total = 0.0
        for row in x:
            total = total + row
        return total

    for n in (2, 3, 9):
        assert float(fn(np.ones(n, "float32"))) == n
    assert len(fn.traces) == 1


# ---- functions that are called


def helper(x):
    if x[0] > 0:
        return x * NUMBER
    return x


def positive(a):
    return a if a > 0 else -a


def loss(x):
    return ps.sum(helper(x) ** 2)


def test_functions_that_are_called_are_rewritten_too():
    def fn(x):
        def inner(y):
            if y[1] > 1:
                return y * y
            return y

        return helper(inner(x)), ps.grad(loss)(x), ps.vmap(positive)(x)

    agree(fn)


def test_closures_defaults_and_keywords():
    scale = 3.0

    def fn(x, by=2.0, *, shift=1.0):
        nonlocal scale
        if x[0] > 0:
            return x * by * scale + shift
        return x

    agree(fn)


def test_methods():
    class Model:
        factor = 2.0

        @ps.function
        def double(self, x):
            if x[0] > 0:
                return x * self.factor
            return x

        def other(self, x):
            if x[0] > 0:
                return self.double(x)
            return x

    agree(Model().other)


def test_it_can_be_switched_off():
    @ps.autograph.do_not_convert
    def plain(x):
        return 1 if x > 0 else 2

    def fn(x):
        return plain(x)

    for made in (ps.function(fn), ps.function(plain), ps.function(loss, autograph=False)):
        with pytest.raises(GraphError, match="no truth value"):
            made(ps.asarray(1.0) if made.__name__ != "loss" else np.ones(2))


# ---- assert


def test_assert_is_checked_when_the_graph_runs():
    @ps.function
    def fn(x):
        assert ps.all(x > 0), "x must be positive"
        assert x.ndim == 1
        return x

    fn(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="x must be positive"):
        fn(np.array([1.0, -2.0]))


# ---- what is refused, and where


def refusal(error, match, fn):
    with pytest.raises(error, match=match) as caught:
        ps.function(fn)(np.ones(3, "float32"))
    return caught.value


def test_refusals():
    def one_side(x):
        if x[0] > 0:
            y = x
        return y

    refusal(GraphError, "'y' has no value in every case after the `if` at line", one_side)

    def only_inside(x):
        for row in x:
            y = row
        return y

    refusal(GraphError, "'y' has no value in every case after the `for` at line", only_inside)

    def words(x):
        y = "a"
        if x[0] > 0:
            y = "b"
        return x, y

    refusal(GraphError, "'y' is 'b' in one branch .* 'a' in the other; set tensors", words)

    def none(x):
        if x[0] > 0:
            return x
        return None

    refusal(GraphError, "set tensors or numbers in both", none)

    def dtypes(x):
        y = x
        if x[0] > 0:
            y = x > 0
        return y

    refusal(DTypeError, "'y' is bool in one branch and float32 in the other; convert", dtypes)

    def shapes(x):
        while x[0] < 9:
            x = ps.concat([x, x])
        return x

    refusal(ShapeError, "'x' has shape .* it must keep its shape: start with", shapes)

    def changing(x):
        y = ps.asarray([1])
        while x[0] < 9:
            x, y = x + 1, y * 0.5
        return y

    refusal(DTypeError, r"'y' is int64 before .* after a round; convert it: x.astype", changing)

    def structure(x):
        y = (x, x)
        while x[0] < 9:
            x, y = x + 1, (x,)
        return y

    refusal(GraphError, "'y' changes its structure .* keep the same tuples", structure)

    def listing(x):
        out = []
        while x[0] < 9:
            out.append(x)
            x = x + 1
        return out

    refusal(GraphError, "Collect results with penstock.scan", listing)

    def mode(x):
        how = "a"
        while x[0] < 9:
            x = x + 1
            how = "b"
        return x if how else -x

    refusal(GraphError, "'how' is 'a' before .* be a tensor or a number all the time", mode)

    def scalar(x):
        for _ in x[0]:
            pass
        return x

    refusal(ShapeError, r"without axes; go through range\(n\)", scalar)

    def consumed(x):
        return list(range(ps.cast(x[0], "int32")))

    refusal(GraphError, "only a `for` of its own can go through it", consumed)


def test_errors_point_at_the_user_s_line():
    def fn(x):
        if x[0] > 0:
            y = x + 1
            y = ps.matmul(y, ps.ones((7, 7)))  # the line
        else:
            y = x
        return y

    error = refusal(ValueError, "matmul", fn)
    lines = [f.line for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__]
    assert lines[-1].endswith("# the line")

    traced = ps.function(helper)
    traced(np.ones(3, "float32"))
    (node,) = [n for n in traced.graph.nodes if n.op == "cond"]
    inner = [n.source for n in node.attrs["then_graph"].nodes if n.op == "multiply"]
    number = helper.__code__.co_firstlineno + 2
    assert inner == [f"test_autograph.py:{number}"]


def test_the_rewritten_source_can_be_read():
    assert "ps__.if_(x[0] > 0" in ps.autograph.to_code(helper)
    with pytest.raises(InvalidTypeError, match="a function written in Python"):
        ps.autograph.to_code(len)
    with pytest.raises(InvalidTypeError, match="a function written in Python"):
        ps.autograph.do_not_convert(len)
    with pytest.raises(InvalidValueError, match="write it with def, in a file"):
        ps.autograph.to_code(lambda x: x)


def test_a_function_without_source_runs_as_it_is():
    space = {}
    exec("def fn(x):\n    return x * 2", space)  # noqa: S102
    assert float(ps.function(space["fn"])(2.0)) == 4.0


# ---- programs made at random: whole and half numbers only, so that all is exact

NAMES = ("a", "b", "c")
values = st.sampled_from([*NAMES, "1.0", "-2.0", "0.5", "3.0"])
tests = st.recursive(
    st.builds("{} {} {}".format, st.sampled_from(NAMES), st.sampled_from(["<", ">", ">="]), values)
    | st.builds("-3.0 < {} < 4.0".format, st.sampled_from(NAMES))
    | st.sampled_from(["True", "n > 2"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("(not {})".format, inner)
    ),
    max_leaves=3,
)
expressions = st.builds("{} {} {}".format, values, st.sampled_from("+-"), values) | st.builds(
    "({} if {} else {})".format, values, tests, values
)


def indented(lines):
    return ["    " + line for line in lines]


@st.composite
def blocks(draw, depth=0, in_loop=False):
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["set", "set", "if", "for", "while", "jump"]))
        if kind in ("if", "for", "while") and depth < 3:
            body = draw(blocks(depth=depth + 1, in_loop=in_loop or kind != "if"))
        if kind == "if" and depth < 3:
            lines += [f"if {draw(tests)}:", *indented(body)]
            if draw(st.booleans()):
                more = draw(blocks(depth=depth + 1, in_loop=in_loop))
                lines += ["else:", *indented(more)]
        elif kind == "for" and depth < 3:
            rows = draw(st.sampled_from(["range(2)", "range(m)", "x", "[1.0, 2.0]"]))
            name = f"i{depth}" if "range" in rows else draw(st.sampled_from(NAMES))
            lines += [f"for {name} in {rows}:", *indented(body)]
        elif kind == "while" and depth < 3:
            count = f"w{depth}"
            lines += [f"{count} = 0", f"while {count} < {draw(st.sampled_from(['2', 'm']))}:"]
            lines += indented([f"{count} += 1", *body])
        elif kind == "jump" and depth > 0:
            jumps = ["return a, b", "return c, a"] + ["break", "continue"] * in_loop
            lines += [f"if {draw(tests)}:", f"    {draw(st.sampled_from(jumps))}"]
        else:
            lines.append(f"{draw(st.sampled_from(NAMES))} = {draw(expressions)}")
    return lines


number = itertools.count()


@given(body=blocks())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_programs_made_at_random(body):
    head = ["a, b, c = x[0], x[1], x[2]", "n = 3"]
    text = "\n".join(["def program(x, m):", *indented([*head, *body, "return a, b + c"])]) + "\n"
    name = f"<program {next(number)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"ps": ps}
    exec(compile(text, name, "exec"), space)  # noqa: S102
    program = space["program"]
    traced = ps.function(program)
    for row in ROWS:
        x, m = ps.asarray(np.array(row, "float32")), ps.asarray(2)
        expected = [float(v) for v in program(x, m)]
        assert [float(v) for v in traced(x, m)] == expected, text
    del linecache.cache[name]


def test_items_that_a_branch_sets_depend_on_its_condition():
    def fn(x):
        d, pair = {"a": 1.0, "b": x}, [1.0, [x, x]]
        if ps.sum(x) > 0:
            d["a"] = 2.0
            d["b"] = x * 5
            pair[1][0] = x * 3
        else:
            pair[0] = 4.0
        return x * d["a"] + d["b"] * pair[0] + pair[1][0]

    agree(fn)


def test_a_method_that_changes_a_container_in_a_branch_is_refused():
    @ps.function
    def fn(x):
        d = {"a": 1.0}
        if ps.sum(x) > 0:
            d.update(a=2.0)
        return x * d["a"]

    with pytest.raises(GraphError, match="dictionary or set changes in the `if` at line"):
        fn(np.ones(3, "float32"))


def test_a_raise_that_a_tensor_would_decide_is_refused():
    @ps.function
    def fn(x):
        if ps.sum(x) > 0:
            raise ValueError("too large")
        return x

    with pytest.raises(
        GraphError, match=r"a graph cannot decide to raise\. Write assert condition"
    ):
        fn(np.ones(3, "float32"))


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def doubled(tree):
    if isinstance(tree, list):
        return sum(doubled(branch) for branch in tree)
    return tree * 2


CALLS = {"n": 0}


def test_functions_that_call_themselves_and_write_into_what_is_around():
    last = [0]

    def keep(v):
        last[0] = v

    def fn(x):
        CALLS["n"] += 1
        keep(3)
        if x.ndim == 1:
            last[0] += 1
        return doubled([x, [x, x]]) * factorial(4)

    made = ps.function(fn)(np.ones(2, "float32"))
    np.testing.assert_array_equal(made, np.full(2, 6.0 * 24))
    assert (last, CALLS["n"]) == ([4], 1)
