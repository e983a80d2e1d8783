"""Darknet's .weights files: a header, and then all numbers as float32, layer after layer."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError

# Of a normalised layer these come first, in this order; the middle two do not learn.
_MOMENTS = ("rolling_mean", "rolling_variance")


class Weights:
    """The numbers of a .weights file, taken one array after the other, and the variables made of them.

    Args:
        data: The file's bytes.

    Raises:
        FormatError: There is no valid header.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < 16:
            raise FormatError(
                f"[darknet] the weights have {len(data)} bytes; expected a header of 16 or 20; get the file again"
            )
        self.version = struct.unpack_from("<3i", data)
        major, minor, _ = self.version
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise FormatError(
                f"[darknet] the weights begin with version {major}.{minor}; expected one below 1000; is this a darknet "
                ".weights file?"
            )
        header = 20 if major * 10 + minor >= 2 else 16
        body = data[header:]
        if len(body) % 4:
            raise FormatError(
                f"[darknet] the weights have {len(body)} bytes behind the header; expected a multiple of 4; the file is "
                "truncated: get it again"
            )
        self.numbers = np.frombuffer(body, "<f4")
        self.taken = 0
        self.variables: dict[str, ps.Variable] = {}

    def take(self, name: str, shape: tuple[int, ...], axes: tuple[int, ...] | None = None) -> Any:
        """Make a variable of the next numbers, or return the one that was made.

        Args:
            name: The variable's name.
            shape: Its shape in the file.
            axes: The order of axes in which it is wanted.
        """
        if name in self.variables:
            return self.variables[name]
        size = math.prod(shape)
        if self.taken + size > self.numbers.size:
            raise FormatError(
                f"[darknet] the weights end at number {self.numbers.size:,}, and {name} of shape {list(shape)} needs "
                f"{size:,} from {self.taken:,}; expected the weights of this .cfg: get the matching file"
            )
        values = self.numbers[self.taken : self.taken + size].reshape(shape)
        self.taken += size
        if axes is not None:
            values = values.transpose(axes)
        trainable = not name.endswith(_MOMENTS)
        made = ps.Variable(values.astype(np.float32), name=name, trainable=trainable)
        self.variables[name] = made
        return made

    def finish(self) -> None:
        """Refuse numbers that no layer took."""
        if self.taken != self.numbers.size:
            raise FormatError(
                f"[darknet] the weights have {self.numbers.size:,} numbers and the layers take {self.taken:,}; expected the "
                "weights of this .cfg: get the matching file"
            )
