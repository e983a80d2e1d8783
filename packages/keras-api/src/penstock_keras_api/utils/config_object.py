"""`Config`: settings by name, which can be frozen."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from penstock.errors import InvalidValueError


class Config:
    """Hold settings as attributes, and as a dictionary.

    Args:
        kwargs: Settings by name; a dictionary among them becomes a Config.

    >>> config = Config(rate=0.1, inner={"units": 3})
    >>> config.rate, config.inner.units, config["rate"]
    (0.1, 3, 0.1)
    """

    def __init__(self, **kwargs: Any) -> None:
        self._settings: dict[str, Any] = {}
        self._frozen = False
        self.update(kwargs)

    @property
    def frozen(self) -> bool:
        """Whether nothing can be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Let nothing be changed from now on."""
        self._frozen = True

    def unfreeze(self) -> None:
        """Let everything be changed again."""
        self._frozen = False

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several: of a dictionary, and by name.

        Raises:
            ValueError: It is frozen.
        """
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def pop(self, *args: Any) -> Any:
        """Remove a setting and return it.

        Raises:
            ValueError: It is frozen.
        """
        self._change("pop")
        return self._settings.pop(*args)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._settings.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._settings.values()

    def items(self) -> ItemsView[str, Any]:
        """Return names with values."""
        return self._settings.items()

    def get(self, *args: Any) -> Any:
        """Return the value of a name, or another."""
        return self._settings.get(*args)

    def as_dict(self) -> dict[str, Any]:
        """Return a dictionary, of inner Configs too."""
        return {k: v.as_dict() if isinstance(v, Config) else v for k, v in self._settings.items()}

    def to_json(self) -> str:
        """Return JSON."""
        return json.dumps(self.as_dict())

    def _change(self, name: str) -> None:
        if self._frozen:
            raise InvalidValueError(
                f"[Config] {name!r} cannot be changed, since the config is frozen; call unfreeze() first"
            )

    def __setitem__(self, key: str, value: Any) -> None:
        self._change(key)
        self._settings[key] = Config(**value) if isinstance(value, dict) else value

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("_settings", {})
        if name in settings:
            return settings[name]
        known = ", ".join(settings) or "none"
        raise AttributeError(f"[Config] there is no setting {name!r}; there are {known}")

    def __delattr__(self, name: str) -> None:
        self._change(name)
        del self._settings[name]

    def __contains__(self, key: object) -> bool:
        return key in self._settings

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._settings))

    def __len__(self) -> int:
        return len(self._settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Config {self._settings}>"
