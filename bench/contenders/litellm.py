"""LiteLLM's proxy, in an environment of its own, with its defaults: a master key, no database, no spend tracking."""

import shutil
import sys

from .. import needs, samples
from ..service import Target
from .contender import Contender, Launch, Pace, Scene

VERSION = "1.106.2"
# 1.82.7 and 1.82.8 were published by a thief of credentials, and 1.107.0 is not to be used either.
REFUSED = frozenset({"1.82.7", "1.82.8", "1.107.0"})

_KEY = "sk-bench-0123456789abcdef0123456789abcdef"  # nobody's: it opens the proxy that this file starts
_CONFIG = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {upstream}/v1
      api_key: sk-upstream
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""


def refuse_poisoned(version: str) -> str:
    if version in REFUSED:
        raise needs.NotReady(f"LiteLLM {version} must never be installed")
    return version


class LiteLLM(Contender):
    name = "litellm"
    about = "its defaults: 1 worker, master key, no database, no spend tracking, log level ERROR"
    pace = Pace(4, 20, 1, 1, 1, seconds_factor=1.5)

    def __init__(self) -> None:
        self._home = needs.ENVIRONMENTS / f"litellm-{VERSION}"

    def install(self) -> str:
        refuse_poisoned(VERSION)
        done = self._home / "installed"
        if not done.exists():
            shutil.rmtree(self._home, ignore_errors=True)
            needs.command([sys.executable, "-m", "venv", str(self._home)])
            pip = [str(self._home / "bin" / "python"), "-m", "pip"]
            # Wheels only: nothing that was downloaded runs while it is installed.
            needs.command([*pip, "install", "-q", "--only-binary=:all:", f"litellm[proxy]=={VERSION}"])
            done.write_text(needs.command([*pip, "freeze"]))
        installed = done.read_text().lower().partition("litellm==")[2].split()[0]
        return refuse_poisoned(installed)

    def prepare(self, scene: Scene) -> Launch:
        config = scene.folder / "litellm.yaml"
        config.write_text(_CONFIG.format(model=samples.MODEL, upstream=scene.upstream, key=_KEY))
        argv = [str(self._home / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
        argv += ["--port", str(scene.port), "--num_workers", "1"]
        # The price map that came with the package: nothing is to be fetched while we measure.
        environment = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Launch(argv, Target(scene.port, headers={"Authorization": f"Bearer {_KEY}"}), environment)
