"""腾讯 Tencent Hunyuan, the signed API. Codes are its SDK's; every failure comes with a 200. The words are made up."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.tencent_cloud import TENCENT_CLOUD, SignedRequest, TencentUsage
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.flavours.tencent import TENCENT
from fenli.market.senses import Senses
from fenli.market.services.tencent_tasks import JOBS_MODEL, HunyuanJobs

TENCENT_NATIVE: Final = Flavour(
    id="tencent-native",
    key="AKIDmarket:secret-of-the-market",
    dialect=TENCENT_CLOUD,
    admission=SignedRequest(),
    model_prefixes=(JOBS_MODEL,),
    films=(HunyuanJobs(),),
    placement=Placement.EVERY_CHUNK,
    usage=TencentUsage(),
    answer_id="",
    filtered="sensitive",
    request_id_header=b"x-tc-requestid",
    members=TENCENT.members,
    senses=Senses(
        messages="Messages",
        thinking={"hunyuan-a13b": ("EnableThinking",), r"hunyuan-(t1|2\.0-thinking)": ()},
        search="EnableEnhancement",
    ),
    refusals=(
        Refusal(Kind.BAD_KEY, 200, "The provided credentials could not be validated", "AuthFailure.SignatureFailure"),
        *(
            msgspec.structs.replace(refusal, status=200)
            for refusal in TENCENT.refusals
            if refusal.kind not in (Kind.BAD_KEY, Kind.CONTEXT_TOO_LONG)
        ),
    ),
)
