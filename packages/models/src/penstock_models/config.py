"""Sizes and choices of an architecture, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.errors import InvalidValueError


class Config(BaseModel):
    """Base of an architecture's configuration: plain data that JSON can hold; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make a configuration of plain data.

        Args:
            data: Fields and their values.

        Returns:
            The configuration.

        Raises:
            ValueError: A field is unknown, or its value is of the wrong kind.
        """
        try:
            return cls(**data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidValueError(
                f"[{cls.__name__}] {where}: {first['msg']}; the fields are {', '.join(cls.model_fields)}"
            ) from None
