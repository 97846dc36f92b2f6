"""A whole fenli in a folder of its own, started as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import openai

from fenli.market.market import market_key
from fenli.market.served import Serving, read_served
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

KEYS = {
    "deepseek": "DEEPSEEK_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "zhipu": "ZHIPUAI_API_KEY",
    "minimax": "MINIMAX_API_KEY",
    "stepfun": "STEPFUN_API_KEY",
    "baichuan": "BAICHUAN_API_KEY",
    "01ai": "YI_API_KEY",
    "alibaba": "DASHSCOPE_API_KEY",
    "alibaba-native": "DASHSCOPE_NATIVE_API_KEY",
    "minimax-native": "MINIMAX_NATIVE_API_KEY",
    "ollama-native": "OLLAMA_NATIVE_API_KEY",
    "bytedance": "ARK_API_KEY",
    "tencent": "HUNYUAN_API_KEY",
    "tencent-native": "TENCENTCLOUD_SECRET",
    "baidu": "QIANFAN_API_KEY",
    "baidu-legacy": "QIANFAN_AK_SK",
    "huawei": "HUAWEI_MAAS_API_KEY",
    "huawei-pangu": "HUAWEI_PANGU_KEY",
    "iflytek": "SPARK_API_KEY",
    "iflytek-ws": "SPARK_WS_KEY",
    "sensetime": "SENSENOVA_API_KEY",
    "sensetime-native": "SENSENOVA_NATIVE_KEY",
    "tiangong": "TIANGONG_KEY",
    "tiangong-cumulative": "TIANGONG_CUMULATIVE_KEY",
    "metaso": "METASO_API_KEY",
    "vllm": "VLLM_API_KEY",
    "ollama": "OLLAMA_API_KEY",
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GEMINI_API_KEY",
    "minimax-intl": "MINIMAX_INTL_API_KEY",
    "zai": "ZAI_API_KEY",
    "local": "LOCAL_KEY",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, done, within_s: float = 30.0):
    give_up = time.monotonic() + within_s
    while not (result := done()):
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {within_s:g} s for {what}")
        time.sleep(0.02)
    return result


class Fenli:
    """``environ`` replaces every vendor's key variable. ``first_key`` is what the first start printed."""

    def __init__(self, data: Path, *, config: str | None = None, environ: dict[str, str] | None = None) -> None:
        self.data = data
        self.port, self.office_port = free_port(), free_port()
        self.file = data.with_suffix(".toml")
        self.environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        self.environ |= {"FENLI_LANG": "en", **(environ or {})}
        if config is not None:
            self.file.write_text(config)
        self.arguments = ["--data", str(data)] + (["--config", str(self.file)] if config is not None else [])
        self.first_key: str | None = None
        self.market_port: int | None = None
        self.output = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, *, workers: int = 1) -> Fenli:
        ports = ["--port", str(self.port), "--office-port", str(self.office_port), "--workers", str(workers)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fenli", "serve", *self.arguments, *ports],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ,
        )
        self.output = ""
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        wait_for("fenli serve", lambda: self._is_ready() or self._process.poll() is not None, 60)
        assert self._process.poll() is None, self.output
        found = re.search(r"fl-[\w-]{40,}", self.output)
        self.first_key = found[0] if found else self.first_key
        return self

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        return code

    def hang_up(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def command(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "fenli", *arguments, *self.arguments[:2]],
            capture_output=True,
            text=True,
            env=self.environ,
            timeout=120,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def listing(self, *arguments: str):
        return json.loads(self.command(*arguments, "--json"))

    def pids(self, role: str) -> list[int]:
        return json.loads((self.data / "serve.json").read_text())["pids"][role]

    def wait_local(self) -> None:
        wait_for("the on-device model", lambda: self.pids("local") and local_answers(self), 60)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1) as reply:
                return reply.status == 200 and self.url in self.output
        except OSError:
            return False

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output += line


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *parts):
        return None


