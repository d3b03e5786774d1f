"""A world to live environments in."""

from __future__ import annotations

import pytest

from tests.support.clock import MockClock
from tests.support.lifecycles import World
from tests.support.tenants import Tenant


@pytest.fixture
def world(organization: Tenant, clock: MockClock) -> World:
    return World(organization, clock)
