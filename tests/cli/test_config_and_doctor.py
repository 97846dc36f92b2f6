from __future__ import annotations

import json
import socket
import tomllib

from fenli_command import Fenli

OFF = "[local]\nenabled = false\n"


def test_check_names_every_mistake_and_is_2(fenli: Fenli) -> None:
    file = fenli.write("bad.toml", "[gateway]\nprot = 1\n[vendors.deepseek]\napi_key = 'sk-secret'\n")
    text = fenli.refused("config", "check", str(file), code=2)
    assert f'{file}:2: gateway.prot: is no field of [gateway]: did you mean "port"?' in text
    assert f"{file}:4: vendors.deepseek.api_key:" in text
    assert "sk-secret" not in text
    assert fenli.refused("serve", "--config", str(file), code=2) == text
    assert not fenli.data.exists()


def test_check_names_the_line_of_a_route_that_the_office_would_refuse(fenli: Fenli) -> None:
    route = '\n[[routes]]\nname = "chat"\ntargets = ["deepseek/deepseek-v4-proo"]\n'
    fenli.write("fenli.toml", OFF + route)
    text = fenli.refused("config", "check", code=2, DEEPSEEK_API_KEY="x")
    assert text.startswith("fenli.toml:4: routes[0]:") or "fenli.toml:4: routes[0]:" in text
    assert "deepseek-v4-pro" in text


def test_check_is_0_and_notes_what_is_off(fenli: Fenli) -> None:
    assert "none is needed" in fenli.out("config", "check")
    fenli.write("fenli.toml", OFF + "[vendors.deepseek]\ncurrency = 'USD'\n")
    text = fenli.out("config", "check")
    assert "deepseek is off: DEEPSEEK_API_KEY is not set" in text
    assert "fenli.toml is sound." in text


def test_show_is_what_is_in_force_without_secrets(fenli: Fenli) -> None:
    fenli.write("fenli.toml", OFF + '[gateway]\nport = 4000\n[vendors.openai]\napi_key = "${env:MY_KEY}"\n')
    text = fenli.out("config", "show", MY_KEY="sk-secret")
    assert "port = 4000" in text
    assert "workers = 1" in text
    assert "sk-secret" not in text
    fenli.environ["MY_KEY"] = "sk-secret"
    shown = fenli.json("config", "show")
    assert shown["vendors"]["openai"]["on"] is True
    assert shown["vendors"]["openai"]["why"] == "MY_KEY"
    assert shown["gateway"]["drain"] == "30s"


def test_what_is_shown_is_toml_whatever_is_said_of_a_vendor(fenli: Fenli) -> None:
    vendor = 'adapter = "vllm"\nbase_url = "http://10.0.0.5:8000/v1"\nmodels = ["m"]\n'
    said = 'limits = [{ of = "requests", remaining = "x-left" }]\noptions.thinking.budget = "most"\n'
    route = '[[routes]]\nname = "chat"\ntargets = ["mine/m"]\n'
    fenli.write("fenli.toml", f"[vendors.mine]\n{vendor}{said}{route}")
    shown = tomllib.loads(fenli.out("config", "show"))
    (limit,) = shown["vendors"]["mine"]["limits"]
    assert (limit["of"], limit["remaining"], limit["form"]) == ("requests", "x-left", "seconds")
    assert shown["vendors"]["mine"]["switches"]["thinking"][0]["budget"] == "most"
    assert shown["routes"] == [{"name": "chat", "targets": ["mine/m"]}]


def test_schema_is_json(fenli: Fenli) -> None:
    assert json.loads(fenli.out("config", "schema"))["title"] == "fenli.toml"


def test_doctor_is_well_on_a_fresh_machine(fenli: Fenli) -> None:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    fenli.write("fenli.toml", OFF + f"[gateway]\nport = {ports[0]}\n[office]\nport = {ports[1]}\n")
    checks = fenli.json("doctor")
    assert {check["name"] for check in checks} >= {
        "data",
        "config",
        "books",
        "clock",
        "ports",
        "vendor",
        "local",
        "limits",
    }
    assert not [check for check in checks if check["state"] == "fail"]
    assert all(check["next_step"] for check in checks if check["state"] != "ok")
    assert "deepseek is off (DEEPSEEK_API_KEY is not set)" in fenli.out("doctor")


def test_doctor_sees_a_key_of_another_shape_and_an_address_that_is_missing(fenli: Fenli) -> None:
    keys = {"TENCENTCLOUD_SECRET": "only-the-secret", "QIANFAN_AK_SK": "ak:sk", "HUAWEI_PANGU_KEY": "AK:SK"}
    fenli.environ |= keys
    checks = {check["what"]: check["state"] for check in fenli.json("doctor")}
    assert checks["tencent-native is off (the key of tencent-native is written SecretId:SecretKey)"] == "warn"
    assert checks["baidu-legacy is on (QIANFAN_AK_SK)"] == "ok"
    [pangu] = [what for what in checks if what.startswith("huawei-pangu")]
    assert "set base_url to https://pangu.REGION.myhuaweicloud.com" in pangu


def test_doctor_fails_on_a_taken_port_and_a_wrong_file(fenli: Fenli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fenli.write("fenli.toml", OFF + f"[gateway]\nport = {taken.getsockname()[1]}\n")
        checks = fenli.json("doctor", code=1)
    assert [check["name"] for check in checks if check["state"] == "fail"] == ["ports"]
    fenli.write("fenli.toml", "[gateway]\nprot = 1\n")
    assert "fenli.toml:2" in fenli.run("doctor", code=1).stdout


def test_doctor_sees_the_books_and_an_open_folder(books: Fenli) -> None:
    books.write("fenli.toml", OFF)
    books.data.chmod(0o755)
    try:
        checks = {check["name"]: check for check in books.json("doctor", "--config", str(books.folder / "fenli.toml"))}
    finally:
        books.data.chmod(0o700)
    assert checks["data"]["next_step"] == f"chmod 700 {books.data}"
    assert checks["journal"]["state"] == "ok"
