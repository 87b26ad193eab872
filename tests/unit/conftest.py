from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.staffed import Shop, open_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
async def one_each(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify="one") as opened:
        yield opened


@pytest.fixture(params=["all", "one"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify=request.param) as opened:
        yield opened
