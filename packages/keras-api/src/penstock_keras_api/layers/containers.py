"""Lists and dictionaries that are attributes of a layer: what is put into them later belongs to the layer too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex


def joined_to(owner: Any, value: Any) -> Any:
    """Return a list or dictionary, and those inside, as ones that tell a layer what they get.

    Args:
        owner: The layer.
        value: The attribute; anything but a plain list, tuple or dictionary is returned as it is.

    Returns:
        The attribute to keep.
    """
    if type(value) is list:
        return OwnedList((joined_to(owner, item) for item in value), owner)
    if type(value) is dict:
        return OwnedDict({key: joined_to(owner, item) for key, item in value.items()}, owner)
    if type(value) is tuple:
        return tuple(joined_to(owner, item) for item in value)
    return value


class _Joined:
    """What both kinds do: tell the layer of what comes and of what goes."""

    _owner: Any = None

    def _came(self, item: Any) -> Any:
        # While a layer is copied, it has no attributes yet; what belongs to it is copied by itself.
        if self._owner is None or "_metrics" not in self._owner.__dict__:
            return item
        item = joined_to(self._owner, item)
        self._owner._own(item)
        return item

    def _gone(self, item: Any) -> Any:
        if self._owner is not None:
            self._owner._disown(item)
        return item


class OwnedList(_Joined, list[Any]):
    """A list whose variables, layers and metrics belong to a layer."""

    def __init__(self, items: Iterable[Any] = (), owner: Any = None) -> None:
        super().__init__(items)
        if owner is not None:
            self._owner = owner

    def append(self, item: Any) -> None:
        """Put an item at the end."""
        super().append(self._came(item))

    def insert(self, index: SupportsIndex, item: Any) -> None:
        """Put an item before another one."""
        super().insert(index, self._came(item))

    def extend(self, items: Iterable[Any]) -> None:
        """Put items at the end."""
        super().extend([self._came(item) for item in items])

    def __iadd__(self, items: Iterable[Any]) -> Any:  # type: ignore[misc]  # it takes what `extend` takes
        self.extend(items)
        return self

    def __setitem__(self, index: Any, item: Any) -> None:
        before = self[index]
        if isinstance(index, slice):
            super().__setitem__(index, [self._came(part) for part in item])
        else:
            super().__setitem__(index, self._came(item))
        self._gone(before)

    def __delitem__(self, index: Any) -> None:
        before = self[index]
        super().__delitem__(index)
        self._gone(before)

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take an item away, and return it."""
        return self._gone(super().pop(index))

    def remove(self, item: Any) -> None:
        """Take the first item away that equals this one."""
        del self[self.index(item)]

    def clear(self) -> None:
        """Take all items away."""
        del self[:]


class OwnedDict(_Joined, dict[Any, Any]):
    """A dictionary whose variables, layers and metrics belong to a layer."""

    def __init__(self, items: Any = (), owner: Any = None) -> None:
        super().__init__(items)
        if owner is not None:
            self._owner = owner

    def __setitem__(self, key: Any, item: Any) -> None:
        before = self.get(key)
        super().__setitem__(key, self._came(item))
        self._gone(before)

    def __delitem__(self, key: Any) -> None:
        before = self[key]
        super().__delitem__(key)
        self._gone(before)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Put items in, as `dict.update` does."""
        for key, item in dict(*args, **kwargs).items():
            self[key] = item

    def __ior__(self, items: Any) -> Any:  # type: ignore[misc]  # it takes what `update` takes
        self.update(items)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return an item; put the default there first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """Take an item away, and return it."""
        return self._gone(super().pop(key, *default))

    def popitem(self) -> tuple[Any, Any]:
        """Take the last item away, and return it with its key."""
        key, item = super().popitem()
        return key, self._gone(item)

    def clear(self) -> None:
        """Take all items away."""
        before = list(self.values())
        super().clear()
        self._gone(before)
