"""Fenli with everything on: key, limits, budget holds, routing, metering, journal, office."""

import json
import sys
from pathlib import Path

from .. import needs, samples
from ..service import Target, free_port
from .contender import Contender, Launch, Scene

_COMMAND = Path(sys.executable).with_name("fenli")

_KEYS = ("DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY")
_CONFIG = """
[local]
enabled = false

[vendors.alibaba]
base_url = "{upstream}/v1"
api_key = "${{env:DASHSCOPE_API_KEY}}"

[vendors.anthropic]
base_url = "{upstream}"
api_key = "${{env:ANTHROPIC_API_KEY}}"
"""


class Fenli(Contender):
    name = "fenli"
    about = "everything on: key, limits, budget holds, routing, metering, journal; 1 worker and the office"

    def install(self) -> str:
        if not _COMMAND.exists():
            raise needs.NotReady("not built: there is no `fenli` command beside the Python that runs the benchmark")
        return needs.command([str(_COMMAND), "--version"]).strip()

    def prepare(self, scene: Scene) -> Launch:
        config, data = scene.folder / "fenli.toml", scene.folder / "data"
        config.write_text(_CONFIG.format(upstream=scene.upstream))
        created = needs.command([str(_COMMAND), "key", "create", "--data", str(data), "--name", "bench", "--json"])
        headers = {"Authorization": f"Bearer {json.loads(created)['key']}"}
        argv = self.command(scene.port, data, config)
        return Launch(argv, Target(scene.port, headers=headers), dict.fromkeys(_KEYS, "sk-upstream"))

    def command(self, port: int, data: Path, config: Path) -> list[str]:
        argv = [str(_COMMAND), "serve", "--data", str(data), "--config", str(config), "--workers", "1"]
        return [*argv, "--port", str(port), "--office-port", str(free_port())]


class Gateway(Fenli):
    """The gateway process without its office: its journal waits to be posted, as it does whenever the office is away.

    nginx keeps no books, so this is the like of it; what posting adds is in `Fenli`.
    """

    name = "gateway"
    about = "fenli's gateway process alone: the same, with the journal written and not yet posted"

    def command(self, port: int, data: Path, config: Path) -> list[str]:
        return [sys.executable, "-m", "bench.lone_gateway", str(port), str(data), str(config)]


assert samples.MODEL == "qwen-turbo", "the model that is asked for must be one that alibaba sells and that has a price"
