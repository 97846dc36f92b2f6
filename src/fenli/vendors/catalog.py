"""Every vendor that fenli can speak to, by id."""

from __future__ import annotations

from typing import Final

from fenli.vendors.alibaba import ALIBABA
from fenli.vendors.alibaba_native import ALIBABA_NATIVE
from fenli.vendors.anthropic import ANTHROPIC
from fenli.vendors.baichuan import BAICHUAN
from fenli.vendors.baidu import BAIDU
from fenli.vendors.baidu_legacy import BAIDU_LEGACY
from fenli.vendors.bytedance import BYTEDANCE
from fenli.vendors.contract import Vendor
from fenli.vendors.deepseek import DEEPSEEK
from fenli.vendors.google import GOOGLE
from fenli.vendors.huawei import HUAWEI
from fenli.vendors.huawei_pangu import HUAWEI_PANGU
from fenli.vendors.iflytek import IFLYTEK
from fenli.vendors.iflytek_websocket import IFLYTEK_WS
from fenli.vendors.llama_cpp import LOCAL
from fenli.vendors.metaso import METASO
from fenli.vendors.minimax import MINIMAX, MINIMAX_INTL
from fenli.vendors.minimax_native import MINIMAX_NATIVE
from fenli.vendors.models import departed_models
from fenli.vendors.moonshot import MOONSHOT, MOONSHOT_INTL
from fenli.vendors.ollama import OLLAMA
from fenli.vendors.ollama_native import OLLAMA_NATIVE
from fenli.vendors.openai import OPENAI
from fenli.vendors.sensetime import SENSETIME
from fenli.vendors.sensetime_native import SENSETIME_NATIVE
from fenli.vendors.stepfun import STEPFUN
from fenli.vendors.tencent import TENCENT
from fenli.vendors.tencent_native import TENCENT_NATIVE
from fenli.vendors.tiangong import TIANGONG, TIANGONG_CUMULATIVE
from fenli.vendors.vllm import VLLM
from fenli.vendors.zero_one_ai import ZERO_ONE_AI
from fenli.vendors.zhipu import ZAI, ZHIPU

VENDORS: Final[dict[str, Vendor]] = {
    vendor.id: vendor
    for vendor in (
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


def successor_of(model: str) -> str | None:
    """What to ask for, as ``vendor/model``, in place of a name that its vendor no longer answers to."""
    for vendor in VENDORS.values():
        if not vendor.sells:
            for departed in departed_models(vendor.id):
                if departed.id == model:
                    return f"{vendor.id}/{departed.successor}"
    return None
