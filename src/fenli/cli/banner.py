"""What the user sees when `fenli serve` starts: where things are, what can be called, and how."""

from __future__ import annotations

import sys

from fenli.cli.language import say
from fenli.cli.supervisor import Plan
from fenli.config.load import Config
from fenli.config.on_device import OnDevice
from fenli.config.vendors import VendorState
from fenli.vendors.catalog import VENDORS


def tell(text: str) -> None:
    """A line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Banner:
    """Of a gateway in front of the real vendors."""

    def __init__(self, plan: Plan, config: Config, vendors: list[VendorState], model: OnDevice) -> None:
        self._plan = plan
        self._config = config
        self._on = [vendor for vendor in vendors if vendor.on]
        self._model = model

    def starting(self) -> None:
        tell(say("serve.starting", data=self._plan.data, config=self._config.file or say("serve.no_config")))
        for vendor in self._on:
            tell(say("serve.vendor_on", vendor=vendor.id, why=vendor.why))
        if self._model.weights is not None:
            tell(say("serve.local_on", model=self._model.model, megabytes=self._model.weights.bytes // 1_000_000))
        else:
            tell(say("serve.local_off", why=self._model.why))
        if not self._on and self._model.weights is None:
            tell(say("serve.nothing_on"))

    def ready(self, first_key: str | None) -> None:
        tell("")
        tell(say("serve.ready", url=self._plan.base_url))
        if first_key is None:
            tell(say("serve.make_key"))
            return
        tell(say("serve.first_key", key=first_key))
        model = self._example()
        if model is not None:
            tell("")
            tell(say("serve.try"))
            tell(curl(self._plan.base_url, first_key, model))

    def _example(self) -> str | None:
        """A model that can be called now: the one on this machine, else the first of the first vendor."""
        if self._model.weights is not None:
            return "local"
        for vendor in self._on:
            models = vendor.models or tuple(model.id for model in VENDORS[vendor.adapter].models)
            if models:
                return f"{vendor.id}/{models[0]}"
        return None


class RehearsalBanner(Banner):
    """Of a gateway in front of emulated ones: nobody may take it for the other."""

    def starting(self) -> None:
        market = self._plan.market
        assert market is not None
        vendors = ", ".join(vendor.id for vendor in self._on)
        tell(
            say(
                "rehearse.starting",
                data=self._plan.data,
                config=self._config.file,
                count=len(self._on),
                vendors=vendors,
            )
        )
        tell(say("rehearse.scenario", name=market.scenario) if market.scenario else say("rehearse.no_scenario"))

    def ready(self, first_key: str | None) -> None:
        market = self._plan.market
        assert market is not None
        super().ready(first_key)
        tell("")
        tell(say("rehearse.ready", url=f"http://127.0.0.1:{market.port}/", served=market.served, data=self._plan.data))

    def _example(self) -> str | None:
        """The first route where there is one: that is what is rehearsed."""
        routes = self._config.document.routes
        return routes[0].name if routes else super()._example()


def curl(url: str, key: str, model: str) -> str:
    return "\n".join(
        (
            f"  curl {'-k ' if url.startswith('https') else ''}{url}/chat/completions \\",
            f"    -H 'Authorization: Bearer {key}' \\",
            "    -H 'Content-Type: application/json' \\",
            f'    -d \'{{"model": "{model}",',
            f'         "messages": [{{"role": "user", "content": "{say("serve.hello")}"}}]}}\'',
        )
    )
