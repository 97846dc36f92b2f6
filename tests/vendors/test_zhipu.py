from __future__ import annotations

import pytest
from recorded import failure, kind, meters

from fenli.errors import Kind


def test_its_usage_has_openais_shape() -> None:
    assert meters(
        "zhipu", prompt_tokens=100, completion_tokens=50, total_tokens=150,
        prompt_tokens_details={"cached_tokens": 64}, completion_tokens_details={"reasoning_tokens": 30},
    ) == {"input": 36, "cached_input": 64, "output": 20, "reasoning": 30}  # fmt: skip


def test_an_empty_wallet_is_not_a_rate_limit_though_both_are_429() -> None:
    for site in ("zhipu", "zai"):
        assert failure(site, 429, code="1113", message="x").kind is Kind.NO_BALANCE
        assert failure(site, 429, code="1302", message="x").kind is Kind.RATE_LIMITED


ERRORS = [
    (401, {"code": "1000", "message": "身份验证失败"}, Kind.BAD_KEY),
    (401, {"code": "1001", "message": "身份验证失败"}, Kind.BAD_KEY),
    (401, {"code": "1002", "message": "身份验证失败"}, Kind.BAD_KEY),
    (401, {"code": "1003", "message": "身份验证失败"}, Kind.BAD_KEY),
    (401, {"code": "1004", "message": "身份验证失败"}, Kind.BAD_KEY),
    (429, {"code": "1113", "message": "您的账户已欠费"}, Kind.NO_BALANCE),
    (429, {"code": "1304", "message": "已达到使用上限"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "1308", "message": "已达到使用上限"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "1309", "message": "已达到使用上限"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "1310", "message": "已达到使用上限"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "1302", "message": "并发数过高"}, Kind.RATE_LIMITED),
    (429, {"code": "1303", "message": "并发数过高"}, Kind.RATE_LIMITED),
    (429, {"code": "1313", "message": "并发数过高"}, Kind.RATE_LIMITED),
    (429, {"code": "1305", "message": "访问量过大"}, Kind.OVERLOADED),
    (429, {"code": "1312", "message": "访问量过大"}, Kind.OVERLOADED),
    (429, {"code": "1110", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1111", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1112", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1114", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1120", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1121", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1220", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1221", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1222", "message": "账户状态"}, Kind.NO_PERMISSION),
    (429, {"code": "1311", "message": "账户状态"}, Kind.NO_PERMISSION),
    (400, {"code": "1301", "message": "敏感内容"}, Kind.CONTENT_FILTERED),
    (400, {"code": "1261", "message": "Prompt 超长"}, Kind.CONTEXT_TOO_LONG),
    (400, {"code": "1211", "message": "模型不存在"}, Kind.MODEL_NOT_FOUND),
    (400, {"code": "1210", "message": "x"}, Kind.BAD_REQUEST),
    (400, {"code": "1214", "message": "x"}, Kind.BAD_REQUEST),
    (400, {"code": "1231", "message": "x"}, Kind.BAD_REQUEST),
    (500, {"code": "1234", "message": "x"}, Kind.SERVER_ERROR),
    (500, {"code": "500", "message": "x"}, Kind.SERVER_ERROR),
    (429, {"code": 1302, "message": "a number as code"}, Kind.RATE_LIMITED),
    (200, {"code": "1113", "message": "inside a 200"}, Kind.NO_BALANCE),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("zhipu", status, **error) is wanted
