"""Portkey's open-source gateway on Node, in an environment of its own; it keeps no keys, budgets or books."""

import json
import shutil

from .. import needs
from ..service import Target
from .contender import Contender, Launch, Pace, Scene

PACKAGE, VERSION = "@portkey-ai/gateway", "1.15.2"
NODE_SERVER = "1.13.5"


class Portkey(Contender):
    name = "portkey"
    about = f"{PACKAGE} with @hono/node-server {NODE_SERVER}, headless, target given by headers"
    pace = Pace(8, 100, 5, 1, 2)

    def __init__(self) -> None:
        self._home = needs.ENVIRONMENTS / f"portkey-{VERSION}"

    def install(self) -> str:
        done = self._home / "installed"
        if not done.exists():
            shutil.rmtree(self._home, ignore_errors=True)
            self._home.mkdir(parents=True)
            package = {
                "name": "fenli-bench-portkey",
                "private": True,
                "dependencies": {PACKAGE: VERSION},
                "overrides": {"@hono/node-server": NODE_SERVER},
            }
            (self._home / "package.json").write_text(json.dumps(package))
            npm = [needs.program("npm"), "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            needs.command(npm, folder=self._home)
            done.touch()
        for name, wanted in ((PACKAGE, VERSION), ("@hono/node-server", NODE_SERVER)):
            found = json.loads((self._home / "node_modules" / name / "package.json").read_text())["version"]
            if found != wanted:
                raise needs.NotReady(f"{name} is {found} where {wanted} was asked for")
        return VERSION

    def prepare(self, scene: Scene) -> Launch:
        script = self._home / "node_modules" / PACKAGE / "build" / "start-server.js"
        headers = {
            "Authorization": "Bearer sk-upstream",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{scene.upstream}/v1",
        }
        argv = [needs.program("node"), str(script), "--headless", f"--port={scene.port}"]
        return Launch(argv, Target(scene.port, headers=headers), {"NODE_ENV": "production"})
