"""Synthetic traffic as an archive: a month of calls of 20 models whose prices hang on lengths, hours and thinking."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from fenli.planner.archive import COLUMNS, USAGE, Manifest, write_manifest
from fenli.planner.parquet import engine, write_part
from fenli.values import parse_instant

MODELS = (
    "deepseek/deepseek-v4-flash", "deepseek/deepseek-v4-pro", "stepfun/step-3", "baichuan/Baichuan2-53B",
    "alibaba/qwen-plus", "alibaba/qwen-turbo", "alibaba/qwen3-max", "alibaba/qwen3-coder-plus", "alibaba/qwen3.5-plus",
    "alibaba/glm-5", "bytedance/doubao-seed-1.6", "bytedance/doubao-seed-1.8", "bytedance/doubao-seed-2.0-pro",
    "zhipu/glm-4.6", "zhipu/glm-5.1", "tencent/hy3-preview", "minimax/MiniMax-M3", "moonshot/kimi-latest",
    "openai/gpt-5.5", "google/gemini-2.5-pro",
)  # fmt: skip
# A change of price, weekends, holidays and make-up working days are in this month.
FIRST_DAY, DAYS = date(2026, 9, 5), 30
SAMPLE_KEY, SAMPLE_EVERY = "key_sample", 100  # one call in so many is of the sample
_DOLLARS = ("openai", "google")


def generate(folder: Path, calls: int, progress: Callable[[int], None]) -> None:
    """Writes ``calls`` entries below ``folder``, the same ones each time, and tells ``progress`` how many are there."""
    parts = []
    with engine(folder / "spill") as connection:
        _name_models(connection)
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(number)
            first, last = calls * number // DAYS + 1, calls * (number + 1) // DAYS
            parts.append(write_part(connection, folder, _day(day, first, last), day.isoformat(), first, last))
            progress(last)
    write_manifest(folder, Manifest(calls, tuple(parts)))


def _name_models(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TEMP TABLE models (number BIGINT, vendor VARCHAR, model VARCHAR, currency VARCHAR)")
    for number, name in enumerate(MODELS):
        vendor, _, model = name.partition("/")
        currency = "USD" if vendor in _DOLLARS else "CNY"
        connection.execute("INSERT INTO models VALUES (?, ?, ?, ?)", [number, vendor, model, currency])


def _day(day: date, first: int, last: int) -> str:
    """SQL of one day's entries. Lengths reach over every tier, requests over the edges of every window."""
    midnight = parse_instant(f"{day}T00:00:00Z")
    values = {
        "sequence": "n",
        "call": "format('call_{:023d}', n)",
        "attempt": "1",
        "opened_at": f"{midnight} + {_chance(1, 86_400_000)} * 1000000",
        "closed_at": f"opened_at + (200 + {_chance(2, 300)} * {_chance(3, 400)}) * 1000000",
        "first_content": "200000000",
        "final": "TRUE",
        "key": f"CASE WHEN n % {SAMPLE_EVERY} = 0 THEN '{SAMPLE_KEY}' ELSE format('key_{{}}', {_chance(4, 50)}) END",
        "project": f"format('project_{{}}', {_chance(5, 10)})",
        "customer": f"format('customer_{{}}', {_chance(6, 200)})",
        "route": "model",
        "vendor": "vendor",
        "model": "model",
        "facts": f"""CASE WHEN {_chance(7, 5)} = 0 THEN '{{"thinking":true}}' END""",
        "outcome": "'ok'",
        "grade": "'measured'",
        "metered": "TRUE",
        USAGE + "input": f"{_chance(8, 400)} * {_chance(9, 400)}",
        USAGE + "cached_input": f"CASE WHEN {_chance(10, 2)} = 0 THEN {_chance(11, 90_000)} END",
        USAGE + "output": f"{_chance(12, 60)} * {_chance(13, 60)}",
        USAGE + "reasoning": f"CASE WHEN {_chance(14, 3)} = 0 THEN {_chance(15, 8_000)} END",
        "currency": "currency",
        "picos": f"{_chance(16, 10**12)}",
        "offer": "'0123456789abcdef'",
    }
    columns = ", ".join(f'({values.get(name, "NULL")})::{kind} AS "{name}"' for name, kind in COLUMNS.items())
    return (
        f"SELECT {columns} FROM (SELECT unnest(range({first}, {last + 1})) AS n) "
        f"JOIN models ON number = {_chance(17, len(MODELS))} ORDER BY opened_at"
    )


def _chance(salt: int, below: int) -> str:
    """A whole number below ``below`` that follows from the entry's own."""
    return f"(hash(n, {salt}) % {below})::BIGINT"
