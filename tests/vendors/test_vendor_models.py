"""The catalogue's older models, and those that are no longer answered to."""

from __future__ import annotations

from pathlib import Path

import pytest

from fenli.errors import ConfigError
from fenli.vendors.catalog import VENDORS, successor_of
from fenli.vendors.contract import Vendor
from fenli.vendors.models import departed_models, read_models

SELLERS = [vendor for vendor in VENDORS.values() if not vendor.sells]


@pytest.mark.parametrize("vendor", SELLERS, ids=lambda vendor: vendor.id)
def test_every_successor_is_a_current_model_of_the_same_vendor(vendor: Vendor) -> None:
    models = {model.id: model for model in vendor.models}
    followed = [model for model in models.values() if model.successor]
    for older in followed:
        assert models[older.successor].successor == ""
    for gone in departed_models(vendor.id):
        assert gone.id not in models
        assert models[gone.successor].successor == ""


def test_a_name_that_has_left_leads_to_its_successor() -> None:
    assert successor_of("kimi-latest") == "moonshot/kimi-k2.6"
    assert successor_of("glm-4") == "zhipu/glm-5.3"
    assert successor_of("kimi-k2.6") is None


def test_a_file_with_a_wrong_member_is_named(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    file.write_text('[[models]]\nid = "a"\n[[departed]]\nid = "b"\n')
    with pytest.raises(ConfigError, match=r"acme\.toml: .*successor"):
        read_models(file)
