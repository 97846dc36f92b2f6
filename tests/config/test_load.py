"""Each story of a wrong file: which line, which field, what to write instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fenli.clock import SECOND
from fenli.config.document import Document
from fenli.config.load import Config, find_config, load_config, schema
from fenli.config.problems import ConfigRefused, Located

Load = Callable[[str], Config]
Refused = Callable[[str], tuple[Located, ...]]


def test_without_a_file_every_default_holds() -> None:
    assert load_config(None).document == Document()


def test_a_whole_file_loads(load: Load) -> None:
    config = load(
        """
        [gateway]
        port = 4000
        workers = 2
        drain = "1m"
        deadlines = { first_byte = "10s" }
        [gateway.limits]
        body_bytes = 1048576
        [vendors.deepseek]
        api_key = "${file:/run/secrets/deepseek}"
        [vendors.mine]
        adapter = "openai"
        base_url = "http://10.0.0.5:8000/v1"
        models = ["qwen3-32b"]
        currency = "CNY"
        [[routes]]
        name = "chat"
        targets = ["deepseek/deepseek-chat", "mine/qwen3-32b"]
        """
    )
    assert config.document.gateway.drain == 60 * SECOND
    assert config.document.gateway.deadlines.first_byte == 10 * SECOND
    assert config.document.vendors["deepseek"].api_key == "file:/run/secrets/deepseek"
    assert config.document.routes[0].targets == ["deepseek/deepseek-chat", "mine/qwen3-32b"]


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("\n[gateway]\nprot = 1", 3, "gateway.prot", 'did you mean "port"?'),
        ("[gatway]\nport = 1", 1, "gatway", 'did you mean "gateway"?'),
        ("[office]\nzzz = 1", 2, "office.zzz", "there are port, journal_keep_days"),
        ("[gateway]\nport = 'x'", 2, "gateway.port", "must be a whole number, not a string"),
        ("[office]\npoll_balances = '10ms'", 2, "office.poll_balances", 'write "1s" or more'),
        ("[vendors.deepseek]\nlow_balance = '-5'", 2, "vendors.deepseek.low_balance", "below 0"),
        ("[vendors.deepseek]\nlow_balance = '5 CNY'", 2, "vendors.deepseek.low_balance", "write a plain decimal"),
        ("[vendors.deepseek]\nlow_balance = 5", 2, "vendors.deepseek.low_balance", "must be a string"),
        ("[vendors.openai]\nlow_balance = '5'", 2, "vendors.openai.low_balance", "only deepseek, moonshot,"),
        ("[vendors.openai]\npoll_balances = '5m'", 2, "vendors.openai.poll_balances", "does not tell what is left"),
        ("gateway.port = 70000", 1, "gateway.port", "must be a whole number <= 65535, not 70000"),
        ("[gateway]\ndurability = 'grop'", 2, "gateway.durability", 'did you mean "group"?'),
        ("[gateway]\ndrain = 30", 2, "gateway.drain", 'write one such as "250ms"'),
        ("[gateway]\nhost = 'http://x'", 2, "gateway.host", "is no host"),
        ("gateway = 5", 1, "gateway", "must be a section, not a whole number"),
        ("[local]\nenabled = 'atuo'", 2, "local.enabled", 'did you mean "auto"?'),
        ("[local]\n\nmodel = 'no.gguf'", 3, "local.model", "there is no file"),
        ("[prices]\ndirectories = [\n'no']", 3, "prices.directories[0]", "there is no directory"),
        ("[gateway.tls]\ncert = 'a.pem'", 1, "gateway.tls", 'needs the field "key"'),
        ("[vendors.deepsek]\nenabled = true", 1, "vendors.deepsek", 'did you mean "deepseek"?'),
        ("[vendors.deepseek]\napi_kye = ''", 2, "vendors.deepseek.api_kye", 'did you mean "api_key"?'),
        ("[vendors.deepseek]\napi_key = 'sk-1'", 2, "vendors.deepseek.api_key", 'write "${env:NAME}"'),
        ("[vendors.deepseek]\ncurrency = 'rmb'", 2, "vendors.deepseek.currency", "such as CNY or USD"),
        ("[vendors.deepseek]\nbase_url = 'x'", 2, "vendors.deepseek.base_url", "is not a base URL"),
        (
            "[vendors.me]\nadapter = 'opena'\nbase_url = 'http://h/v1'\nmodels = ['m']",
            2,
            "vendors.me.adapter",
            'did you mean "openai"?',
        ),
        ("[vendors.me]\nadapter = 'openai'\nmodels=['m']", 1, "vendors.me", "needs base_url"),
        ("[vendors.zai.deadlines]\nidel = '5s'", 2, "vendors.zai.deadlines.idel", 'did you mean "idle"?'),
        ("[[routes]]\nname = 'a'\n[[routes]]\ntargets = ['local/x']", 1, "routes[0]", 'needs the field "targets"'),
        ("[[routes]]\nname = 'a'\ntargets = []", 3, "routes[0].targets", "must not be empty"),
        ("[[routes]]\nname = 'a'\ntargets = ['zhipuu/x']", 3, "routes[0].targets[0]", 'did you mean "zhipu"?'),
        ("[[routes]]\nname = 'a'\ntargets = ['gpt-5']", 3, "routes[0].targets[0]", 'write "vendor/model"'),
        ("a = 1\nb = [", 2, None, "is not TOML at the end of the file"),
        ("a = 1\nb = = 2", 2, None, "is not TOML at column 5"),
        ("a = 1\na = 2", 2, None, "is not TOML"),
    ],
)
def test_a_mistake_is_named_by_line_field_and_next_step(
    refused: Refused, text: str, line: int, field: str | None, message: str
) -> None:
    first = refused(text)[0]
    assert (first.line, first.field) == (line, field)
    assert message in first.message


def test_a_mistyped_field_is_one_mistake(refused: Refused) -> None:
    (problem,) = refused("[[routes]]\nnmae = 'a'\ntargets = ['local/x']")
    assert (problem.field, problem.line) == ("routes[0].nmae", 2)
    assert 'did you mean "name"?' in problem.message
    assert len(refused("[[routes]]\nzzz = 'a'\ntargets = ['local/x']")) == 2


def test_two_routes_of_one_name_are_refused_where_the_second_stands(refused: Refused) -> None:
    route = "[[routes]]\nname = 'a'\ntargets = ['local/x']\n"
    assert str(refused(route * 2)[0]).endswith('fenli.toml:5: routes[1].name: "a" is the name of routes[0] already')


def test_all_problems_are_shown_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    found = refused("[vendors.me]\nmodel = 1\n[gateway]\nport = true\nprot = 1\n[locl]\n")
    assert [problem.line for problem in found] == [2, 4, 5, 6]


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="No such file"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(ConfigRefused, match=r"latin\.toml:2: is not UTF-8"):
        load_config(tmp_path / "latin.toml")


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None, {}) is None
    (tmp_path / "fenli.toml").touch()
    assert find_config(None, {}) == Path("fenli.toml")
    assert find_config(None, {"FENLI_CONFIG": "/etc/x"}) == Path("/etc/x")
    assert find_config(Path("mine"), {"FENLI_CONFIG": "/etc/x"}) == Path("mine")


def test_the_schema_knows_every_section_and_refuses_unknown_fields() -> None:
    text = json.dumps(schema())
    definitions = schema()["$defs"]
    assert set(definitions["Document"]["properties"]) == set(Document.__struct_fields__)
    assert all(definition["additionalProperties"] is False for definition in definitions.values())
    assert msgspec.json.decode(text)["title"] == "fenli.toml"
