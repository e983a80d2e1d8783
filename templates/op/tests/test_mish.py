"""What is special here: mish against NumPy, also where e^x overflows."""

import numpy as np

import penstock as ps
from acme_demo import mish


def test_mish() -> None:
    x = np.array([-200.0, -1.0, 0.0, 1.0, 200.0])
    expected = x * np.tanh(np.logaddexp(x, 0))
    np.testing.assert_allclose(mish(ps.asarray(x)).numpy(), expected, rtol=1e-14)


def test_the_gradient_is_that_of_its_parts() -> None:
    x, h = np.array([-1.0, 0.5, 2.0]), 1e-6
    slope = ps.grad(lambda x: ps.sum(mish(x)))(ps.asarray(x)).numpy()
    up, down = (mish(ps.asarray(x + s)).numpy() for s in (h, -h))
    np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-8)
