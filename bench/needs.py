"""What the benchmark needs from outside: Debian's wrk and nginx, and the limit on open files."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / "environments"
RESULTS = HERE / "results"
_PACKAGES = {"wrk": "wrk", "nginx": "nginx-light"}


class NotReady(Exception):
    """Something that a measurement needs is not to be had here. The text is for a person."""


def program(name: str) -> str:
    """The path of a program, installed from Debian's packages first if it is missing and we may."""
    found = _which(name)
    if found is None and name in _PACKAGES:
        _apt_install(_PACKAGES[name])
        found = _which(name)
    if found is None:
        raise NotReady(f"{name} is not installed and could not be installed; on Debian: apt-get install {name}")
    return found


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _apt_install(package: str) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotReady(f"{package} is missing; on Debian or Ubuntu, as root: apt-get install {package}")
    # RUNLEVEL=1 keeps the package from starting a server of its own.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        command(["apt-get", "-qq", *arguments], environment=environment)


def command(
    argv: list[str], folder: Path | None = None, environment: dict[str, str] | None = None, *, merge: bool = False
) -> str:
    """Run to the end and give its output (with its errors, if `merge`); NotReady, with its last words, if it fails."""
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise NotReady(f"{Path(argv[0]).name} {' '.join(argv[1:3])} failed ({done.returncode}):\n{said}")
    return done.stdout + done.stderr if merge else done.stdout


def raise_file_limit() -> int:
    """As many open files as this machine lets a process have, for us and for all that we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (65_536, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            break
        except (ValueError, PermissionError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
