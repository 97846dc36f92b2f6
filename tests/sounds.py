"""Sound files with nothing to hear in them, as their formats' writers put them together."""

from __future__ import annotations

import io
import struct
import wave
from itertools import repeat


def wav(frames: int, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """By Python's own writer."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(bytes(frames * channels * width))
    return file.getvalue()


def flac(samples: int, rate: int = 44_100) -> bytes:
    info = bytes(10) + (rate << 44 | 1 << 41 | 15 << 36 | samples).to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info


def mp3(frames: int, *, tag: bytes = b"") -> bytes:
    """Of 1,152 samples at 44,100 Hz each, 128 kbit/s."""
    head = b"ID3\x04\x00\x00" + bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0)) + tag if tag else b""
    return head + b"".join(repeat(b"\xff\xfb\x90\x00" + bytes(413), frames))


def page(serial: int, granule: int, packet: bytes, flags: int = 0) -> bytes:
    laces = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, 0, 0, len(laces))
    return head + laces + packet


def opus(samples: int, serial: int = 7, skipped: int = 312) -> bytes:
    """``samples`` at 48,000 Hz are heard."""
    head = b"OpusHead\x01\x01" + struct.pack("<HIH", skipped, 16_000, 0) + b"\x00"
    return (
        page(serial, 0, head, 2)
        + page(serial, 0, b"OpusTags")
        + page(serial, -1, bytes(300))
        + page(serial, samples + skipped, bytes(40), 4)
    )


def vorbis(samples: int, rate: int = 22_050) -> bytes:
    head = b"\x01vorbis" + bytes(4) + b"\x01" + struct.pack("<I", rate) + bytes(14)
    return page(1, 0, head, 2) + page(1, samples, bytes(30), 4)


def element(name: int, content: bytes, *, endless: bool = False) -> bytes:
    size = b"\x01" + b"\xff" * 7 if endless else (1 << 56 | len(content)).to_bytes(8, "big")
    return name.to_bytes(-(-name.bit_length() // 8), "big") + size + content


def webm(milliseconds: int, *, told: bool) -> bytes:
    """As a file that says its length, or as a browser records one, which does not."""
    info = element(0x2AD7B1, (1_000_000).to_bytes(3, "big"))
    if told:
        info += element(0x4489, struct.pack(">d", milliseconds))
    clusters = b"".join(
        element(
            0x1F43B675,
            element(0xE7, begin.to_bytes(4, "big"))
            + element(0xA3, b"\x81" + struct.pack(">h", min(4_000, milliseconds - begin)) + b"\x80" + bytes(20))
            + element(0xA0, element(0xA1, b"\x81\x00\x00\x00" + bytes(20))),
            endless=not told,
        )
        for begin in range(0, milliseconds + 1, 5_000)
    )
    head = element(0x1A45DFA3, element(0x4282, b"webm"))
    return head + element(0x18538067, element(0x1549A966, info) + clusters, endless=not told)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def mp4(units: int, scale: int = 44_100, *, wide: bool = False) -> bytes:
    lasts = struct.pack(">QQIQ", 0, 0, scale, units) if wide else struct.pack(">IIII", 0, 0, scale, units)
    head = box(b"mvhd", bytes([wide, 0, 0, 0]) + lasts + bytes(80))
    return (
        box(b"ftyp", b"M4A \x00\x00\x00\x00") + box(b"mdat", bytes(100)) + box(b"moov", head + box(b"trak", bytes(9)))
    )
