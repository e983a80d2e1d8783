"""Models that Keras 2 saved, and layers of words, against what they answered; make_facts.py wrote both."""

from pathlib import Path

import numpy as np
import pytest

from penstock.saved import GraphModel
from penstock_formats.keras.read import read

pytest.importorskip("h5py")
FACTS = dict(np.load(Path(__file__).with_name("facts.npz")))
FILES = sorted(key for key in FACTS if "/file" in key)


@pytest.mark.parametrize("file", FILES)
def test_files_answer_as_they_did(tmp_path: Path, file: str) -> None:
    case, _, suffix = file.partition("/file")
    path = tmp_path / f"model{suffix}"
    path.write_bytes(FACTS[file].tobytes())
    model = read(path)
    assert isinstance(model, GraphModel)
    inputs = [FACTS[key] for key in FACTS if key.startswith(f"{case}/in")]
    inputs = [x.astype(object) if x.dtype.kind == "S" else x for x in inputs]
    wanted = [FACTS[key] for key in FACTS if key.startswith(f"{case}/out")]
    made = list(model(*inputs).values())
    assert len(made) == len(wanted)
    for mine, want in zip(made, wanted, strict=True):
        if want.dtype.kind in "Si":
            assert mine.tolist() == want.tolist()
        else:
            np.testing.assert_allclose(mine.numpy(), want, rtol=1e-5, atol=1e-6)
