"""Every instruction set of this machine computes every op's samples as the reference does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
    import zlib
    import numpy as np
    import penstock as ps

    LOOSE = {"float16": 2e-3, "float32": 2e-5}

    def run(name, sample):
        ps.random.set_seed(11)
        result = ps._native.op_function(name)(*sample.args, **sample.kwargs)
        results = result if isinstance(result, tuple) else (result,)
        return [t.numpy() for t in results if t.dtype.kind != "string"]

    def outcomes():
        found = {}
        for name, block in ps.ops.BLOCKS.items():
            if block.samples_fn is None or "kernels-cpu" not in providers[name]:
                continue
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            for i, sample in enumerate(block.samples_fn(rng)):
                found[name, i, sample.label] = run(name, sample)
        return found

    ps.add(1.0, 1.0)
    providers = {name: [row[0] for row in ps._native.kernel_rows(name)] for name in ps.ops.BLOCKS}
    levels = {row[3] for row in ps._native.kernel_rows("add") if row[0] == "kernels-cpu"}
    native = outcomes()
    ps._native.remove_kernels("kernels-cpu")
    assert not any(row[0] == "kernels-cpu" for row in ps._native.kernel_rows("add"))
    reference = outcomes()
    for key, wanted in reference.items():
        for got, want in zip(native[key], wanted, strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape, key
            if want.dtype.kind in "fc":
                loose = LOOSE.get(want.dtype.name, 1e-12)
                size = np.abs(want[np.isfinite(want)]).max(initial=1.0)
                np.testing.assert_allclose(got, want, rtol=loose, atol=loose * size * 0.1, err_msg=str(key))
            else:
                np.testing.assert_array_equal(got, want, err_msg=str(key))
    ops = {key[0] for key in reference}
    print(ps._native.cpu_isa(), *levels, len(ops), len(reference))
"""


def supported() -> set[str]:
    """Instruction sets that this processor has, as the system tells it."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
    except OSError:
        return {"portable"}
    levels = {"portable"}
    if flags >= {"avx2", "fma"}:
        levels.add("avx2")
        if flags >= {"avx512f", "avx512bw", "avx512dq", "avx512vl"}:
            levels.add("avx512")
    return levels


@pytest.mark.parametrize("isa", ["portable", "avx2", "avx512"])
def test_every_op_agrees_with_its_reference(isa: str, python: Callable[..., str]) -> None:
    if isa not in supported():
        pytest.skip(f"this processor has no {isa}")
    asked, kernels, ops, samples = python(PROGRAM, PENSTOCK_CPU_ISA=isa).split()
    assert (asked, kernels) == (isa, isa)
    assert int(ops) > 60
    assert int(samples) > 300


# The other files run with the best instruction set only; these are the ones whose code differs most between them.
FILES = (
    "test_batch_norm.py",
    "test_conv_chain.py",
    "test_conv_gradients.py",
    "test_conv_pool.py",
    "test_conv_random.py",
    "test_elementwise.py",
    "test_matmul.py",
    "test_norm_softmax.py",
    "test_winograd.py",
    "test_quantized_rescale.py",
)


@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_values_hold_with_lesser_instruction_sets(isa: str, python: Callable[..., str]) -> None:
    if isa not in supported():
        pytest.skip(f"this processor has no {isa}")
    paths = [str(Path(__file__).with_name(name)) for name in FILES]
    program = (
        f"import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *{paths}]))"
    )
    assert " passed" in python(program, PENSTOCK_CPU_ISA=isa)
