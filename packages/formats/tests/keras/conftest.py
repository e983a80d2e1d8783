"""Real Keras, with whichever of its backends is installed."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.saved import GraphModel
from penstock_formats.keras.read import read


@pytest.fixture(scope="session")
def keras() -> Any:
    backends = [b for b in ("torch", "jax", "tensorflow") if importlib.util.find_spec(b)]
    if importlib.util.find_spec("keras") is None or not backends:
        pytest.skip("keras is not installed, or none of torch, jax and tensorflow that it runs on")
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    return pytest.importorskip("keras")


@pytest.fixture
def same(keras: Any, tmp_path: Path) -> Callable[..., GraphModel]:
    """Save a model with random weights in a format, read it, and compare what both answer."""

    def check(
        model: Any, *inputs: np.ndarray[Any, Any], suffix: str = ".keras", draw: bool = True
    ) -> GraphModel:
        rng = np.random.default_rng(7)
        for v in model.weights if draw else ():
            value = rng.normal(size=v.shape) * 0.4
            value = np.abs(value) + 0.3 if "variance" in v.path else value
            if np.issubdtype(np.dtype(v.dtype), np.floating):
                v.assign(value)
        path = tmp_path / f"model{suffix}"
        model.save(path)
        got = read(path)
        assert isinstance(got, GraphModel)
        answer = got(*inputs)
        mine = list(answer.values()) if isinstance(answer, dict) else [answer]
        wanted = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        if isinstance(wanted, dict):
            assert isinstance(answer, dict)
            mine, wanted = [answer[name] for name in wanted], list(wanted.values())
        wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
        assert len(mine) == len(wanted)
        for a, b in zip(mine, wanted, strict=True):
            b = keras.ops.convert_to_numpy(b)
            assert a.shape == b.shape
            if b.dtype.kind in "iub":
                np.testing.assert_array_equal(a.numpy(), b)
            else:
                np.testing.assert_allclose(a.numpy(), b, atol=1e-5, rtol=1e-5)
        # A batch of one is another size, which nothing in the graph may depend on.
        first = got(*[x[:1] for x in inputs])
        answers = answer if isinstance(answer, dict) else {"": answer}
        for name, a in (first if isinstance(first, dict) else {"": first}).items():
            np.testing.assert_allclose(a.numpy(), answers[name].numpy()[:1], atol=1e-5, rtol=1e-5)
        return got

    return check
