"""Every vendor that is emulated, by id: one small file each. Facts: a survey of their pages and SDKs, 2026-11."""

from __future__ import annotations

from typing import Final

from fenli.market.flavours.alibaba import ALIBABA
from fenli.market.flavours.alibaba_native import ALIBABA_NATIVE
from fenli.market.flavours.anthropic import ANTHROPIC
from fenli.market.flavours.baichuan import BAICHUAN
from fenli.market.flavours.baidu import BAIDU
from fenli.market.flavours.baidu_legacy import BAIDU_LEGACY
from fenli.market.flavours.bytedance import BYTEDANCE
from fenli.market.flavours.deepseek import DEEPSEEK
from fenli.market.flavours.flavour import Flavour
from fenli.market.flavours.google import GOOGLE
from fenli.market.flavours.huawei import HUAWEI
from fenli.market.flavours.huawei_pangu import HUAWEI_PANGU
from fenli.market.flavours.iflytek import IFLYTEK
from fenli.market.flavours.iflytek_websocket import IFLYTEK_WS
from fenli.market.flavours.llama_cpp import LOCAL
from fenli.market.flavours.metaso import METASO
from fenli.market.flavours.minimax import MINIMAX, MINIMAX_INTL
from fenli.market.flavours.minimax_native import MINIMAX_NATIVE
from fenli.market.flavours.moonshot import MOONSHOT, MOONSHOT_INTL
from fenli.market.flavours.ollama import OLLAMA
from fenli.market.flavours.ollama_native import OLLAMA_NATIVE
from fenli.market.flavours.openai import OPENAI
from fenli.market.flavours.sensetime import SENSETIME
from fenli.market.flavours.sensetime_native import SENSETIME_NATIVE
from fenli.market.flavours.stepfun import STEPFUN
from fenli.market.flavours.tencent import TENCENT
from fenli.market.flavours.tencent_native import TENCENT_NATIVE
from fenli.market.flavours.tiangong import TIANGONG, TIANGONG_CUMULATIVE
from fenli.market.flavours.vllm import VLLM
from fenli.market.flavours.zero_one_ai import ZERO_ONE_AI
from fenli.market.flavours.zhipu import ZAI, ZHIPU

FLAVOURS: Final[dict[str, Flavour]] = {
    flavour.id: flavour
    for flavour in (
        DEEPSEEK,
        MOONSHOT,
        MOONSHOT_INTL,
        ZHIPU,
        ZAI,
        MINIMAX,
        MINIMAX_INTL,
        MINIMAX_NATIVE,
        STEPFUN,
        BAICHUAN,
        ZERO_ONE_AI,
        ALIBABA,
        ALIBABA_NATIVE,
        BYTEDANCE,
        TENCENT,
        TENCENT_NATIVE,
        BAIDU,
        BAIDU_LEGACY,
        HUAWEI,
        HUAWEI_PANGU,
        IFLYTEK,
        IFLYTEK_WS,
        SENSETIME,
        SENSETIME_NATIVE,
        TIANGONG,
        TIANGONG_CUMULATIVE,
        METASO,
        OPENAI,
        ANTHROPIC,
        GOOGLE,
        VLLM,
        OLLAMA,
        OLLAMA_NATIVE,
        LOCAL,
    )
}
