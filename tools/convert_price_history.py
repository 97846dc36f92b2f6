#!/usr/bin/env python3
"""Carries the dated rows of a price-history CSV to one TOML file a vendor; `--check` proves that nothing changed.

    convert_price_history.py CSV OUTDIR [--vendor deepseek ...]          write OUTDIR/<vendor>.toml
    convert_price_history.py CSV OUTDIR [--vendor deepseek ...] --check  read them back, row by row, and compare

What the CSV says in words and the TOML says as data, and nothing else, is listed here: which meter a column is for,
exact instants ("from 16:00 UTC 2026-08-16"), the holiday calendar of a window, the context limit of a top tier, free
rows, and the tables below: prices and rows that no column has, what was known when, and what looks wrong and is right.
Since the TOML is the truth once it is written, `--check` lets rows follow that came later.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

AS_OF = "2026-11-23"
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PRICES = ("input", "output", "cached_input")

# vendor: (English name, Chinese name, home currency)
VENDORS = {
    "01ai": ("01.AI", "零一万物", "CNY"),
    "alibaba": ("Alibaba Cloud Model Studio", "阿里云百炼", "CNY"),
    "alibaba-intl": ("Alibaba Cloud Model Studio (international)", "阿里云百炼国际站", "USD"),
    "anthropic": ("Anthropic", "Anthropic", "USD"),
    "baichuan": ("Baichuan", "百川智能", "CNY"),
    "baidu": ("Baidu Qianfan", "百度千帆", "CNY"),
    "bytedance": ("ByteDance Volcengine Ark", "字节跳动火山方舟", "CNY"),
    "deepseek": ("DeepSeek", "深度求索", "CNY"),
    "google": ("Google Gemini", "谷歌 Gemini", "USD"),
    "huawei": ("Huawei Cloud MaaS", "华为云 MaaS", "CNY"),
    "huawei-intl": ("Huawei Cloud MaaS (international)", "华为云 MaaS 国际站", "USD"),
    "iflytek": ("iFlytek Spark", "科大讯飞星火", "CNY"),
    "metaso": ("Metaso", "秘塔", "CNY"),
    "minimax": ("MiniMax", "MiniMax 稀宇科技", "CNY"),
    "minimax-intl": ("MiniMax (international)", "MiniMax 国际站", "USD"),
    "moonshot": ("Moonshot AI", "月之暗面", "CNY"),
    "moonshot-intl": ("Moonshot AI (international)", "月之暗面国际站", "USD"),
    "openai": ("OpenAI", "OpenAI", "USD"),
    "sensetime": ("SenseTime SenseNova", "商汤日日新", "CNY"),
    "stepfun": ("StepFun", "阶跃星辰", "CNY"),
    "stepfun-intl": ("StepFun (international)", "阶跃星辰国际站", "USD"),
    "tencent": ("Tencent Cloud Hunyuan", "腾讯云混元", "CNY"),
    "zai": ("Z.ai", "智谱国际站 Z.ai", "USD"),
    "zhipu": ("Zhipu BigModel", "智谱", "CNY"),
}
ENDS = {"deepseek"}  # the one vendor that published which instant counts: the completion of the request
TAX = {"moonshot": "included"}  # Kimi's page says so; nobody else does
HOME_LISTS = {
    "alibaba-intl": "alibaba",
    "huawei-intl": "huawei",
    "minimax-intl": "minimax",
    "moonshot-intl": "moonshot",
    "stepfun-intl": "stepfun",
    "zai": "zhipu",
}

# unit: which meter the input and the output column price. Tokens keep the columns' names.
METERS = {
    "1M_tokens_hour": {"input": "cache_storage"},
    "1M_tokens_minute": {"input": "cache_storage"},
    "1M_characters": {"input": "input_characters", "output": "output_characters"},
    "image": {"output": "images"},
    "video": {"output": "videos"},
    "second_of_video": {"output": "video_seconds"},
    "minute": {"input": "audio_seconds"},
    "call": {"output": "searches"},
    "1000_calls": {"output": "searches"},
    "1000_pages": {"output": "pages"},
    "1k_TPM_day": {"output": "throughput_days"},
    "10k_TPM_day": {"output": "throughput_days"},
    "10k_TPM_month": {"output": "throughput_months"},
}
CALLS = {"context-cache-hit"}  # sold by the call, and no search

# Prices that a note or the vendors' rules give beside the CSV's three columns, as
# (vendor, model pattern, effective_from, condition pattern) -> meter and price; "x1.25" is a ratio to input.
ADDED = (
    ("alibaba", r"qwen3\.7-max", "2026-06-09", r"promo=false", "cache_write", "15"),
    ("alibaba", r"qwen3\.8-max", "2026-08-06", r"", "cache_write", "15"),
    ("alibaba", r"qwen3\.8-flash", "2026-08-27", r"", "cache_write", "1.25"),
    ("alibaba-intl", r"qwen3\.7-max", "2026-05-21", r"", "cache_write", "3.125"),
    ("alibaba", r"qwen3\.5-omni-flash", "2026-03-31", r"prompt_tokens", "audio_input", "1.24"),
    ("alibaba", r"qwen3\.5-omni-flash", "2026-05-07", r"^$", "audio_input", "18"),
    ("alibaba", r"qwen3\.5-omni-flash", "2026-05-07", r"^$", "audio_output", "72"),
    ("alibaba", r"qwen3\.5-omni-plus", "2026-03-31", r"prompt_tokens", "audio_input", "4.96"),
    ("alibaba", r"qwen3\.5-omni-plus", "2026-05-07", r"^$", "audio_input", "53"),
    ("alibaba", r"qwen3\.5-omni-plus", "2026-05-07", r"^$", "audio_output", "213"),
    ("anthropic", r"claude-.*", r"", r"", "cache_write", "x1.25"),
    ("anthropic", r"claude-.*", r"", r"", "cache_write_1h", "x2"),
    ("google", r"gemini-2\.0-flash", "2025-02-11", r"^$", "audio_input", "0.7"),
    ("google", r"gemini-2\.0-flash", "2025-02-11", r"^$", "cached_audio_input", "0.175"),
    ("minimax", r"MiniMax-M2\.7", "2026-03-19", r"", "cache_write", "2.625"),
    ("moonshot", r"kimi-k3", "2026-07-17", r"", "cache_write", "20"),
    ("moonshot", r"kimi-k3", "2026-07-17", r"", "cache_write_1h", "40"),
    ("openai", r"o3", "2026-10-14", r"batch=true", "cached_input", "0.5"),
    ("openai", r"gpt-(5\.6|6|6\.1)-.*", r"", r"", "cache_write", "x1.25"),
)

# Fields of rows that are no price, as (vendor, model pattern, effective_from, currency, condition pattern) -> lines.
# Of two schemes on one model the columns give the implicit one.
FIELDS = (
    ("alibaba", r"qwen3\.8-max", "2026-08-06", "CNY", r"", 'when.cache_scheme = "implicit"'),
    ("alibaba", r"qwen3\.7-max", "2026-06-09", "CNY", r"promo=false", 'when.cache_scheme = "implicit"'),
    ("tencent", r"hunyuan-2\.0-.*", "2026-02-28", "CNY", r"x1\.06", 'tax = "included"'),
    ("minimax-intl", r"MiniMax-H3", "", "USD", r"", 'prices.input_images = "0.04"'),
    ("minimax-intl", r"MiniMax-H3", "", "USD", r"", 'units = { input_images = "image" }'),
    ("minimax-intl", r"MiniMax-H3", "", "USD", r"", "included = { input_images = 5 }"),
    ("deepseek", r"deepseek-chat", "2025-02-09", "CNY", r"", "known_from = 2024-12-26T00:00:00+08:00"),
    ("deepseek", r"deepseek-(chat|reasoner)", "2025-09-05", "USD", r"", "known_from = 2025-08-24T00:00:00Z"),
    ("zhipu", r"glm-5\.3-flash", "2026-09-10", "CNY", r"", "known_from = 2026-08-26T00:00:00+08:00"),
    ("zai", r"glm-5\.3-flash", "2026-09-09", "USD", r"", "known_from = 2026-08-26T00:00:00Z"),
    ("google", r"gemini-4-argon", "2026-12-01", "USD", r"", "known_from = 2026-10-14T00:00:00Z"),
)

# The dollar prices that are no steady multiple of the yuan ones, and are right.
_CUT = 'confirmed = "cut on the mainland alone: the international list kept its price"'
_OWN = 'confirmed = "the international list has a price of its own, read there"'
CONFIRMED = (
    ("zai", r"glm-4\.5v", "2025-08-15", "USD", r"", _OWN),
    ("alibaba-intl", r"qwen-max", "2025-10-14", "USD", r"", _CUT),
    ("alibaba-intl", r"qwen-plus", "2025-10-14", "USD", r"thinking=false and prompt_tokens>256000", _OWN),
    ("alibaba-intl", r"qwen-turbo", "2025-10-14", "USD", r"thinking=false", _OWN),
    ("alibaba-intl", r"qwen3-coder-plus", "2025-07-29", "USD", r"prompt_tokens<=32000", _OWN),
    ("alibaba-intl", r"qwen3-max", "2025-10-14", "USD", r"prompt_tokens>32000", _CUT),
)

# Rows that the price rules give and the CSV has not, as TOML.
EXTRA = {
    "alibaba": """
