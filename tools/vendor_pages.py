#!/usr/bin/env python3
"""Writes docs/vendors/*.md and the support tables of both READMEs (`.venv/bin/python tools/vendor_pages.py`).

Everything on them is read from the adapters, the model files and the price files; a test compares. The prices are those
in force on the day that stands on the index; `tools/vendor_pages.py 2026-11-23` moves it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from fenli.cli.price_rows import default_row, price, rows_in_force, unit_words
from fenli.prices.book import PriceBook
from fenli.prices.units import TOKENS
from fenli.values.instants import parse_instant
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Disconnect, Model, Vendor
from fenli.vendors.failing import ErrorRule
from fenli.vendors.models import departed_models
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.wire.capabilities import PATHS, Capability
from fenli.wire.openai_chat.options import Option

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "vendors"
INDEX = FOLDER / "README.md"
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
MARKS = ("<!-- support: tools/vendor_pages.py writes it -->\n", "<!-- end of support -->")
MADE = "<!-- tools/vendor_pages.py writes this page -->"
METERS = ("input", "cached_input", "output")

OPTIONS_ZH = {
    Option.THINKING: "思考",
    Option.SEARCH: "联网搜索",
    Option.PREFIX: "续写",
    Option.PERSONA: "角色扮演",
    Option.SCHEMA: "JSON Schema",
}
OPTIONS_EN = {option: option.value for option in Option} | {Option.SEARCH: "web search", Option.SCHEMA: "JSON schema"}
CAPABILITIES_ZH = {
    "chat": "对话",
    "completions": "补全",
    "embeddings": "向量",
    "rerank": "重排",
    "images": "图像",
    "speech": "语音合成",
    "search": "搜索",
    "reader": "网页读取",
    "transcriptions": "语音识别",
    "translations": "语音翻译",
    "videos": "视频",
    "files": "文件",
}
LEAVES = {
    Disconnect.CANCEL: ("the vendor's connection is closed at once", "立即断开与厂商的连接"),
    Disconnect.DRAIN: ("the answer is read to its end, since it is charged for", "继续读完,因为仍会计费"),
}


def pages(day: str) -> dict[Path, str]:
    """Every page by its path, with the prices of ``day`` (ISO)."""
    book, now = PriceBook.load(), parse_instant(f"{day}T12:00:00Z")
    made = {FOLDER / f"{vendor.id}.md": page(vendor, book, now, day) for vendor in VENDORS.values()}
    made[INDEX] = index(day)
    for language, path in READMES.items():
        before, mark, rest = path.read_text("utf-8").partition(MARKS[0])
        _, end, after = rest.partition(MARKS[1])
        if mark and end:
            made[path] = before + mark + support(language) + "\n" + end + after
    return made


def day_written() -> str:
    """The day that the pages are of."""
    found = re.search(r"\d{4}-\d{2}-\d{2}", INDEX.read_text("utf-8")) if INDEX.exists() else None
    return found[0] if found else datetime.now(UTC).date().isoformat()


def index(day: str) -> str:
    lines = [MADE, "", "# Vendors · 厂商", "", f"Prices as of {day} · 价格截至 {day}.", ""]
    lines += ["| vendor · 厂商 | id |", "| --- | --- |"]
    lines += [f"| [{title(vendor)}]({vendor.id}.md) | `{vendor.id}` |" for vendor in VENDORS.values()]
    return "\n".join([*lines, ""])


def page(vendor: Vendor, book: PriceBook, now: int, day: str) -> str:
    parts = [
        [MADE, "", f"# {title(vendor)}"],
        facts(vendor),
        works(vendor),
        models(vendor, book, now, day),
        older(vendor),
        failures(vendor),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def title(vendor: Vendor) -> str:
    return vendor.title if vendor.title == vendor.title_zh else f"{vendor.title} · {vendor.title_zh}"


def facts(vendor: Vendor) -> list[str]:
    variables = " / ".join(f"`{variable}`" for variable in vendor.key_variables) or "–"
    leaves = LEAVES[vendor.disconnect]
    rows = [
        ("id", f"`{vendor.id}`"),
        ("key · 密钥", variables),
        ("form of the key · 密钥格式", f"`{vendor.key_form}`" if vendor.key_form else ""),
        ("where to get one · 申请地址", f"<{vendor.keys_at}>" if vendor.keys_at else ""),
        ("base URL", f"`{vendor.base_url}`"),
        ("spoken · 协议", spoken(vendor)),
        ("models and prices of · 型号与价格同", f"[`{vendor.sells}`]({vendor.sells}.md)" if vendor.sells else ""),
        ("when the caller leaves · 调用方断开时", f"{leaves[0]} · {leaves[1]}"),
        ("tells its balance · 可查余额", f"`{vendor.balance.path}`" if vendor.balance else ""),
        ("tells its limits in · 限额响应头", limits(vendor)),
        *quirks(vendor),
    ]
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows if value)]


def spoken(vendor: Vendor) -> str:
    if type(vendor) is OpenAICompatible:
        return "OpenAI chat completions"
    about = (sys.modules[type(vendor).__module__].__doc__ or "").partition("\n\n")[0]
    return " ".join(about.split()).rstrip(".")


def limits(vendor: Vendor) -> str:
    """The headers, and the form of those that say when a limit is whole again."""
    told = [", ".join(f"`{name}`" for name in (each.limit, each.remaining) if name) for each in vendor.limits]
    resets = [f"`{each.reset}` ({each.form.value})" for each in vendor.limits if each.reset]
    return ", ".join(filter(None, [*told, *resets]))


def quirks(vendor: Vendor) -> list[tuple[str, str]]:
    if not isinstance(vendor, OpenAICompatible):
        return []
    added = ", ".join(f"`{one.member}: {one.value.decode()}`" for one in vendor.adds)
    inside = ", ".join(f"`{'.'.join(filter(None, (one.within, one.code)))}`" for one in vendor.failures)
    return [
        ("output limit sent as · 输出上限字段", f"`{vendor.limit_field}`" if vendor.limit_field else ""),
        ("added to requests · 请求中补充", added),
        ("failures inside a 200 in · 200 中的错误位于", inside),
    ]


def works(vendor: Vendor) -> list[str]:
    having = {Capability.CHAT, *(endpoint.capability for endpoint in vendor.endpoints)}
    lines = ["## What works · 支持的能力", "", "| | |", "| --- | --- |"]
    for capability in Capability:
        names = f"{capability.value} · {CAPABILITIES_ZH[capability.value]}"
        lines.append(f"| {names} | {f'`{PATHS[capability]}`' if capability in having else '–'} |")
    for option in Option:
        lines.append(f"| {OPTIONS_EN[option]} · {OPTIONS_ZH[option]} | {SHARES[share(vendor, option)]} |")
    return [*lines, "", "How each option is sent · 各选项的映射: [options.md](../options.md)."]


SHARES = {"all": "yes · 支持", "some": "some models · 部分型号", "none": "–"}


def share(vendor: Vendor, option: Option) -> str:
    """How many of its chat models have the option, as far as anybody knows."""
    chat = [model.id for model in vendor.models if model.does is Capability.CHAT]
    having = [model for model in chat if vendor.switches.holds(option, model)]
    if not chat:
        return "all" if vendor.switches.has(option) else "none"
    return "all" if len(having) == len(chat) else "some" if having else "none"


def models(vendor: Vendor, book: PriceBook, now: int, day: str) -> list[str]:
    if vendor.sells and vendor.id not in book.vendors():
        return []
    shown = [row for model in vendor.models if (row := model_row(vendor, model, book, now)) is not None]
    if not shown:
        return []
    head = [
        "## Models · 型号",
        "",
        f"Limits in tokens; prices per million tokens as of {day}; `*`: hangs on conditions, a short default request "
        "is shown (`fenli prices show MODEL` has every row). · 上限以 token 计;价格为每百万 token,截至 "
        f"{day};`*`:视条件而定,此处为短的默认请求。",
        "",
        "| model · 型号 | context · 上下文 | output · 输出 | input · 输入价 | cached · 缓存价 | output · 输出价 | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    return [*head, *shown]


def model_row(vendor: Vendor, model: Model, book: PriceBook, now: int) -> str:
    limits = [f"{limit:,}" if limit else "" for limit in (model.context, model.output)]
    prices, notes = ["", "", ""], []
    if vendor.id in book.vendors():
        currency = book.currency(vendor.id)
        row = default_row(book, vendor.id, model.id, now, currency)
        if row is not None and row.unit == TOKENS:
            prices = [price(row, meter) or "" for meter in METERS]
            notes.append(currency)
        elif row is not None:
            notes.append(", ".join(f"{row.quoted(meter)} {currency} / {unit_words(row.unit)}" for meter in row.prices))
        if row is not None:
            notes += ["`*`"] if len(rows_in_force(book, vendor.id, model.id, now, currency)) > 1 else []
    if model.does is not Capability.CHAT:
        notes.append(f"{model.does.value} · {CAPABILITIES_ZH[model.does.value]}")
    return f"| `{model.id}` | {' | '.join([*limits, *prices])} | {' '.join(notes)} |"


def older(vendor: Vendor) -> list[str]:
    if vendor.sells:
        return []
    rows = [(model.id, model.successor, "") for model in vendor.models if model.successor]
    rows += [(gone.id, gone.successor, "no longer answered · 已下线") for gone in departed_models(vendor.id)]
    if not rows:
        return []
    head = ["## Older names · 旧型号", "", "| name · 旧名 | successor · 后继 | |", "| --- | --- | --- |"]
    return [*head, *(f"| `{name}` | `{successor}` | {note} |" for name, successor, note in rows)]


def failures(vendor: Vendor) -> list[str]:
    rules: Iterable[ErrorRule] = getattr(vendor, "errors", ())
    rows = [f"| {rule.kind.value} | {rule.status or ''} | {code(rule.code)} | {code(rule.text)} |" for rule in rules]
    if not rows:
        return []
    head = [
        "## Its errors · 错误的含义",
        "",
        "The first that fits counts; what none fits is told by its status. · 取最先符合的一条;都不符合时看状态码。",
        "",
        "| kind · 类别 | status · 状态码 | code · 错误码 | words · 文字 |",
        "| --- | --- | --- | --- |",
    ]
    return [*head, *rows]


def code(pattern: str | None) -> str:
    return f"`{pattern}`".replace("|", "\\|") if pattern else ""


def support(language: str) -> str:
    """Vendor by capability and option."""
    chinese = language == "zh"
    capabilities = [CAPABILITIES_ZH[one.value] if chinese else one.value for one in Capability]
    options = [(OPTIONS_ZH if chinese else OPTIONS_EN)[one] for one in Option]
    balance = "余额" if chinese else "balance"
    lines = [
        f"| {' | '.join(['厂商' if chinese else 'vendor', *capabilities, *options, balance])} |",
        f"| --- |{' :-: |' * (len(capabilities) + len(options) + 1)}",
    ]
    for vendor in VENDORS.values():
        having = {Capability.CHAT, *(endpoint.capability for endpoint in vendor.endpoints)}
        cells = ["●" if one in having else "" for one in Capability]
        cells += [{"all": "●", "some": "◐", "none": ""}[share(vendor, one)] for one in Option]
        cells.append("●" if vendor.balance else "")
        lines.append(f"| [`{vendor.id}`](docs/vendors/{vendor.id}.md) | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages(sys.argv[1] if len(sys.argv) > 1 else day_written()).items():
        path.write_text(text, "utf-8")
