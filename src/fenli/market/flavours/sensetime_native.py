"""商汤 SenseTime SenseNova, its own API. The words of most of its messages are made up."""

from __future__ import annotations

from typing import Final

from fenli.market.dialects.sensenova import SENSENOVA, KeyOrSignedToken
from fenli.market.flavours.flavour import Flavour, Placement
from fenli.market.flavours.sensetime import SENSETIME
from fenli.market.senses import Senses
from fenli.market.usage import UsageShape

SENSETIME_NATIVE: Final = Flavour(
    id="sensetime-native",
    key="market-ak:market-sk",
    dialect=SENSENOVA,
    admission=KeyOrSignedToken(),
    placement=Placement.EVERY_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="",
    shows_reasoning=False,
    filtered="sensitive",
    senses=Senses(
        search="plugins.web_search.search_enable",
        sources="plugins.web_search",
        shown="plugins.web_search.result_enable",
        name="role_setting.primary_bot_name",
        schemas=False,
    ),
    refusals=SENSETIME.refusals,
)