[[offers]]
model = "qwen3.8-max"
effective_from = 2026-08-06T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "12", output = "36", cached_input = "1", cache_write = "15" }
when.cache_scheme = "explicit"
note = "kept 5 minutes, renewed by a hit; at least 1,024 tokens; region Beijing"
source = "console API read 2026-09-09; official page read 2026-10-05"
confidence = "high"

[[offers]]
model = "qwen3.7-max"
effective_from = 2026-06-09T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "12", output = "36", cached_input = "1.2", cache_write = "15" }
when.cache_scheme = "explicit"
when.promo = false
note = "kept 5 minutes, renewed by a hit; at least 1,024 tokens"
source = "LobeHub 2026-06-09; official page read 2026-07-11"
confidence = "high"
""",
    "moonshot": """
[[offers]]
model = "kimi-k2.5"
effective_from = 2026-01-30T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "2.4", output = "12.6" }
when.batch = true
note = "60% of the list price; the day batches began and what a cache hit costs in one are not sourced"
source = "survey of the vendors' batch rules, 2026-11"
confidence = "low"
""",
    "tencent": """
[[offers]]
model = "hunyuan-lite"
effective_from = 2024-05-01T00:00:00+08:00
effective_to = 2024-05-22T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "8", output = "8" }
note = "0.008 CNY per 1,000 tokens, one price for both; the day it began is not sourced"
source = "news 2024-05-22 (wybk.com 100712, yaliqi.com): free from then on, was 8 CNY/1M before"
confidence = "low"
""",
}

# Ids that replies carry -> the name that is priced. The day is in the id: 2024-07-18 (OpenAI) or 250615 (Ark).
ALIASES = {
    "openai": {
        "gpt-4-turbo-2024-04-09": "gpt-4-turbo",
        "gpt-4o-mini-2024-07-18": "gpt-4o-mini",
        "gpt-4o-2024-11-20": "gpt-4o",
        "gpt-4.1-2025-04-14": "gpt-4.1",
        "gpt-4.1-mini-2025-04-14": "gpt-4.1-mini",
        "gpt-4.1-nano-2025-04-14": "gpt-4.1-nano",
        "gpt-5-2025-08-07": "gpt-5",
        "gpt-5-mini-2025-08-07": "gpt-5-mini",
        "gpt-5-nano-2025-08-07": "gpt-5-nano",
        "gpt-5.1-2025-11-13": "gpt-5.1",
        "gpt-5.2-2025-12-11": "gpt-5.2",
        "o1-2024-12-17": "o1",
        "o1-mini-2024-09-12": "o1-mini",
        "o1-preview-2024-09-12": "o1-preview",
        "o3-mini-2025-01-31": "o3-mini",
        "o3-2025-04-16": "o3",
        "o4-mini-2025-04-16": "o4-mini",
    },
    "bytedance": {
        "doubao-1-5-lite-32k-250115": "doubao-1.5-lite-32k",
        "doubao-1-5-pro-32k-250115": "doubao-1.5-pro-32k",
        "doubao-1-5-pro-256k-250115": "doubao-1.5-pro-256k",
        "doubao-seed-1-6-250615": "doubao-seed-1.6",
        "doubao-seed-1-6-flash-250615": "doubao-seed-1.6-flash",
        "doubao-seed-1-6-thinking-250615": "doubao-seed-1.6-thinking",
    },
}


# --- CSV -> TOML -------------------------------------------------------------------------------------------------


def convert(rows: list[dict[str, str]], vendor: str) -> str:
    """The text of ``<vendor>.toml``."""
    english, chinese, currency = VENDORS[vendor]
    instants, calendars, tops = exact_instants(rows), holiday_windows(rows), top_tiers(rows)
    text = [
        f"# {english}: every dated price this book knows. Append; never overwrite. A changed price is a new row, and",
        "# the row before it gets an effective_to. Prices are strings, per the row's unit.",
        "",
        f"vendor = {quoted(vendor)}",
        f"names = {{ en = {quoted(english)}, zh = {quoted(chinese)} }}",
        f"currency = {quoted(currency)}",
        f'instant_basis = "{"end" if vendor in ENDS else "start"}"',
        f"instant_basis_assumed = {'false' if vendor in ENDS else 'true'}",
    ]
    text += [f"tax = {quoted(TAX[vendor])}"] if vendor in TAX else []
    text += [f"home_list = {quoted(HOME_LISTS[vendor])}"] if vendor in HOME_LISTS else []
    text += [f"as_of = {AS_OF}"]
    for row in rows:
        text += ["", "[[offers]]", *offer_lines(row, instants, calendars, tops)]
    text += EXTRA.get(vendor, "").rstrip("\n").split("\n")
    for name, model in ALIASES.get(vendor, {}).items():
        text += ["", "[[aliases]]", f"name = {quoted(name)}", f"model = {quoted(model)}"]
        text += [f"effective_from = {alias_day(name)}T00:00:00{'+08:00' if currency == 'CNY' else 'Z'}"]
        text += ['source = "the snapshot ids the vendor publishes and answers with; not in the price history"']
    return "\n".join(text) + "\n"


def offer_lines(row: dict[str, str], instants: dict, calendars: set, tops: set) -> list[str]:
    lines = [f"model = {quoted(row['model'])}"]
    for field in ("effective_from", "effective_to"):
        if row[field]:
            lines.append(f"{field} = {iso(instants.get((*series(row), row[field])) or midnight(row, field), row)}")
    lines += [f"currency = {quoted(row['currency'])}", f"unit = {quoted(row['unit'])}"]
    prices = {meter(row, name): row[name] for name in PRICES if row[name]} | added(row)
    lines += [f"prices = {{ {', '.join(f'{name} = {quoted(price)}' for name, price in prices.items())} }}"]
    fields = listed(FIELDS, row)
    if any(line.startswith("prices.") for line in fields):  # a table in brackets cannot be added to
        lines[-1:] = [f"prices.{name} = {quoted(price)}" for name, price in prices.items()]
    if any(Decimal(price) == 0 for price in prices.values()):
        lines.append("free = true")
    predicates, note = split_condition(row["condition"])
    for name in ("prompt_tokens", "completion_tokens"):
        bounds = [f"{sign} = {bound}" for field, sign, bound in map(token_bound, predicates) if field == name]
        if bounds and name == "prompt_tokens" and identity(row) in tops:
            bounds.append("context_limit = true")
        if bounds:
            lines.append(f"when.{name} = {{ {', '.join(bounds)} }}")
    for predicate in predicates:
        name, _, value = predicate.partition("=")
        if name.startswith("window"):
            lines.append(f"when.window = {window_table(predicate, (*series(row), row['effective_from']) in calendars)}")
        elif token_bound(predicate)[0] is None:
            lines.append(f"when.{name} = {value if value in ('true', 'false') else quoted(value)}")
    lines += [*fields, f"note = {quoted(note)}"] if note else fields
    lines += [f"source = {quoted(row['source'])}", f"confidence = {quoted(row['confidence'])}"]
    return [*lines, *listed(CONFIRMED, row)]


def meter(row: dict[str, str], column: str) -> str:
    if row["model"] in CALLS:
        return "calls"
    return METERS.get(row["unit"], {}).get(column, column)


def listed(table: tuple[tuple[str, ...], ...], row: dict[str, str]) -> list[str]:
    return [
        line
        for vendor, model, start, currency, condition, line in table
        if (row["vendor"], row["currency"]) == (vendor, currency)
        and re.fullmatch(model, row["model"])
        and row["effective_from"].startswith(start)
        and re.search(condition, row["condition"])
    ]


def exact_instants(rows: list[dict[str, str]]) -> dict[tuple[str, ...], datetime]:
    """(vendor, model, currency, day) -> the instant a note gives. It holds for every row that starts or ends that day:
    a price does not change twice because only one of its rows carries the note."""
    found: dict[tuple[str, ...], datetime] = {}
    for row in rows:
        for word, day in re.findall(r"(from|until) 16:00 UTC (\d{4}-\d\d-\d\d)", split_condition(row["condition"])[1]):
            field = "effective_from" if word == "from" else "effective_to"
            instant = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=16)
            found[*series(row), row[field]] = near(instant, row, field)
        if "until 24:00 UTC+8 2026-09-09 = 16:00 UTC" in row["condition"]:
            instant = datetime(2026, 9, 9, 16, tzinfo=UTC)
            found[*series(row), row["effective_to"]] = near(instant, row, "effective_to")
    return found


def near(instant: datetime, row: dict[str, str], field: str) -> datetime:
    start = midnight(row, field)
    if not start <= instant < start + timedelta(days=1):
        raise SystemExit(f"{row}: {instant} does not lie in the day of {field}")
    return instant


def holiday_windows(rows: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """Where one of a pair of rows says that public holidays are off-peak, both sides of its window heed it."""
    return {(*series(row), row["effective_from"]) for row in rows if "CN public holidays" in row["condition"]}


def top_tiers(rows: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """Rows whose upper prompt bound is the context limit: a tier above others, with none above it at the same time."""
    tops = set()
    groups = defaultdict(list)
    for row in rows:
        groups[series(row)].append(row)
    for group in groups.values():
        for row in group:
            low, high = prompt_bounds(row)
            if low and high and not any(prompt_bounds(other)[0] > low and together(row, other) for other in group):
                tops.add(identity(row))
    return tops


def added(row: dict[str, str]) -> dict[str, str]:
    """Prices of tokens beside the columns'. A ratio is of rows that have a cache price."""
    if row["unit"] != "1M_tokens":
        return {}
    prices = {}
    for vendor, model, start, condition, meter, price in ADDED:
        fits = row["vendor"] == vendor and re.fullmatch(model, row["model"]) and row["effective_from"].startswith(start)
        ratio = price.startswith("x")
        if (
            fits
            and re.search(condition, row["condition"])
            and not row.get(meter)
            and (row["cached_input"] or not ratio)
        ):
            prices[meter] = plain(Decimal(row["input"]) * Decimal(price[1:])) if ratio else price
    return prices


