"""Records that the queue makes several of for every job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """``@dataclass(frozen=True, kw_only=True, slots=True)`` that only the type checker holds to being frozen.

    At run time a frozen dataclass sets each field by a call of ``object.__setattr__``: making one costs several times
    as much, and a job on its way through the queue is a dozen of them.
    """
    return dataclass(kw_only=True, slots=True, unsafe_hash=True)(cls)
