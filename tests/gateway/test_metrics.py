from __future__ import annotations

import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from fenli.calls.effects import Ended
from fenli.clock import MILLISECOND, SECOND
from fenli.gateway import metrics as module
from fenli.gateway.metrics import Metrics
from fenli.prices.tariff import Rating
from fenli.vendors.limits import LimitHeaders


class Telling(NamedTuple):
    limits: tuple[LimitHeaders, ...] = (
        LimitHeaders("requests", "x-limit-requests", "x-left-requests"),
        LimitHeaders("tokens", "x-limit-tokens", "x-left-tokens"),
    )


class Sold(NamedTuple):
    vendor_id: str
    model: str
    vendor: Telling = Telling()


def end(metrics: Metrics, *, outcome: str = "ok", model: str = "m", stream: bool = False, **more: Any) -> None:
    given = {"status": 200, "usage": {"input": 10, "output": 4}, "cost": Rating(18 * 10**12, "CNY", "offer")}
    given |= {"first_content": 30 * MILLISECOND, "attempts": 1} | more
    target = Sold("deepseek", model)
    call = SimpleNamespace(started=0, ask=SimpleNamespace(stream=stream))
    metrics.ended(call, Ended(outcome, target, **given), 2 * SECOND)  # type: ignore[arg-type]


def value(metrics: Metrics, series: str) -> str | None:
    found = re.search(rf"^{re.escape(series)} (.+)$", metrics.text().decode(), re.MULTILINE)
    return found[1] if found else None


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    return Metrics(tmp_path, 0)


def test_a_call_is_counted_with_its_tokens_cost_and_spans(metrics: Metrics) -> None:
    end(metrics)
    end(metrics, stream=True)
    end(metrics, outcome="timeout", usage=None, cost=None, first_content=None)
    labels = 'vendor="deepseek",model="m"'
    assert value(metrics, f'fenli_calls_total{{{labels},outcome="ok",stream="false"}}') == "1"
    assert value(metrics, f'fenli_calls_total{{{labels},outcome="ok",stream="true"}}') == "1"
    assert value(metrics, f'fenli_calls_total{{{labels},outcome="timeout",stream="false"}}') == "1"
    assert value(metrics, f'fenli_tokens_total{{{labels},meter="input"}}') == "20"
    assert value(metrics, f'fenli_cost_total{{{labels},currency="CNY"}}') == "36.0"
    assert value(metrics, f'fenli_call_duration_seconds_bucket{{{labels},le="1.0"}}') == "0"
    assert value(metrics, f'fenli_call_duration_seconds_bucket{{{labels},le="2.5"}}') == "3"
    assert value(metrics, f'fenli_call_duration_seconds_bucket{{{labels},le="+Inf"}}') == "3"
    assert value(metrics, f"fenli_call_duration_seconds_sum{{{labels}}}") == "6.0"
    assert value(metrics, f"fenli_first_content_seconds_count{{{labels}}}") == "1"  # the stream's


def test_an_answer_without_a_cost_is_unpriced_not_free(metrics: Metrics) -> None:
    end(metrics, cost=None)
    assert value(metrics, 'fenli_unpriced_calls_total{vendor="deepseek",model="m"}') == "1"
    assert "fenli_cost_total{" not in metrics.text().decode()


def test_refusals_are_counted_by_code(metrics: Metrics) -> None:
    metrics.refused("invalid_api_key")
    metrics.refused("invalid_api_key")
    assert value(metrics, 'fenli_refused_total{code="invalid_api_key"}') == "2"


