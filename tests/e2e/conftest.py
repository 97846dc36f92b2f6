from __future__ import annotations

import pytest
from fenli_service import client_of


@pytest.fixture(scope="module")
def client(fenli):
    """Of the fenli that the module starts."""
    return client_of(fenli)