def window_table(predicate: str, holidays: bool) -> str:
    found = re.fullmatch(r"window(!?)=([^@]+)@([^@]+)(?:@(\w+)-(\w+))?", predicate)
    if found is None:
        raise SystemExit(f"{predicate}: not a window")
    outside, spans, zone, first, last = found.groups()
    fields = [f"spans = [{', '.join(quoted(span) for span in spans.split(','))}]", f"zone = {quoted(zone)}"]
    if first:
        fields.append(f"days = [{', '.join(quoted(day) for day in DAYS[DAYS.index(first) : DAYS.index(last) + 1])}]")
    fields += ['calendar = "cn"'] if holidays else []
    fields += ["outside = true"] if outside else []
    return f"{{ {', '.join(fields)} }}"


def token_bound(predicate: str) -> tuple[str | None, str, str]:
    found = re.fullmatch(r"(prompt_tokens|completion_tokens)(<=|>=|<|>)(\d+)", predicate)
    signs = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    return (found[1], signs[found[2]], found[3]) if found else (None, "", "")


def prompt_bounds(row: dict[str, str]) -> tuple[int, int]:
    """The lower and the upper bound, 0 where there is none."""
    low = high = 0
    for name, sign, bound in map(token_bound, split_condition(row["condition"])[0]):
        if name == "prompt_tokens":
            low, high = (int(bound), high) if sign in ("gt", "ge") else (low, int(bound))
    return low, high