def ask_plainly(fenli, path, body=None, *, method=None, key=None, **headers):
    """Status, headers and body of what answers a plain request, be it an error or a redirect. ``body`` goes as JSON."""
    lines = {"authorization": f"Bearer {key or fenli.first_key}"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(fenli.url + path, data, lines, method=method)
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def client_of(fenli, key=None):
    """OpenAI's own, with the first key or this one."""
    return openai.OpenAI(base_url=fenli.url, api_key=key or fenli.first_key, max_retries=0)


def newcomer(fenli, *arguments):
    """A client with a new key, as soon as the gateway knows it."""
    client = client_of(fenli, fenli.listing("key", "create", *arguments)["key"])
    wait_for("the key to work", lambda: is_known(client))
    return client


def is_known(client: openai.OpenAI) -> bool:
    try:
        return bool(client.models.list().data)
    except openai.AuthenticationError:
        return False


def told_by_office(fenli, path):
    token = (fenli.data / "admin-token").read_text().strip()
    address = f"http://127.0.0.1:{fenli.office_port}/api/{path}"
    request = urllib.request.Request(address, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def entries(fenli):
    """All of the books, as the office tells them: the last thousand."""
    return told_by_office(fenli, "entries?limit=1000")["entries"]


def entries_of(fenli, headers):
    """Those of one call in the order of its attempts, as soon as the office has posted its end."""

    def ended():
        found = [entry for entry in entries(fenli) if entry["call"] == headers["x-fenli-call-id"]]
        return found if any(entry["final"] for entry in found) else None

    return sorted(wait_for("the books", ended), key=lambda entry: entry["attempt"])


def entry_of(fenli, headers):
    (entry,) = entries_of(fenli, headers)
    return entry


def local_answers(fenli: Fenli) -> bool:
    body = json.dumps({"model": "local", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}).encode()
    headers = {"Authorization": f"Bearer {fenli.first_key}"}
    try:
        urllib.request.urlopen(urllib.request.Request(f"{fenli.url}/chat/completions", body, headers), timeout=30)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def serving(data: Path, **options) -> Iterator[Fenli]:
    fenli = Fenli(data, **options)
    try:
        yield fenli.start()
    finally:
        if fenli._process is not None:
            fenli._process.kill()
            fenli._process.wait()


@contextlib.contextmanager
def emulated_market(*arguments: str, port: int | None = None) -> Iterator[int]:
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "fenli.market", "--port", str(port), *arguments], stdout=subprocess.DEVNULL
    )
    try:
        wait_for("the market", lambda: _accepts(port))
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def on_the_market(
    folder: Path, vendors: Iterable[str], *faults: str, config: str = "", prices: Mapping[str, str] | None = None
) -> Iterator[Fenli]:
    """With these vendors, as the market emulates them. ``config`` goes on in the last one's section; ``prices`` are
    price files by vendor."""
    vendors = tuple(vendors)
    (folder / "prices").mkdir()
    for vendor, text in (prices or {}).items():
        (folder / "prices" / f"{vendor}.toml").write_text(text)
    with emulated_market("--at-once", *faults, *(f"--vendor={vendor}" for vendor in vendors)) as port:
        lines = ["[local]", "enabled = false", "[prices]", f'directories = ["{folder}/prices"]']
        for vendor in vendors:
            origin, path = parse_base_url(VENDORS[vendor].base_url)
            scheme = "ws" if origin.scheme == "wss" else "http"
            lines += [f"[vendors.{vendor}]", f'base_url = "{scheme}://127.0.0.1:{port}/{vendor}{path}"']
        environ = {KEYS[vendor]: market_key(vendor) for vendor in vendors}
        with serving(folder / "data", config="\n".join([*lines, config, ""]), environ=environ) as running:
            running.market_port = port
            yield running


def price_file(vendor: str, model: str, prices: Mapping[str, Any], unit: str = "1M_tokens", currency: str = "CNY",
               head: str = "") -> str:  # fmt: skip
    """One row from 2026 on. ``head`` says what must be said of a vendor that has no price file of its own."""
    each = ", ".join(f'{meter} = "{amount}"' for meter, amount in prices.items())
    return (
        f'vendor = "{vendor}"\n{head}[[offers]]\nmodel = "{model}"\neffective_from = 2026-01-01T00:00:00Z\n'
        f'currency = "{currency}"\nunit = "{unit}"\nprices = {{ {each} }}\n'
        'source = "this test"\nconfidence = "high"\n'
    )


def served(market_port: int) -> list[Serving]:
    """The vendors' own book."""
    with urllib.request.urlopen(f"http://127.0.0.1:{market_port}/market/served", timeout=30) as answer:
        return read_served(answer.read())


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