def test_callers_cannot_make_series_without_end(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERIES_MAX", 10)
    for number in range(100):
        end(metrics, model=f"m{number}")
    assert len(metrics.counters.series) <= 11
    assert value(metrics, 'fenli_calls_total{vendor="deepseek",model="(other)",outcome="ok",stream="false"}') == "90"


LEFT = 'fenli_limit_remaining{vendor="deepseek",model="m",of="requests"}'


def test_what_vendors_told_last_of_their_limits_can_be_watched(metrics: Metrics) -> None:
    end(metrics, heard=[(b"X-Limit-Requests", b"500"), (b"x-left-requests", b"499")])
    end(metrics, heard=[(b"X-Limit-Requests", b"500"), (b"x-left-requests", b"498"), (b"x-limit-tokens", b"7000")])
    assert value(metrics, LEFT) == "498"
    assert value(metrics, 'fenli_limit{vendor="deepseek",model="m",of="requests"}') == "500"
    assert value(metrics, 'fenli_limit{vendor="deepseek",model="m",of="tokens"}') == "7000"
    assert value(metrics, 'fenli_limit_remaining{vendor="deepseek",model="m",of="tokens"}') is None  # not 0


def test_answers_are_looked_at_once_a_second_and_refusals_each_time(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    seen = []
    for later_ms, outcome, left in (
        (0, "ok", b"9"),
        (900, "ok", b"8"),
        (950, "rate_limited", b"0"),
        (2000, "ok", b"7"),
    ):
        monkeypatch.setattr(module.time, "time_ns", lambda later_ms=later_ms: now + later_ms * MILLISECOND)
        end(metrics, outcome=outcome, heard=[(b"x-left-requests", left)])
        seen.append(value(metrics, LEFT))
    assert seen == ["9", "9", "0", "7"]


def test_limits_of_names_that_callers_made_up_give_way_to_others(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SERIES_MAX", 4)
    now = time.time_ns()
    monkeypatch.setattr(module.time, "time_ns", lambda: now)
    for number in range(9):
        end(metrics, model=f"m{number}", heard=[(b"x-left-requests", b"9")])
    assert len(metrics.counters.limits) == 4
    monkeypatch.setattr(module.time, "time_ns", lambda: now + 61 * SECOND)
    end(metrics, heard=[(b"x-left-requests", b"3")])
    assert value(metrics, LEFT) == "3"
    assert len(metrics.counters.limits) == 1


def test_a_vendor_that_refused_is_heard_though_another_answered(metrics: Metrics) -> None:
    refused = Sold("openai", "gpt-5"), [(b"x-left-requests", b"0")]
    end(metrics, attempts=2, failed=(refused,))
    assert value(metrics, 'fenli_limit_remaining{vendor="openai",model="gpt-5",of="requests"}') == "0"


def test_the_newest_word_of_any_worker_counts_and_for_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = [Metrics(tmp_path, index) for index in range(2)]
    now = time.time_ns()
    for later, worker, left in ((0, workers[1], b"9"), (5, workers[0], b"4"), (2, workers[1], b"7")):
        monkeypatch.setattr(module.time, "time_ns", lambda later=later: now + later * SECOND)
        end(worker, heard=[(b"x-left-requests", left)])
        worker.share()
    monkeypatch.setattr(module.time, "time_ns", lambda: now + 6 * SECOND)
    assert [value(worker, LEFT) for worker in workers] == ["4", "4"]
    monkeypatch.setattr(module.time, "time_ns", lambda: now + 66 * SECOND)
    assert [value(worker, LEFT) for worker in workers] == [None, None]


def test_label_values_are_escaped(metrics: Metrics) -> None:
    end(metrics, model='a"b\\c\nd')
    assert 'model="a\\"b\\\\c\\nd"' in metrics.text().decode()


def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    workers = [Metrics(tmp_path, index) for index in range(3)]
    for worker in workers:
        end(worker)
        worker.counters.gauges["fenli_calls_in_flight"] = 2
        worker.share()
    end(workers[0])  # not shared yet, but its own
    for worker, calls in zip(workers, "433", strict=True):
        assert value(worker, 'fenli_calls_total{vendor="deepseek",model="m",outcome="ok",stream="false"}') == calls
        assert value(worker, "fenli_calls_in_flight") == "6"


def test_a_siblings_file_that_cannot_be_read_is_passed_over(tmp_path: Path, metrics: Metrics) -> None:
    end(metrics)
    (tmp_path / "metrics-1").write_bytes(b"junk")
    (tmp_path / "metrics-2.new").write_bytes(b"half")
    (tmp_path / "metrics-3").mkdir()
    assert b"fenli_calls_total{" in metrics.text()


def test_workers_that_are_gone_for_good_are_forgotten(tmp_path: Path) -> None:
    for index in (1, 2):
        worker = Metrics(tmp_path, index)
        end(worker)
        worker.share()
    long_ago = time.time() - 3600
    os.utime(tmp_path / "metrics-2", (long_ago, long_ago))
    metrics = Metrics(tmp_path, 0)
    assert value(metrics, 'fenli_calls_total{vendor="deepseek",model="m",outcome="ok",stream="false"}') == "1"


def test_the_text_is_prometheus_text(metrics: Metrics) -> None:
    end(metrics)
    metrics.refused("bad_http")
    metrics.counters.gauges["fenli_calls_in_flight"] = 1
    text = metrics.text().decode()
    assert text.endswith("\n")
    sample = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.e+-]+')
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families))
