"""Who takes part: a candidate is a framework and a way to use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """One column of the table.

    Attributes:
        framework: Whose environment it runs in.
        title: For people.
    """

    framework: str
    title: str


@dataclass(frozen=True)
class Framework:
    """What has to be installed, and what is imported."""

    module: str
    requirements: tuple[str, ...]


FRAMEWORKS = {
    "penstock": Framework("penstock", ()),
    "torch": Framework("torch", ("torch",)),
    "tensorflow": Framework("tensorflow", ("tensorflow-cpu; sys_platform == 'linux'",)),
    "jax": Framework("jax", ("jax",)),
    "onnxruntime": Framework("onnxruntime", ("onnxruntime",)),
    "openvino": Framework("openvino", ("openvino",)),
    "numpy": Framework("numpy", ("numpy",)),
}
CANDIDATES = {
    "penstock": Candidate("penstock", "Penstock"),
    "penstock_file": Candidate("penstock", "Penstock, from ONNX"),
    "torch": Candidate("torch", "PyTorch"),
    "torch_compile": Candidate("torch", "torch.compile"),
    "tensorflow_eager": Candidate("tensorflow", "TF eager"),
    "tensorflow": Candidate("tensorflow", "tf.function"),
    "tensorflow_xla": Candidate("tensorflow", "TF, XLA"),
    "jax": Candidate("jax", "JAX"),
    "onnxruntime": Candidate("onnxruntime", "ONNX Runtime"),
    "openvino": Candidate("openvino", "OpenVINO"),
}
OURS = "penstock"
