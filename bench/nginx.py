"""Writes a configuration for nginx and gives the command that runs it in the foreground, as one worker."""

import grp
import os
import pwd
import resource
from pathlib import Path

from .needs import program


def command(folder: Path, name: str, servers: str, connections: int = 4_096) -> list[str]:
    """`servers` is what stands inside `http {}`; all files that nginx writes stay in `folder`."""
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{name}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    run_as = f"user {user} {group};" if os.geteuid() == 0 else ""
    config = folder / f"{name}.conf"
    config.write_text(
        f"{run_as} worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log stderr error;\n"
        f"worker_rlimit_nofile {files}; events {{ worker_connections {connections}; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_max_body_size 64m; {temporary}\n{servers}\n}}\n"
    )
    return [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(config)]
