"""nginx as a plain reverse proxy: the yardstick. It reads no body, knows no key, counts nothing."""

from .. import needs, nginx
from ..service import Target
from .contender import Contender, Launch, Scene


class Nginx(Contender):
    name = "nginx"
    about = "proxy_pass, keep-alive upstream, no access log, no response buffering, 1 worker"

    def install(self) -> str:
        return needs.command([needs.program("nginx"), "-V"], merge=True).split("nginx/")[1].split()[0]

    def prepare(self, scene: Scene) -> Launch:
        location = (
            "proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ''; "
            "proxy_set_header Authorization 'Bearer upstream'; proxy_buffering off; proxy_read_timeout 600s; "
            # The body stays in memory: the default would write a long prompt to a file and read it back.
            "client_body_buffer_size 16m;"
        )
        servers = (
            f"upstream upstream {{ server {scene.upstream.removeprefix('http://')}; keepalive 256; "
            "keepalive_requests 100000000; }\n"
            f"server {{ listen 127.0.0.1:{scene.port} backlog=4096; location / {{ {location} }} }}"
        )
        return Launch(nginx.command(scene.folder, "proxy", servers, scene.connections), Target(scene.port))
