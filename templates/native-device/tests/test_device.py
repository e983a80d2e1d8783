"""What is special here: the device's own kernel runs on it, and the library links to nothing but the C library."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import acme_demo
import penstock as ps

LIBRARY = Path(acme_demo.__file__).with_name("libacme_demo.so")


def test_the_kernel_runs_on_the_device() -> None:
    f = ps.function(ps.negative)
    with ps.device("acme_demo"):
        y = f(ps.to_device(ps.asarray([1.0, -2.0]), "acme_demo"))
    assert y.device == "acme_demo:0"
    np.testing.assert_array_equal(y.numpy(), [-1, 2])
    assert "acme-demo (c++)" in ps.explain_placement(f)


@pytest.mark.skipif(not shutil.which("ldd"), reason="there is no ldd on this system")
def test_the_library_links_to_nothing_of_penstock() -> None:
    said = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=True).stdout
    assert "penstock" not in said
    assert "stdc++" not in said
