from __future__ import annotations

from fenli_command import Fenli

OWN_PRICES = """
vendor = "openai"
[[offers]]
model = "gpt-test"
effective_from = 2026-01-01T00:00:00Z
effective_to = 2026-06-01T00:00:00Z
currency = "USD"
unit = "1M_tokens"
prices = { input = "0.123456", output = "2" }
source = "this test"
confidence = "high"
"""


def test_a_price_is_shown_as_it_was_at_an_instant(fenli: Fenli) -> None:
    (fenli.folder / "prices").mkdir()
    fenli.write("prices/openai.toml", OWN_PRICES)
    fenli.write("fenli.toml", '[prices]\ndirectories = ["prices"]\n')
    [row] = fenli.json("prices", "show", "gpt-test", "--at", "2026-02-01")
    assert (row["prices"], row["currency"], row["source"]) == ({"input": "0.123456", "output": "2"}, "USD", "this test")
    text = fenli.out("prices", "show", "openai/gpt-test", "--at", "2026-02-01T00:00:00+08:00")
    assert "0.123456" in text
    assert "this test (confidence: high)" in text
    gone = fenli.refused("prices", "show", "gpt-test", "--at", "2026-07-01", code=1)
    assert "from 2026-01-01 to 2026-06-01" in gone


def test_a_day_is_the_vendors_own(fenli: Fenli) -> None:
    """What is sold in yuan begins at midnight in China: 16:00 of the day before in UTC."""
    (fenli.folder / "prices").mkdir()
    own = OWN_PRICES.replace("2026-01-01T00:00:00Z", "2026-01-02T00:00:00+08:00")
    own = own.replace("2026-06-01T00:00:00Z", "2026-06-02T00:00:00+08:00")
    yuan = own.partition("[[")[2].replace("USD", "CNY").replace('"0.123456"', '"0.9"').replace('"2"', '"14"')
    fenli.write("prices/openai.toml", f"{own}[[{yuan}")
    fenli.write("fenli.toml", '[prices]\ndirectories = ["prices"]\n')
    text = fenli.out("prices", "show", "gpt-test", "--at", "2026-02-01")
    dollars, yuan = text.split("openai/gpt-test, ")[1:]  # the vendor's own currency first
    assert yuan.startswith("CNY per 1M tokens, dates in Asia/Shanghai\n")
    assert "2026-01-02  2026-06-02" in yuan
    assert dollars.startswith("USD per 1M tokens, dates in UTC\n")
    assert "2026-01-01  2026-06-01" in dollars
    rows = fenli.json("prices", "show", "gpt-test", "--at", "2026-02-01")
    assert {row["effective_from"] for row in rows} == {"2026-01-01T16:00:00.000Z"}


def test_conditions_are_rows_of_their_own(fenli: Fenli) -> None:
    rows = fenli.json("prices", "show", "deepseek-v4-pro", "--vendor", "deepseek", "--at", "2026-11-20")
    assert {row["currency"] for row in rows} == {"CNY", "USD"}
    assert all("window" in row["conditions"] for row in rows)


def test_an_unknown_model_or_vendor_gets_the_nearest_names(fenli: Fenli) -> None:
    assert "deepseek-v4-pro" in fenli.refused("prices", "show", "deepseek-v4-pr", code=1)
    assert "deepseek" in fenli.refused("prices", "show", "x", "--vendor", "deepsek", code=1)


def test_models_are_those_of_the_vendors_that_are_on(fenli: Fenli) -> None:
    fenli.write("fenli.toml", "[local]\nenabled = false\n")
    assert fenli.json("models") == []
    assert "DEEPSEEK_API_KEY" in fenli.out("models")
    fenli.environ["DEEPSEEK_API_KEY"] = "x"
    listed = {model["name"]: model for model in fenli.json("models")}
    assert all(name.startswith("deepseek/") for name in listed)
    assert listed["deepseek/deepseek-v4-pro"]["currency"] == "CNY"
    assert listed["deepseek/deepseek-v4-pro"]["varies"] is True
    text = fenli.out("models")
    assert "deepseek/deepseek-v4-pro" in text
    assert max(map(len, text.splitlines())) <= 80


def test_models_for_something_else_are_shown_in_their_own_unit(fenli: Fenli) -> None:
    fenli.write("fenli.toml", "[local]\nenabled = false\n")
    fenli.environ["ZHIPUAI_API_KEY"] = "x"
    listed = {model["name"]: model for model in fenli.json("models")}
    assert (listed["zhipu/cogview-4"]["for"], listed["zhipu/glm-4.6"]["for"]) == ("images", "chat")
    text = " ".join(fenli.out("models").split())
    assert "zhipu/cogview-4 images 0.06 CNY / image" in text
    assert "zhipu/embedding-3 embeddings 0.5 CNY / 1M tokens" in text
    assert "zhipu/glm-tts speech unpriced" in text


def test_a_way_in_beside_anothers_costs_what_the_other_does(fenli: Fenli) -> None:
    fenli.write("fenli.toml", "[local]\nenabled = false\n")
    fenli.environ |= {"HUNYUAN_API_KEY": "x", "TENCENTCLOUD_SECRET": "id:secret"}
    listed = {model["name"]: model for model in fenli.json("models")}
    native, plain = (listed[f"{vendor}/hunyuan-turbos-latest"] for vendor in ("tencent-native", "tencent"))
    own = {"name", "vendor"}
    assert {name: native[name] for name in native.keys() - own} == {name: plain[name] for name in plain.keys() - own}
    assert plain["currency"] == "CNY"
