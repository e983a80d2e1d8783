"""Real Keras files: a model of early Keras 2, and weights without an architecture."""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock.errors import FormatError
from penstock.saved import GraphModel
from penstock_formats.keras.read import read

pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def hub() -> Path:
    if "PENSTOCK_MIRROR" not in os.environ:
        pytest.skip("PENSTOCK_MIRROR names no folder of weights")
    return Path(os.environ["PENSTOCK_MIRROR"])


def test_resnet_of_cifar10(hub: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    model = read(hub / "weights" / "mlcommons_resnet8" / "pretrainedResnet.h5")
    assert isinstance(model, GraphModel)
    lines = (hub / "datasets" / "cifar10" / "batches.meta.txt").read_text().split()
    images, labels = [], []
    archive = hub / "datasets" / "cifar10" / "cifar10_jpeg_train6000_test1500.tar.gz"
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if "test" in parts and member.name.endswith(".jpg"):
                file = tar.extractfile(member)
                assert file is not None
                images.append(np.asarray(image.open(io.BytesIO(file.read())), np.float32))
                labels.append(lines.index(parts[-2]))
    scores = model(np.stack(images)).numpy()
    want = json.loads((hub / "expected.json").read_text())["cifar10_resnet8_float"]
    assert round((scores.argmax(1) == labels).mean(), 3) == want["jpeg_test1500_accuracy"]


def test_squeezenet_is_weights_alone(hub: Path) -> None:
    path = hub / "weights" / "squeezenet" / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with pytest.raises(FormatError, match="holds weights and no architecture; read its tensors"):
        read(path)
    tensors = read(path, weights_only=True)
    assert not isinstance(tensors, GraphModel)
    assert len(tensors) == 50
    assert all(isinstance(t, ps.Tensor) and t.dtype == "float32" for t in tensors.values())