def split_condition(condition: str) -> tuple[list[str], str]:
    predicates, _, note = condition.partition("note: ")
    return [part for part in predicates.strip().rstrip(";").split(" and ") if part], note


def series(row: dict[str, str]) -> tuple[str, str, str]:
    return row["vendor"], row["model"], row["currency"]


def identity(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row.values())


def together(one: dict[str, str], other: dict[str, str]) -> bool:
    end = min(row["effective_to"] or "9999" for row in (one, other))
    return max(one["effective_from"], other["effective_from"]) < end


def midnight(row: dict[str, str], field: str) -> datetime:
    """The vendor-local day: Asia/Shanghai for prices in CNY, UTC for prices in USD."""
    zone = SHANGHAI if row["currency"] == "CNY" else UTC
    return datetime.combine(date.fromisoformat(row[field]), datetime.min.time(), zone)


def iso(instant: datetime, row: dict[str, str]) -> str:
    zone = SHANGHAI if row["currency"] == "CNY" else UTC
    return instant.astimezone(zone).isoformat().replace("+00:00", "Z")


def alias_day(name: str) -> str:
    day = name[-10:] if re.search(r"\d{4}-\d\d-\d\d$", name) else f"20{name[-6:-4]}-{name[-4:-2]}-{name[-2:]}"
    return date.fromisoformat(day).isoformat()


def plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- TOML -> CSV, to prove it: its own code, so that one mistake is not made twice alike ----------------------------


def check(rows: list[dict[str, str]], vendor: str, text: str) -> list[str]:
    """What the TOML says otherwise than the CSV, as lines; empty when they say the same, row by row."""
    file = tomllib.loads(text, parse_float=Decimal)
    offers = file["offers"]
    problems = [f"{vendor}: header says vendor {file['vendor']!r}"] if file["vendor"] != vendor else []
    if len(offers) < len(rows):
        problems.append(f"{vendor}: {len(rows)} rows in the CSV, {len(offers)} in the TOML")
    extra = tomllib.loads(EXTRA.get(vendor, "")).get("offers", [])
    if offers[len(rows) : len(rows) + len(extra)] != extra:
        problems.append(f"{vendor}: the rows after the CSV's are not those of EXTRA")
    heading = {"tax": TAX.get(vendor), "home_list": HOME_LISTS.get(vendor)}
    problems += [f"{vendor}: {key} is not {said!r}" for key, said in heading.items() if file.get(key) != said]
    aliases = {alias["name"]: alias["model"] for alias in file.get("aliases", [])}
    problems += [f"{vendor}: aliases are not those of ALIASES"] if aliases != ALIASES.get(vendor, {}) else []
    for number, (row, offer) in enumerate(zip(rows, offers, strict=False), start=1):
        said = csv_row(vendor, offer) | {meter: "" for meter in added(row) if meter in PRICES}
        wanted = {**row, "condition": sorted_condition(row["condition"])}
        changed = [f"{name} {wanted[name]!r} became {said[name]!r}" for name in wanted if wanted[name] != said[name]]
        changed += beside(row, offer, rows)
        problems += [f"{vendor} row {number} ({row['model']}): {change}" for change in changed]
    return problems


