import pytest
from bench.contenders.litellm import REFUSED, VERSION, refuse_poisoned
from bench.needs import NotReady
from bench.pace import complete
from bench.process import Memory
from bench.report import markdown
from bench.results import Measured, Results, row
from bench.samples import MARK, chunk_writer, ending, long_prompt


def measured(contender: str, number: int, cpu: float | None, p50: float) -> Measured:
    return Measured(
        contender=contender,
        workload="calls",
        round=number,
        units=1000,
        failed=0,
        per_second=1000,
        tree_us_per_unit=cpu,
        busiest_us_per_unit=cpu,
        p50_us=p50,
        p99_us=p50 * 2,
        samples=10,
        rate=1000,
        parallel=32,
        memory=[Memory(1, "x", 2048, 1024, 4096)] if cpu else [],
    )


def run(*rounds: Measured) -> Results:
    return Results(
        command="python -m bench",
        started="2026-01-01T00:00:00+00:00",
        seconds=1,
        machine={"cores": "2"},
        versions={},
        about={},
        absent={},
        measured=list(rounds),
    )


def two_rounds() -> Results:
    return run(
        measured("direct", 1, None, 100), measured("nginx", 1, 20, 150), measured("fenli", 1, 30, 200),
        measured("direct", 2, None, 300), measured("nginx", 2, 40, 350), measured("fenli", 2, 60, 400),
    )  # fmt: skip


def test_added_latency_is_what_lies_above_direct_in_the_same_round():
    found = row(two_rounds(), "fenli", "calls")
    assert found.figures["p50"] == 100
    assert found.ratios["p50"] == 2
    assert (found.ratios["cpu"], found.ratio_range) == (1.5, (1.5, 1.5))


def test_direct_has_no_process_and_adds_nothing_to_itself():
    found = row(two_rounds(), "direct", "calls")
    assert found.figures["cpu"] is None
    assert found.figures["p50"] is None
    assert found.figures["rss"] is None


def test_without_nginx_there_are_figures_and_no_ratios():
    found = row(run(measured("direct", 1, None, 100), measured("fenli", 1, 30, 200)), "fenli", "calls")
    assert found.figures["cpu"] == 30
    assert found.ratios["cpu"] is None


def test_the_markdown_has_a_column_a_contender():
    text = markdown(two_rounds())
    assert "|  | direct | nginx | fenli |" in text
    assert "45.0 (1.50×, 1.50–1.50)" in text


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8", "1.107.0"])
def test_a_poisoned_litellm_is_refused(version):
    with pytest.raises(NotReady):
        refuse_poisoned(version)
    assert VERSION not in REFUSED


def test_an_answer_is_complete_by_its_length_or_its_last_chunk():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert not complete(head + b"1234")
    assert complete(head + b"12345")
    assert not complete(b"HTTP/1.1 200 OK\r\nContent-Le")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    assert not complete(chunked)
    assert complete(chunked + b"0\r\n\r\n")


def test_a_chunk_is_of_realistic_size_and_bears_its_instant_once():
    chunk = chunk_writer()(123)
    assert 200 <= len(chunk) <= 280
    assert chunk.count(MARK) == 1
    assert b"@000000000000000123" in chunk
    assert MARK not in ending()


def test_a_long_prompt_is_eight_megabytes():
    assert abs(len(long_prompt()) - 8_000_000) < 1_000
