from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fenli.calls.effects import Send
from fenli.gateway.recorder import Recorder
from fenli.ledger.entries import Poster
from fenli.ledger.journal import Header, Reader, encode_header
from fenli.ledger.records import Attempted, Grade, Held, Record, Released, Settled


class Disk:
    """A journal in memory that refuses when told to."""

    def __init__(self) -> None:
        self.data = encode_header(Header("run", 1, 0))
        self.full = False
        self.shaky = False
        self.frames = 0
        self.synced = 0

    def write(self, frame: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.data += frame
        self.frames += 1

    def sync(self) -> None:
        if self.shaky:
            raise OSError(5, "Input/output error")
        self.synced = len(self.data)

    @property
    def records(self) -> list[Record]:
        reader = Reader()
        records = reader.feed(self.data)
        assert reader.damage is None
        assert reader.torn == 0
        return records


class Asker:
    """A call's driver, as the recorder sees it: it appends the end of what could not be sent, as calls do."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self.recorder = recorder
        self.number = number
        self.heard: list[str] = []

    def open(self, attempt: int = 1) -> None:
        self.recorder.append(held(self.number) if attempt == 1 else attempted(self.number, attempt))
        self.recorder.after(self, Send(attempt, None, None))  # type: ignore[arg-type]

    def send(self, effect: Send, now: int) -> None:
        self.heard.append(f"sent {effect.attempt}")

    def journal_failed(self, effect: Send, *, written: bool) -> None:
        self.heard.append(f"failed {effect.attempt}")
        if written or effect.attempt > 1:
            self.recorder.append(Released(self.number, effect.attempt, 9, True, "server_error"))


def held(number: int, **more: Any) -> Held:
    return Held(number, 1, "key", "m", False, 10, "deepseek", "m", "CNY", 5, **more)


def attempted(number: int, attempt: int) -> Attempted:
    return Attempted(number, attempt, 2, "moonshot", "m", "CNY", 5)


def settled(number: int, attempt: int = 1, *, final: bool = True, **more: Any) -> Settled:
    return Settled(number, attempt, 3, final, "ok", Grade.MEASURED, **more)


class Turns:
    """The loop's ``call_soon``, turn by turn."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def now(self) -> int:
        return 7

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def recorder(disk: Disk, turns: Turns) -> Recorder:
    return Recorder(disk, turns.call_soon, turns.now, sync_each=False)


def post(records: list[Record]) -> Poster:
    poster = Poster("run")
    for record in records:
        poster.post(record)
    return poster


def test_all_records_of_a_turn_share_one_write(disk: Disk, turns: Turns, recorder: Recorder) -> None:
    askers = [Asker(recorder, number) for number in range(1, 6)]
    for asker in askers:
        asker.open()
    assert disk.frames == 0
    assert all(asker.heard == [] for asker in askers)
    turns.turn()
    assert disk.frames == 1
    assert all(asker.heard == ["sent 1"] for asker in askers)
    assert disk.records == [held(number) for number in range(1, 6)]
    assert recorder.written == 5
    assert recorder.dirty


def test_nothing_to_write_writes_nothing(disk: Disk, recorder: Recorder) -> None:
    recorder.flush()
    recorder.retry()
    assert disk.frames == 0


def test_each_syncs_before_a_vendor_is_asked(disk: Disk, turns: Turns) -> None:
    recorder = Recorder(disk, turns.call_soon, turns.now, sync_each=True)
    asker = Asker(recorder, 1)
    asker.open()
    turns.turn()
    assert disk.synced == len(disk.data)
    assert asker.heard == ["sent 1"]


def test_a_full_disk_gives_holds_back_and_loses_nothing_metered(disk: Disk, turns: Turns, recorder: Recorder) -> None:
    older, newer = Asker(recorder, 1), Asker(recorder, 2)
    older.open()
    turns.turn()
    disk.full = True
    recorder.append(settled(1))
    newer.open()
    turns.turn()
    assert newer.heard == ["failed 1"]
    assert recorder.failing is not None
    assert recorder.pending == 1
    recorder.retry()
    assert recorder.pending == 1
    disk.full = False
    recorder.retry()
    assert (recorder.failing, recorder.pending) == (None, 0)
    assert disk.records == [held(1), settled(1)]
    assert post(disk.records).open == {}


def test_the_next_call_finds_out_that_the_disk_is_well_again(disk: Disk, turns: Turns, recorder: Recorder) -> None:
    disk.full = True
    first, second = Asker(recorder, 1), Asker(recorder, 2)
    first.open()
    turns.turn()
    disk.full = False
    second.open()
    turns.turn()
    assert (first.heard, second.heard, recorder.failing) == (["failed 1"], ["sent 1"], None)


def test_without_a_call_it_finds_out_by_itself(disk: Disk, turns: Turns, recorder: Recorder) -> None:
    """Who asks /readyz sends no calls while it says no: it must not take a call to say yes again."""
    disk.full = True
    Asker(recorder, 1).open()
    turns.turn()
    assert recorder.pending == 0
    recorder.retry()
    assert recorder.failing is not None
    disk.full = False
    recorder.retry()
    assert recorder.failing is None
    assert disk.records == []
    frames = disk.frames
    recorder.retry()
    assert disk.frames == frames


def test_a_call_that_began_and_ended_in_a_refused_turn_leaves_no_trace(
    disk: Disk, turns: Turns, recorder: Recorder
) -> None:
    asker = Asker(recorder, 1)
    disk.full = True
    asker.open()
    recorder.append(Released(1, 1, 2, True, "client_gone"))  # the caller left before the turn was over
    turns.turn()
    disk.full = False
    recorder.retry()
    assert recorder.pending == 0
    assert post(disk.records).open == {}
    assert disk.records == []


def test_a_second_attempt_that_could_not_be_written_ends_in_the_books(
    disk: Disk, turns: Turns, recorder: Recorder
) -> None:
    asker = Asker(recorder, 1)
    asker.open()
    turns.turn()
    disk.full = True
    recorder.append(settled(1, final=False))
    asker.open(attempt=2)
    turns.turn()
    assert asker.heard == ["sent 1", "failed 2"]
    disk.full = False
    recorder.retry()
    turns.turn()
    assert disk.records == [held(1), settled(1, final=False), attempted(1, 2), Released(1, 2, 9, True, "server_error")]
    assert post(disk.records).open == {}


def test_a_write_that_cannot_be_synced_stays_written_once(disk: Disk, turns: Turns) -> None:
    recorder = Recorder(disk, turns.call_soon, turns.now, sync_each=True)
    older, newer = Asker(recorder, 1), Asker(recorder, 2)
    older.open()
    turns.turn()
    disk.shaky = True
    recorder.append(settled(1))
    newer.open()
    turns.turn()
    assert newer.heard == ["failed 1"]
    assert recorder.failing is not None
    disk.shaky = False
    turns.turn()
    assert recorder.failing is None
    assert disk.records == [held(1), settled(1), held(2), Released(2, 1, 9, True, "server_error")]
    assert post(disk.records).open == {}


def test_a_sync_that_fails_is_said_once_tried_again_and_over_when_it_succeeds(
    disk: Disk, turns: Turns, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    Asker(recorder, 1).open()
    turns.turn()
    disk.shaky = True
    for _ in range(3):
        recorder.sync()
    assert recorder.unsynced == "[Errno 5] Input/output error"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert recorder.failing is None  # it can be written
    disk.shaky = False
    recorder.sync()
    assert (recorder.unsynced, disk.synced) == (None, len(disk.data))
    disk.shaky = True
    recorder.sync()  # nothing new: the disk is not asked
    assert recorder.unsynced is None


def test_much_that_was_kept_is_written_in_frames_that_can_be_read(disk: Disk, turns: Turns, recorder: Recorder) -> None:
    disk.full = True
    many = 5000
    for number in range(many):
        recorder.append(settled(number, raw_usage=b"x" * 100))
        turns.turn()
    disk.full = False
    recorder.retry()
    assert len(disk.records) == many
    assert 1 < disk.frames < 10


def test_records_stay_in_order_when_the_disk_fails_again_half_way(
    disk: Disk, turns: Turns, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.full = True
    for number in range(3000):
        recorder.append(settled(number))
    turns.turn()
    write, room = disk.write, 1

    def tight(frame: bytes) -> None:
        nonlocal room
        disk.full = room <= 0
        room -= 1
        write(frame)

    monkeypatch.setattr(disk, "write", tight)
    recorder.retry()
    assert 0 < recorder.pending < 3000
    room = 99
    recorder.retry()
    assert [record.number for record in disk.records] == list(range(3000))


def test_a_record_that_cannot_be_encoded_costs_nobody_else_anything(
    disk: Disk, turns: Turns, recorder: Recorder
) -> None:
    older, newer = Asker(recorder, 1), Asker(recorder, 2)
    older.open()
    turns.turn()
    recorder.append(settled(1))
    recorder.append(msgspec.structs.replace(settled(1, 7), picos=2**70))
    newer.open()
    turns.turn()
    recorder.retry()
    assert disk.records == [held(1), settled(1)]
    assert newer.heard == ["failed 1"]
    assert recorder.failing is None


def test_one_request_that_cannot_be_sent_holds_up_no_other(
    disk: Disk, turns: Turns, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = Asker(recorder, 1), Asker(recorder, 2)

    def explode(effect: Send) -> None:
        raise RuntimeError("no route")

    monkeypatch.setattr(broken, "send", explode)
    broken.open()
    fine.open()
    turns.turn()
    assert fine.heard == ["sent 1"]
