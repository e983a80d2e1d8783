"""One call of one layer: its settings, its weights, the masks that come and go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock_formats.keras._config import class_of, need
from penstock_formats.keras._problems import damaged, problem

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._weights import Holder


@dataclass
class Call:
    """What a builder sees of its layer.

    Args:
        name: The layer's name.
        class_name: Its class.
        config: Its settings.
        holder: Its weights.
        version: The first number of the version of Keras that wrote the file.
        masks: The mask of each tensor that it is called with.
        masks_by_name: Those of tensors that are given by name.
        mask: The first of them, or the one that was given as an argument.
        out_mask: The mask of the first result.
        prefix: What stands before the names of its weights, if another layer holds it.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    holder: Holder
    version: int
    masks: list[Tensor | None] = field(default_factory=list)
    masks_by_name: dict[str, Tensor | None] = field(default_factory=dict)
    mask: Tensor | None = None
    out_mask: Tensor | None = None
    prefix: str = ""

    def weight(self, path: str, *shape: Any) -> Tensor:
        """Read a weight in the graph; None stands for any size.

        Args:
            path: Its name in the layer.
            shape: The shape that the layer's settings ask for.
        """
        return self.holder.read(
            self.prefix + path, [n if isinstance(n, int) else None for n in shape]
        )

    def get(self, key: str, default: Any) -> Any:
        """Read a setting; None counts as missing."""
        value = self.config.get(key)
        return default if value is None else value

    def integer(self, key: str, default: int | None = None) -> int:
        """Read a whole number that is not negative."""
        value = self.get(key, default)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if type(value) is not int or value < 0:
            raise damaged(f"{self} has {key}={value!r:.60}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Read a number."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise damaged(f"{self} has {key}={value!r:.60}")
        return float(value)

    def sizes(self, key: str, count: int, default: int | None = None) -> tuple[int, ...]:
        """Read a whole number for each side; one stands for all."""
        value = self.get(key, default)
        if isinstance(value, int):
            value = [value] * count
        if (
            not isinstance(value, list | tuple)
            or len(value) != count
            or any(type(n) is not int or not 0 <= n < 2**31 for n in value)
        ):
            raise damaged(f"{self} has {key}={value!r:.60}")
        return tuple(value)

    def choice(self, key: str, *choices: str) -> str:
        """Read a word; the first is the default."""
        value = self.get(key, choices[0])
        if value not in choices:
            raise self.unsupported(f"{key}={value!r:.60}")
        return str(value)

    def refuse(self, **plain: Any) -> None:
        """Refuse settings that have another value than the one that is understood."""
        for key, value in plain.items():
            if self.config.get(key, value) not in (value, None):
                raise self.unsupported(f"{key}={self.config[key]!r:.60}")

    def unsupported(self, what: str) -> Exception:
        """Make an error for a setting that cannot be imported."""
        return problem(f"{self} has {what}, which cannot be imported", "replace the layer in Keras")

    def inner(self, key: str) -> Call:
        """Make the call of a layer that this one holds in a setting, such as the cell of an RNN."""
        row = need(self.config.get(key), dict, f"{key!r} of {self}")
        config = need(row.get("config"), dict, f"the configuration of {key!r} of {self}")
        return replace(
            self,
            name=f"{self.name}/{key}",
            class_name=class_of(row),
            config=config,
            prefix=f"{self.prefix}{key}/",
            out_mask=None,
        )

    @property
    def channels_first(self) -> bool:
        """Whether the channels stand before the sides of an image."""
        return self.choice("data_format", "channels_last", "channels_first") == "channels_first"

    def to_last(self, x: Tensor) -> Tensor:
        """Move the channels behind the sides, if they stand before them."""
        return ops.moveaxis(x, 1, -1) if self.channels_first else x

    def from_last(self, x: Tensor) -> Tensor:
        """Move the channels back to where the layer has them."""
        return ops.moveaxis(x, -1, 1) if self.channels_first else x

    def __str__(self) -> str:
        return f"the {self.class_name} {self.name!r}"


class Watched(Mapping[str, Any]):
    """Settings that know which of them were asked for, so that none is silently ignored."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._asked = {"name", "sorted"}  # that change no numbers

    def __getitem__(self, key: str) -> Any:
        self._asked.add(key)
        return self._settings[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def ignored(self) -> dict[str, Any]:
        """Return the settings that nobody asked for."""
        return {
            key: value
            for key, value in self._settings.items()
            if key not in self._asked and value is not None
        }


def is_one(size: object) -> bool:
    """Whether a size is 1 for sure; one with a name is not asked, since the answer would bind the graph to it."""
    return isinstance(size, int) and size == 1
