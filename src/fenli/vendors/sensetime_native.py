"""商汤 SenseTime SenseNova, its own API: a key as it is, or a token that an access key's secret signs for half an hour.

A key is an API key, or ``AK:SK``. A stream tells failures in a status of its own. Its models for roles stand apart:
they are told who speaks, and stream nothing. Sources: sensenova 1.0.6, its tests, SenseNova's page on characters.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.vendors.contract import Address, Model, UsageMap
from fenli.vendors.failing import ErrorRule
from fenli.vendors.headers import bearer
from fenli.vendors.models import default_models
from fenli.vendors.sensetime import SENSETIME
from fenli.vendors.switches import TRUE, PersonaSwitch, SchemaSwitch, SchemaWay, SearchSwitch, Switches
from fenli.vendors.translated import Translated
from fenli.wire.frames import EitherFrames, Frames
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown
from fenli.wire.sensenova import TAKEN, SenseNovaReader, encode_chat
from fenli.wire.sensenova_character import TAKEN as PLAY_TAKEN
from fenli.wire.sensenova_character import encode_play
from fenli.wire.signing import sign_jwt

_PLAYS: Final = re.compile(".*character", re.IGNORECASE)
_name = msgspec.json.Decoder(str).decode
_VALID_S: Final = 1_800
_BEFORE_S: Final = 5


class SenseNova(Translated, frozen=True, kw_only=True):
    """``play_path``: where models for roles are asked; ``gender``: what they are told of who was given none."""

    play_path: str = "/llm/character/chat-completions"
    gender: str = "未知"

    @property
    def models(self) -> tuple[Model, ...]:
        return (*super().models, *default_models(self.id))

    def address(self, base_url: str, secret: str, model: str) -> Address:
        address = super().address(base_url, secret, model)
        if not _PLAYS.match(model):
            return address
        path = address.target.decode().removesuffix(self.path).removesuffix(self.play_path) + self.play_path
        return msgspec.structs.replace(address, target=path.encode())

    def credential(self, secret: str) -> tuple[str, ...]:
        return () if ":" in secret else bearer(secret)

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        key, mark, secret = address.secret.partition(":")
        if not mark:
            return address.headers
        at = now // SECOND
        token = sign_jwt({"iss": key, "exp": at + _VALID_S, "nbf": at - _BEFORE_S}, secret)
        return address.headers + f"Authorization: Bearer {token}\r\n".encode()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        if _PLAYS.match(_name(model)):
            refuse_unknown(ask, self.title, PLAY_TAKEN)
            persona = None if ask.options is None else ask.options.persona
            return encode_play(
                model, decoded(ask), ask.fields, persona,
                vendor=self.title, gender=self.gender, limit=ask.output_limit,
            )  # fmt: skip
        ask = self.spelled(ask, model)
        refuse_unknown(ask, self.title, TAKEN)
        return encode_chat(model, decoded(ask), ask.fields, limit=ask.output_limit, stream=ask.stream)

    def frames(self) -> Frames:
        return EitherFrames()

    def streamed(self, ask: ChatRequest) -> SenseNovaReader:
        return SenseNovaReader()

    def whole(self, ask: ChatRequest) -> SenseNovaReader:
        return SenseNovaReader()


SENSETIME_NATIVE = SenseNova(
    id="sensetime-native",
    title="SenseTime (SenseNova, own API)",
    title_zh="商汤日日新(原生接口)",
    base_url="https://api.sensenova.cn/v1",
    key_variables=("SENSENOVA_NATIVE_KEY",),
    keys_at="https://platform.sensenova.cn",
    key_form="API key, or AK:SK",
    sells="sensetime",
    path="/llm/chat-completions",
    usage_map=UsageMap(cached=(), cache_write=(), reasoning=()),
    errors=(ErrorRule(Kind.NO_PERMISSION, code="7"), *SENSETIME.errors),
    switches=Switches(
        search=(
            SearchSwitch(
                models="(?!.*character)",
                on={"plugins.web_search.search_enable": TRUE},
                citations={"plugins.web_search.result_enable": TRUE},
                shown="plugins",
            ),
        ),
        persona=(
            PersonaSwitch(
                models=_PLAYS.pattern,
                places={
                    "bot_name": "role_setting.primary_bot_name",
                    "bot_profile": "character_settings",
                    "user_name": "role_setting.user_name",
                },
            ),
        ),
        schema=(SchemaSwitch(way=SchemaWay.TEXT),),
    ),
)
