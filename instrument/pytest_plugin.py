"""The pytest fixture `instrumented`. Installed with the package; it imports nothing before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import Recorded

__all__ = ["instrumented"]


@pytest.fixture
def instrumented() -> Iterator[Recorded]:
    """Everything that the test records: see `instrument.testing.record`."""
    from .testing import record

    with record() as recorded:
        yield recorded
