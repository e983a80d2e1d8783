"""What is special here: the kernel is the one in C++, and it links to nothing."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import acme_demo
import penstock as ps
from acme_demo import scale_add

LIBRARY = Path(acme_demo.__file__).with_name("libacme_demo.so")


def test_the_native_kernel_runs() -> None:
    f = ps.function(lambda x, y: scale_add(x, y, 0.5))
    np.testing.assert_array_equal(f(ps.ones((2, 3)), ps.ones((3,))).numpy(), np.full((2, 3), 1.5))
    assert "acme-demo (c++)" in ps.explain_placement(f)


def test_the_gradient() -> None:
    x, y = ps.ones((2, 3)), ps.ones((3,))
    dx, dy = ps.grad(lambda x, y: ps.sum(scale_add(x, y, 0.5)), argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(dx.numpy(), np.ones((2, 3)))
    np.testing.assert_array_equal(dy.numpy(), np.ones(3))  # 0.5 from each of two rows


@pytest.mark.skipif(not shutil.which("ldd"), reason="there is no ldd on this system")
def test_the_library_links_to_nothing() -> None:
    said = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=False)
    assert "statically linked" in said.stdout
