"""How long a sound lasts, as far as its file says: read from the heads of WAV, FLAC, MP3, Ogg, WebM and MP4.

Sources: RIFF/WAVE, RFC 9639 (FLAC), ISO 11172-3 (MP3 frames), RFC 3533 and 7845 (Ogg, Opus), RFC 8794 and 9559
(Matroska), ISO 14496-12 (MP4). Nothing is decoded; whatever the bytes are, nothing is raised.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

# 6 kbit/s, the least that any codec in use is set to for speech: what no file tells of itself lasts no longer.
SLOWEST: Final = 750
SECOND: Final = 10**9
# What a file says that it lasts is not believed beyond this (11 days).
LONGEST: Final = 10**6
# What is looked at before a file counts as one that tells nothing, since callers wait meanwhile (a fifth of a second at
# most): frames of an MP3, which are an hour and three quarters; elsewhere pages, boxes and blocks.
FRAMES_MAX: Final = 250_000
STEPS_MAX: Final = 150_000
TAGS_MAX: Final = 16  # in front of an MP3


class Length(NamedTuple):
    """In whole seconds. ``told``: by the file, rounded up; None where it cannot be read. ``most``: no decoder finds
    more."""

    told: int | None
    most: int


def length_of(data: bytes) -> Length:
    for knows, reader in _READERS:
        if not knows(data):
            continue
        lasts = reader(data)
        if lasts is not None and 0 < lasts <= LONGEST * SECOND:
            told = -(-lasts // SECOND)
            return Length(told, told + 1)  # decoders differ by a frame or two
        break
    return Length(None, -(-len(data) // SLOWEST) + 1)


def _wav(data: bytes) -> int | None:
    """Samples as they are have a rate, so what matters is how many bytes of them there are, whatever a head says."""
    place, per_second = 12, 0
    for _ in range(STEPS_MAX):
        kind, size = data[place : place + 4], _little(data, place + 4, 4)
        if kind == b"data":
            return (len(data) - place - 8) * SECOND // per_second if per_second else None
        if kind == b"fmt ":
            kept, channels, rate = (
                _little(data, place + 8, 2),
                _little(data, place + 10, 2),
                _little(data, place + 12, 4),
            )
            align, bits = _little(data, place + 20, 2), _little(data, place + 22, 2)
            plain = kept in (1, 3, 6, 7, 0xFFFE) and align == channels * (-(-bits // 8))
            per_second = rate * align if plain else 0
        elif len(kind) < 4:
            return None
        place += 8 + size + size % 2
    return None


def _flac(data: bytes) -> int | None:
    told = _big(data, 18, 8)
    rate, samples = told >> 44, told & (1 << 36) - 1
    return samples * SECOND // rate if rate and samples else None


_TICKS: Final = 14_112_000  # a second, of which every rate of an MP3 is a whole part
_KILOBITS: Final = {  # by version 1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_VERSIONS: Final = {3: 1, 2: 2, 0: 4}  # as written: what the rates of version 1 are divided by


@cache
def _frames() -> dict[int, tuple[int, int]]:
    """Bytes and ticks of an MP3's frame, by the second and third byte of its head."""
    found = {}
    for written in range(1 << 16):
        version, layer = _VERSIONS.get(written >> 11 & 3), 4 - (written >> 9 & 3)
        kilobits, rate = written >> 4 & 15, written >> 2 & 3
        if written >> 13 != 7 or version is None or layer == 4 or kilobits in (0, 15) or rate == 3:
            continue
        hertz = (44_100, 48_000, 32_000)[rate] // version
        samples = 384 if layer == 1 else 576 if layer == 3 and version > 1 else 1152
        slot = 4 if layer == 1 else 1
        bits = _KILOBITS[version == 1, layer][kilobits - 1] * 1000
        length = (samples // 8 // slot * bits // hertz + (written >> 1 & 1)) * slot
        found[written] = (length, samples * _TICKS // hertz)
    return found


def _is_mp3(data: bytes) -> bool:
    """Two frames in a row, or a tag in front of them."""
    return data[:3] == b"ID3" or ((first := _frame_at(data, 0)) is not None and _frame_at(data, first[0]) is not None)


def _frame_at(data: bytes, place: int) -> tuple[int, int] | None:
    head = data[place : place + 3]
    return _frames().get(head[1] << 8 | head[2]) if len(head) == 3 and head[0] == 0xFF else None


def _mp3(data: bytes) -> int | None:
    """Frame by frame: what stands in the first of them may be missing or wrong."""
    place = ticks = 0
    for _ in range(TAGS_MAX):
        if data[place : place + 3] != b"ID3":
            break
        sizes = data[place + 6 : place + 10]
        place += 10 + sum((size & 127) << 7 * (3 - index) for index, size in enumerate(sizes))
    else:
        return None
    frames, end = _frames(), len(data) - 3
    for _ in range(FRAMES_MAX):
        if place > end:
            return ticks * SECOND // _TICKS
        frame = frames.get(data[place + 1] << 8 | data[place + 2]) if data[place] == 0xFF else None
        if frame is not None:
            place += frame[0]
            ticks += frame[1]
        else:
            place = data.find(b"\xff", place + 1)
            if place < 0:
                return ticks * SECOND // _TICKS
    return None


def _ogg(data: bytes) -> int | None:
    """What each stream's last page counts, by the rate in its first; streams that follow each other add up."""
    place, lasts = 0, 0
    open_streams: dict[bytes, tuple[int, int, int]] = {}  # rate, samples to skip, samples so far
    for _ in range(STEPS_MAX):
        if data[place : place + 4] != b"OggS":
            return lasts + sum(_samples(stream) for stream in open_streams.values()) or None
        flags, serial, count = data[place + 5 : place + 6], data[place + 14 : place + 18], _little(data, place + 26, 1)
        begin = place + 27 + count
        if flags and flags[0] & 2:
            if serial in open_streams:
                lasts += _samples(open_streams.pop(serial))
            rate, skipped = _ogg_rate(data[begin : begin + 64])
            if rate:
                open_streams[serial] = (rate, skipped, 0)
        elif serial in open_streams:
            rate, skipped, samples = open_streams[serial]
            granule = _little(data, place + 6, 8)
            if samples < granule < 1 << 63:
                open_streams[serial] = (rate, skipped, granule)
        place = begin + sum(data[place + 27 : begin])
    return None


def _samples(stream: tuple[int, int, int]) -> int:
    rate, skipped, samples = stream
    return max(0, samples - skipped) * SECOND // rate


def _ogg_rate(packet: bytes) -> tuple[int, int]:
    """Samples a second, and how many of them are skipped; 0 where it is no sound."""
    if packet[:8] == b"OpusHead":
        return 48_000, _little(packet, 10, 2)
    if packet[:7] == b"\x01vorbis":
        return _little(packet, 12, 4), 0
    if packet[:8] == b"Speex   ":
        return _little(packet, 36, 4), 0
    return (_big(packet, 27, 3) >> 4, 0) if packet[:5] == b"\x7fFLAC" else (0, 0)


_CLUSTER, _TIME, _BLOCK, _SIMPLE_BLOCK, _SCALE, _DURATION = 0x1F43B675, 0xE7, 0xA1, 0xA3, 0x2AD7B1, 0x4489
_ENTERED: Final = frozenset((0x18538067, 0x1549A966, _CLUSTER, 0xA0))  # segment, info, block group


def _webm(data: bytes) -> int | None:
    """What a browser records names no duration: then it is when the last block begins."""
    place, scale, cluster, last, duration = 0, 1_000_000, 0, 0, 0.0
    for _ in range(STEPS_MAX):
        if place >= len(data):
            return last * scale
        name, place = _vint(data, place, marked=True)
        if name == _CLUSTER and duration:
            return math.ceil(duration * scale)
        size, place = _vint(data, place, marked=False)
        if name in _ENTERED:
            continue
        if size is None or name is None:
            return None
        if name == _SCALE:
            scale = _big(data, place, size) if size <= 8 else 0
        elif name == _DURATION:
            duration = _real(data[place : place + size])
        elif name == _TIME:
            cluster = _big(data, place, size) if size <= 8 else 0
        elif name in (_SIMPLE_BLOCK, _BLOCK):
            _, behind = _vint(data, place, marked=True)
            last = max(last, cluster + int.from_bytes(data[behind : behind + 2], "big", signed=True))
        place += size
    return None


def _vint(data: bytes, place: int, *, marked: bool) -> tuple[int | None, int]:
    """A number that says how long it is, and what is behind it; None where it says that it is unknown."""
    first = _big(data, place, 1)
    length = 9 - first.bit_length()
    if length > 8:
        return None, len(data)
    number, behind = _big(data, place, length), place + length
    if marked:
        return number, behind
    rest = (1 << 7 * length) - 1
    return (None if number & rest == rest else number & rest), behind


def _real(data: bytes) -> float:
    """0 for what is no length."""
    number: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0] if len(data) in (4, 8) else 0.0
    return number if 0 <= number < LONGEST * SECOND else 0.0


def _mp4(data: bytes) -> int | None:
    """The film's head says it, or, where it comes in fragments, the one of the fragments."""
    place, scale, lasts = 0, 0, 0
    for _ in range(STEPS_MAX):
        size, kind = _big(data, place, 4), data[place + 4 : place + 8]
        if len(kind) < 4:
            break
        head = 16 if size == 1 else 8
        size = _big(data, place + 8, 8) if size == 1 else size or len(data) - place
        inside = place + head
        wide = 8 if _big(data, inside, 1) else 4
        if kind == b"mvhd":
            scale = _big(data, inside + 4 + 2 * wide, 4)
            lasts = max(lasts, _known(data, inside + 8 + 2 * wide, wide))
        elif kind == b"mehd":
            lasts = max(lasts, _known(data, inside + 4, wide))
        if size < head:
            return None
        place = inside if kind in (b"moov", b"mvex") else place + size
    return lasts * SECOND // scale if scale and lasts else None


def _known(data: bytes, place: int, size: int) -> int:
    """0 where all its bits are set, which stands for unknown."""
    number = _big(data, place, size)
    return 0 if number == (1 << 8 * size) - 1 else number


def _little(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")


def _big(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "big")


_Reader = tuple[Callable[[bytes], bool], Callable[[bytes], int | None]]
_READERS: Final[tuple[_Reader, ...]] = (
    (lambda data: data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE", _wav),
    (lambda data: data[:4] == b"fLaC", _flac),
    (lambda data: data[:4] == b"OggS", _ogg),
    (lambda data: data[:4] == b"\x1a\x45\xdf\xa3", _webm),
    (lambda data: data[4:8] == b"ftyp", _mp4),
    (_is_mp3, _mp3),
)
