"""What every story needs: a place where what was recorded is kept, and a way to ask who is whose child."""

import pytest

from tests.stories.told import Told


@pytest.fixture
def told():
    return Told()
