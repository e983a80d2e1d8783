"""What we use of the standard library's dataclasses, made without compiling code for each class.

That took a quarter of `import penstock`. Type checkers see the standard ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

__all__ = ["dataclass", "field", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    _NOTHING = object()

    class _Field(NamedTuple):
        default: Any
        factory: Any

    def field(*, default: Any = _NOTHING, default_factory: Any = None) -> _Field:
        """Say what a field is when nobody gives it."""
        return _Field(default, default_factory)

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """Make a class of its annotated fields: with `__init__`, `__repr__`, `__eq__`, and a hash if it is frozen."""
        if cls is None:
            return lambda cls: _finished(cls, frozen, eq)
        return _finished(cls, frozen, eq)

    def replace(value: Any, /, **changes: Any) -> Any:
        """Return a copy with some fields changed."""
        return type(value)(**{**{name: getattr(value, name) for name in value._fields}, **changes})

    def _finished(cls: type, frozen: bool, eq: bool) -> type:
        names = tuple(name for name in cls.__annotations__)
        defaults: dict[str, _Field] = {}
        for name in names:
            given = cls.__dict__.get(name, _NOTHING)
            if isinstance(given, _Field):
                defaults[name] = given
                delattr(cls, name)
                if given.factory is None:
                    setattr(cls, name, given.default)
            elif given is not _NOTHING:
                defaults[name] = _Field(given, None)
        cls._fields, cls._defaults = names, defaults
        cls.__match_args__ = names
        cls.__init__, cls.__repr__ = _init, _repr
        if eq:
            cls.__eq__, cls.__hash__ = _eq, _hash if frozen else None
        if frozen:
            cls.__setattr__, cls.__delattr__ = _set, _delete
        return cls

    def _init(self: Any, *args: Any, **kwargs: Any) -> None:
        names = self._fields
        values = self.__dict__
        values.update(zip(names, args, strict=False))
        if kwargs:
            values.update(kwargs)
        if len(values) != len(names) or len(args) + len(kwargs) != len(names):
            _fill(self, values, args, kwargs)
        elif not all(name in values for name in names):
            _refuse(self, args, kwargs)
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    def _fill(self: Any, values: dict[str, Any], args: Any, kwargs: Any) -> None:
        if len(values) < len(args) + len(kwargs):
            _refuse(self, args, kwargs)
        defaults = self._defaults
        for name in self._fields:
            if name not in values:
                if name not in defaults:
                    _refuse(self, args, kwargs)
                default = defaults[name]
                values[name] = default.factory() if default.factory else default.default
        if len(values) != len(self._fields):
            _refuse(self, args, kwargs)

    def _refuse(self: Any, args: Any, kwargs: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} has the fields {', '.join(self._fields)}, and was given {len(args)} values"
            + (f" and {', '.join(kwargs)}" if kwargs else "")
        )

    def _values(self: Any) -> tuple[Any, ...]:
        return tuple(self.__dict__[name] for name in self._fields)

    def _repr(self: Any) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__qualname__}({shown})"

    def _eq(self: Any, other: Any) -> Any:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self: Any) -> int:
        return hash(_values(self))

    def _set(self: Any, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed; make another one")

    def _delete(self: Any, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be taken away")
