"""How long sounds last, by what their files say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.audio import SLOWEST, Length, length_of
from sounds import box, flac, mp3, mp4, opus, page, vorbis, wav, webm

FEW = st.integers(1, 400_000)


def begun(units: int, per_second: int) -> Length:
    told = -(-units // per_second)
    return Length(told, told + 1)


@given(frames=FEW, rate=st.sampled_from([8_000, 16_000, 44_100]), channels=st.integers(1, 2), width=st.integers(1, 4))
def test_a_wav_lasts_as_long_as_its_samples(frames, rate, channels, width):
    frames = min(frames, 40_000)
    assert length_of(wav(frames, rate, channels, width)) == begun(frames, rate)


@given(samples=st.integers(1, 2**36 - 1), rate=st.sampled_from([8_000, 44_100, 96_000]))
def test_a_flac_says_how_many_samples_it_has(samples, rate):
    told = -(-samples // rate)
    assert length_of(flac(samples, rate)) == (Length(told, told + 1) if told <= 10**6 else Length(None, 2))


@given(frames=st.integers(2, 300), tag=st.binary(max_size=300))
def test_an_mp3_lasts_as_long_as_its_frames(frames, tag):
    assert length_of(mp3(frames, tag=tag)) == begun(frames * 1152, 44_100)
    assert length_of(mp3(frames) + b"TAG" + bytes(125)) == begun(frames * 1152, 44_100)


@given(samples=FEW)
def test_an_ogg_lasts_as_long_as_its_last_page_says(samples):
    assert length_of(opus(samples)) == begun(samples, 48_000)
    assert length_of(vorbis(samples)) == begun(samples, 22_050)


def test_streams_of_an_ogg_that_follow_each_other_add_up():
    assert length_of(opus(48_000) + opus(96_000) + opus(48_000, serial=9)) == begun(4, 1)


@given(milliseconds=st.integers(1, 100_000))
def test_a_webm_says_it_or_its_last_block_does(milliseconds):
    assert length_of(webm(milliseconds, told=True)) == begun(milliseconds, 1_000)
    recorded = length_of(webm(milliseconds, told=False))
    assert recorded.told is not None
    assert milliseconds - 1_000 <= recorded.told * 1_000 < milliseconds + 1_000


@given(units=st.integers(1, 2**32 - 2), wide=st.booleans())
def test_an_mp4_says_it_in_its_head(units, wide):
    assert length_of(mp4(units, 44_100, wide=wide)) == begun(units, 44_100)


def test_an_mp4_in_fragments_may_say_it_of_those():
    moved = box(b"mvex", box(b"mehd", bytes(4) + (96_000).to_bytes(4, "big")))
    head = box(b"mvhd", bytes(12) + (48_000).to_bytes(4, "big") + bytes(84))
    film = box(b"ftyp", b"isom") + box(b"moov", head + moved)
    assert length_of(film) == begun(2, 1)
    assert length_of(film.replace(b"mehd", b"free")).told is None


def test_a_wav_that_says_less_than_it_has_is_counted():
    sound = bytearray(wav(160_000))
    sound[40:44] = (320).to_bytes(4, "little")
    assert length_of(bytes(sound)) == begun(10, 1)


def test_a_wav_whose_heads_contradict_each_other_is_not_believed():
    sound = bytearray(wav(160_000))
    sound[32:34] = (60_000).to_bytes(2, "little")  # bytes a sample
    assert length_of(bytes(sound)) == Length(None, -(-len(sound) // SLOWEST) + 1)


@pytest.mark.parametrize("sound", [b"", b"x", b"\xff\xfb\x90\x00", b"RIFF\x00\x00\x00\x00WAVE", flac(0), mp4(0)])
def test_what_tells_nothing_lasts_no_longer_than_its_bytes_could(sound):
    assert length_of(sound) == Length(None, -(-len(sound) // SLOWEST) + 1)


@pytest.mark.parametrize(
    "piece",
    [b"\xff", b"\xff\xfb", b"OggS" + bytes(23), b"\x80", b"\x00\x00\x00\x08moov", b"\xa3\x80", b"ID3" + bytes(7)],
)
@pytest.mark.parametrize("start", [b"ID3", page(1, 0, b"", 2), webm(9, told=True), mp4(1), wav(1)[:36]])
def test_much_ado_about_nothing_comes_to_an_end(start, piece):
    length = length_of(start + piece * 1_000_000)
    assert length.most >= 1
    assert length.told is None or length.told < length.most


def test_a_sound_behind_a_few_tags_is_heard_and_one_behind_very_many_is_not():
    tag = b"ID3" + bytes(7)
    assert length_of(tag * 15 + mp3(40)).told == length_of(mp3(40)).told
    assert length_of(tag * 16 + mp3(40)).told is None


WHOLE = [
    wav(20),
    flac(44_100),
    mp3(4),
    opus(9_000),
    vorbis(300),
    webm(9_000, told=True),
    webm(9_000, told=False),
    mp4(5),
]


@given(data=st.binary(max_size=300), sound=st.sampled_from(WHOLE), seed=st.integers(0, 2**32), cut=st.integers(0, 300))
def test_noise_is_never_a_crash_and_never_nothing(data, sound, seed, cut):
    chance = random.Random(seed)
    spoiled = bytearray(sound[: cut or None])
    for _ in range(4):
        if spoiled:
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
    for tried in (data, sound[:12] + data, bytes(spoiled)):
        length = length_of(tried)
        assert length.most >= 1
        assert length.told is None or 1 <= length.told < length.most