def csv_row(vendor: str, offer: dict) -> dict[str, str]:
    zone = SHANGHAI if offer["currency"] == "CNY" else UTC
    days = {
        name: offer[name].astimezone(zone).date().isoformat() if name in offer else ""
        for name in ("effective_from", "effective_to")
    }
    parts = []
    for name, value in offer.get("when", {}).items():
        if name == "cache_scheme":
            continue
        if name.endswith("_tokens"):
            signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
            parts += [f"{name}{signs[sign]}{bound}" for sign, bound in value.items() if sign in signs]
        elif name == "window":
            weekdays = f"@{value['days'][0]}-{value['days'][-1]}" if "days" in value else ""
            parts.append(
                f"window{'!' * value.get('outside', False)}={','.join(value['spans'])}@{value['zone']}{weekdays}"
            )
        else:
            parts.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    metered = METERS.get(offer["unit"], {name: name for name in PRICES})
    if offer["model"] in CALLS:
        metered = {"output": "calls"}
    prices = {name: offer["prices"].get(metered.get(name), "") for name in PRICES}
    copied = {name: offer[name] for name in ("model", "currency", "unit", "source", "confidence")}
    return {"vendor": vendor, **days, **prices, **copied, "condition": joined(parts, offer.get("note", ""))}


def beside(row: dict[str, str], offer: dict, rows: list[dict[str, str]]) -> list[str]:
    """What the TOML says beyond the three price columns, each against the words it stands for."""
    problems = []
    kin = [other for other in rows if series(other) == series(row)]
    for field in ("effective_from", "effective_to"):
        if field in offer:
            local = offer[field].astimezone(SHANGHAI if row["currency"] == "CNY" else UTC)
            worded = [
                o
                for o in kin
                if "16:00 UTC" in o["condition"] and row[field] in (o["effective_from"], o["effective_to"])
            ]
            if (local.hour, local.minute) != (0, 0) and (offer[field].astimezone(UTC).hour != 16 or not worded):
                problems.append(f"{field} is {offer[field]}, which no note says")
            if (
                (local.hour, local.minute) == (0, 0)
                and row["currency"] == "USD"
                and any(changes(o, row[field]) for o in kin)
            ):
                problems.append(f"{field} is midnight, but a note gives the hour")
    free = Decimal(0) in {Decimal(price) for price in offer["prices"].values()}
    if offer.get("free", False) is not free:
        problems.append("free and the prices disagree")
    window, prompt = (offer.get("when", {}).get(name, {}) for name in ("window", "prompt_tokens"))
    if prompt.get("context_limit", False) is not (identity(row) in top_tiers(kin)):
        problems.append("context_limit belongs to the top tier, and to it alone")
    holidays = any("CN public holidays" in o["condition"] and o["effective_from"] == row["effective_from"] for o in kin)
    if window and (window.get("calendar") == "cn") is not holidays:
        problems.append(f"calendar is {window.get('calendar')!r}")
    told = tomllib.loads("\n".join((*listed(FIELDS, row), *listed(CONFIRMED, row))))
    for name in ("units", "included", "known_from", "tax", "confirmed"):
        if offer.get(name) != told.get(name):
            problems.append(f"{name} is {offer.get(name)!r}, not {told.get(name)!r}")
    if offer.get("when", {}).get("cache_scheme") != told.get("when", {}).get("cache_scheme"):
        problems.append("when.cache_scheme is not what FIELDS says")
    columns = {meter(row, name) for name in PRICES if row[name]}
    extra = set(offer["prices"]) - columns - set(told.get("prices", {}))
    if not told.get("prices", {}).items() <= offer["prices"].items():
        problems.append(f"prices are not what FIELDS says: {told['prices']}")
    if extra and not extra <= set(added(row)):
        problems.append(f"prices.{', '.join(extra)} is in no column and not in ADDED")
    if {name: offer["prices"][name] for name in extra} != added(row):
        problems.append(f"prices.{', '.join(extra) or '(none)'} is not what ADDED says: {added(row)}")
    return problems


def changes(row: dict[str, str], day: str) -> bool:
    return f"16:00 UTC {day}" in row["condition"] or (
        day == "2026-09-09" and "2026-09-09 = 16:00 UTC" in row["condition"]
    )


def sorted_condition(condition: str) -> str:
    return joined(*split_condition(condition))


def joined(predicates: list[str], note: str) -> str:
    return " and ".join(sorted(predicates)) + (f"; note: {note}" if note else "")


# ---------------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--vendor", nargs="*", help="all that the CSV holds when left out")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    with asked.csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    vendors = asked.vendor or sorted({row["vendor"] for row in rows})
    problems = []
    for vendor in vendors:
        theirs = [row for row in rows if row["vendor"] == vendor]
        path = asked.outdir.joinpath(f"{vendor}.toml")
        if asked.check:
            problems += check(theirs, vendor, path.read_text(encoding="utf-8"))
        else:
            path.write_text(convert(theirs, vendor), encoding="utf-8")
    counts = Counter(row["vendor"] for row in rows)
    print(*problems, *(f"{vendor}: {counts[vendor]} rows" for vendor in vendors), sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
