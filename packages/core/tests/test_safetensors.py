"""safetensors files: what others read, what others write, and what is no such file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import errors

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES += ["float16", "float32", "float64", "complex64"]


def values(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype)


def file_of(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_come_back(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    x = values(dtype, shape)
    ps.safetensors.save_file({"x": x, "y": ps.ones((3,))}, tmp_path / "f")
    back = ps.safetensors.load_file(tmp_path / "f")
    assert back["x"].dtype == dtype
    np.testing.assert_array_equal(back["x"].numpy(), x)
    np.testing.assert_array_equal(back["y"].numpy(), [1, 1, 1])


def test_the_safetensors_library_reads_and_writes_the_same(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    tensors = {dtype: values(dtype, (3, 5)) for dtype in DTYPES if dtype != "complex64"}
    tensors["scalar"], tensors["none"] = np.array(3.5, "float32"), np.zeros((0, 2), "float64")
    ps.safetensors.save_file(tensors, tmp_path / "ours", {"format": "pt"})
    library.save_file(tensors, tmp_path / "theirs")
    read = library.load_file(tmp_path / "ours")
    ours = ps.safetensors.load_file(tmp_path / "theirs")
    assert set(read) == set(ours) == set(tensors)
    for name, x in tensors.items():
        np.testing.assert_array_equal(read[name], x)
        np.testing.assert_array_equal(ours[name].numpy(), x)
        assert ours[name].dtype.name == read[name].dtype.name == x.dtype.name
    assert ps.safetensors.load_metadata(tmp_path / "ours") == {"format": "pt"}


def test_bfloat16_is_kept_bit_by_bit(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    x = torch.tensor([1.5, -2.25, 3e38, 0.0, float("inf")], dtype=torch.bfloat16)
    library.save_file({"x": x}, tmp_path / "theirs")
    ours = ps.safetensors.load_file(tmp_path / "theirs")["x"]
    assert ours.dtype == "bfloat16"
    ps.safetensors.save_file({"x": ours}, tmp_path / "ours")
    assert torch.equal(library.load_file(tmp_path / "ours")["x"], x)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    ps.safetensors.save_file({"x": np.ones(3)}, tmp_path / "f")
    with pytest.raises(errors.DTypeError, match="save the real and the imaginary part"):
        ps.safetensors.save_file({"x": np.ones(3, "complex128")}, tmp_path / "f")
    with pytest.raises(errors.InvalidTypeError, match=r"give text: str\(1\)"):
        ps.safetensors.save_file({"x": np.ones(3)}, tmp_path / "f", {"epoch": 1})  # type: ignore[dict-item]
    assert ps.safetensors.load_file(tmp_path / "f")["x"].shape == (3,)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


HOSTILE = {
    "an empty file": b"",
    "a short length": b"\x01\x02",
    "a length beyond the file": b"\xff" * 8 + b"{}",
    "a length of more than is allowed": (200_000_000).to_bytes(8, "little") + b"{}",
    "no JSON": file_of(b"{]"),
    "no object": file_of(b"[1]"),
    "bytes that are no text": file_of(b"\xff\xfe"),
    "a tensor that is no object": file_of(b'{"a":3}'),
    "an unknown dtype": file_of(b'{"a":{"dtype":"F99","shape":[],"data_offsets":[0,4]}}', b"1234"),
    "a dtype that is no text": file_of(b'{"a":{"dtype":[],"shape":[],"data_offsets":[0,4]}}', b"1234"),
    "a negative size": file_of(b'{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'),
    "a size that is no number": file_of(b'{"a":{"dtype":"U8","shape":[true],"data_offsets":[0,1]}}', b"1"),
    "sizes that overflow": file_of(
        b'{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
    ),
    "offsets outside": file_of(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}', b"1234"),
    "offsets that go back": file_of(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', b"1234"),
    "another shape": file_of(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}', b"1234"),
    "an overlap": file_of(
        b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
        b'"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        b"123",
    ),
    "a gap": file_of(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"12"),
    "bytes that belong to nothing": file_of(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"12"),
    "a name twice": file_of(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    ),
    "metadata that is no object": file_of(b'{"__metadata__":[]}'),
    "brackets without end": file_of(b"[" * 100_000),
    "too many dimensions": file_of(
        b'{"a":{"dtype":"U8","shape":[' + b",".join([b"1"] * 70) + b'],"data_offsets":[0,1]}}', b"1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "f").write_bytes(HOSTILE[what])
    with pytest.raises(errors.FormatError, match="fetch or save it again"):
        ps.safetensors.load_file(tmp_path / "f")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_harmless(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Any byte changed, any length cut: a FormatError, or tensors of the sizes that the header gives."""
    path = tmp_path_factory.getbasetemp() / "damaged"
    ps.safetensors.save_file({"a": values("float32", (2, 3)), "b": values("int8", (5,))}, path)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) - 4, len(raw)))])
    try:
        for t in ps.safetensors.load_file(path).values():
            assert t.numpy().size == np.prod(t.shape)
    except errors.FormatError:
        pass


def test_the_header_is_what_the_format_says(tmp_path: Path) -> None:
    ps.safetensors.save_file({"b": np.ones(3, "int8"), "a": np.ones(2, "float64")}, tmp_path / "f")
    raw = (tmp_path / "f").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert (8 + length) % 8 == 0  # so that a float64 can be read where it lies
    assert json.loads(raw[8 : 8 + length]) == {
        "a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
        "b": {"dtype": "I8", "shape": [3], "data_offsets": [16, 19]},
    }
