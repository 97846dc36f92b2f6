"""A bad price file is refused whole, and says where and what to write instead."""

from __future__ import annotations

from datetime import date

import pytest

from fenli.prices.calendars import Calendar
from fenli.prices.files import read_calendar, read_price_file

CN = Calendar("cn", "Asia/Shanghai", "weekend", frozenset({2026}), frozenset({date(2026, 10, 1)}), frozenset())

HEADER = """
vendor = "acme"
names = { en = "Acme", zh = "极致" }
currency = "CNY"
instant_basis = "start"
"""

ROW = {
    "model": '"one"',
    "effective_from": "2026-01-01T00:00:00+08:00",
    "currency": '"CNY"',
    "unit": '"1M_tokens"',
    "prices": '{ input = "2", output = "8" }',
    "source": '"the page"',
    "confidence": '"high"',
}


def row(**changed: str | None) -> str:
    fields = {name.replace("__", "."): value for name, value in {**ROW, **changed}.items() if value is not None}
    return "\n[[offers]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def problems(text: str) -> list[str]:
    file, wrong = read_price_file("acme.toml", text, {"cn": CN})
    assert (file is None) is bool(wrong)
    return [str(problem) for problem in wrong]


def test_a_good_file():
    file, wrong = read_price_file("acme.toml", HEADER + row() + row(model='"two"', note='"hm"'), {})

    assert wrong == []
    assert file is not None
    assert file.header is not None
    assert file.header.names["zh"] == "极致"
    assert [offer.model for offer in file.offers] == ["one", "two"]
    assert file.offers[0].prices == {"input": 2 * 10**6, "output": 8 * 10**6}
    assert file.place[file.offers[1].id] == 2


MISTAKES = [
    ({"prices": "{ input = 2.0 }"}, 'input is 2.0, a number that may have lost digits: write it in quotes, "2.0"'),
    ({"prices": "{ input = 2 }"}, 'prices.input is 2, a number that may have lost digits: write it in quotes, "2"'),
    ({"prices": '{ input = "2e0" }'}, "prices.input '2e0' is not an amount: write a plain decimal"),
    ({"prices": '{ input = "0.0000001" }'}, "finer than a pico per token: at most 6 decimals"),
    ({"prices": '{ input = "0.0000000000001" }'}, "finer than a pico (12 decimals)"),
    ({"prices": '{ input = "-1" }'}, "prices.input is -1: a price is not negative"),
    ({"prices": '{ input = "0" }'}, "prices.input is zero: write free = true if that is meant; leave out"),
    ({"prices": "{}"}, "prices is empty"),
    ({"prices": '{ inptu = "1" }'}, "prices.inptu is not known (did you mean input?)"),
    ({"free": "true"}, "free is true and no price is zero"),
    ({"free": '"yes"'}, "free is 'yes': write true or false"),
    ({"currency": '"cny"'}, "currency is 'cny' (did you mean CNY?): write one of CNY, USD"),
    ({"currency": '"XYZ"'}, "currency is 'XYZ'"),
    ({"unit": '"1M_token"'}, "unit is '1M_token' (did you mean 1M_tokens?)"),
    ({"confidence": '"sure"'}, "confidence is 'sure'"),
    ({"effective_from": "2026-01-01"}, "effective_from is 2026-01-01: write a date-time with its offset"),
    ({"effective_from": '"2026-01-01T00:00:00+08:00"'}, "effective_from is 2026-01-01T00:00:00+08:00: write a"),
    ({"effective_from": "2026-01-01T00:00:00"}, "effective_from is 2026-01-01T00:00:00: write a date-time"),
    ({"effective_to": "2026-01-01T00:00:00+08:00"}, "effective_to is not after effective_from"),
    ({"effective_to": "2025-12-31T16:00:00Z"}, "effective_to is not after effective_from"),
    ({"source": None}, "source is missing"),
    ({"model": "1"}, "model is 1: write a string in quotes"),
    ({"modle": '"one"'}, "modle is not known (did you mean model?)"),
    ({"tier_mode": '"marginal"'}, "tier_mode is 'marginal': fenli prices a whole request by the one row"),
    ({"tier_mode": '"partly"'}, "tier_mode is 'partly': write whole, or leave it out"),
    ({"prices": '{ images = "1" }'}, 'and images counts by the image: name one of input, cached_input'),
    ({"prices": '{ images = "1" }'}, 'or write units = { images = "image" }'),
    ({"units": '{ images = "image" }'}, "units.images has no price: write prices.images, or drop it"),
    ({"units": '{ input = "minute" }'}, "units.input is minute, and input counts by the token: write 1M_tokens"),
    ({"units": '{ input = "litre" }'}, "units.input is 'litre'"),
    ({"units": '{ inptu = "1M_tokens" }'}, "units.inptu is not known (did you mean input?)"),
    ({"minimum": "{ input = 10 }"}, "minimum.input counts tokens, and each of them is charged: drop it"),
    ({"included": "{ images = 5 }"}, "included.images has no price beside it"),
    ({"tax": '"yes"'}, "tax is 'yes'"),
    ({"source": '""'}, "source is empty: say it in a word or more"),
    ({"known_from": "2025-12-01"}, "known_from is 2025-12-01: write a date-time with its offset"),
    ({"withdrawn_at": "2025-12-01T00:00:00Z"}, "withdrawn_at is not after the row was known: write known_from"),
    ({"when": "1"}, "when is not a table"),
    ({"when__thinkin": "true"}, "when.thinkin is not known (did you mean thinking?)"),
    ({"when__thinking": '"yes"'}, "when.thinking is 'yes': write true or false"),
    ({"when__prompt_tokens": "{ more_than = 5 }"}, "when.prompt_tokens.more_than is not known: write such as {"),
    ({"when__prompt_tokens": "{ gt = true }"}, "when.prompt_tokens.gt is True: write such as { gt = 32000"),
    ({"when__prompt_tokens": "32000"}, "when.prompt_tokens is 32000: write such as { gt = 32000"),
    ({"when__batch": '"yes"'}, "when.batch is 'yes': write true or false"),
    ({"when__service_tier": "true"}, "when.service_tier is True: write a word in quotes"),
    ({"when__cache_scheme": '"explizit"'}, "when.cache_scheme is 'explizit' (did you mean explicit?)"),
    ({"when__prompt_tokens": "{ gt = 5, ge = 5 }"}, "when.prompt_tokens has two bounds on one side"),
    ({"when__completion_tokens": "{ gt = 5, lt = 6 }"}, "when.completion_tokens is >5 <6: no request or every request"),
    ({"when__window": "1"}, "when.window is not a table"),
    ({"when__window": '{ spans = [], zone = "UTC" }'}, "when.window.spans is empty"),
    ({"when__window": '{ spans = ["9-12"], zone = "UTC" }'}, "when.window.spans has '9-12': write 24-hour times"),
    ({"when__window": '{ spans = ["09:00-12:00"], zone = "Beijing" }'}, "zone is 'Beijing': write an IANA zone"),
    ({"when__window": '{ spans = ["09:00-12:00"], zone = "UTC", days = ["Monday"] }'}, "when.window.days has 'Monday'"),
    ({"when__window": '{ spans = ["09:00-12:00"], zone = "UTC", calendar = "us" }'}, "there is no calendars/us.toml"),
    ({"when__window": '{ spans = ["09:00-12:00"], zone = "UTC", day = [] }'}, "day is not known (did you mean days?)"),
    ({"when__window": '{ zone = "UTC" }'}, "when.window.spans is missing: write such as"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), MISTAKES)
def test_a_mistake_names_file_row_field_and_remedy(changed, said):
    text = HEADER + row(model='"fine"') + row(**changed)
    wrong = problems(text)

    assert len(wrong) == 1
    assert said in wrong[0]
    place, row_two, _ = wrong[0].split(": ", 2)
    assert row_two.startswith("row 2 (")
    line = text.splitlines()[int(place.removeprefix("acme.toml:")) - 1]
    field = next(iter(changed)).replace("__", ".")
    assert (
        line.startswith(f"{field} = ")
        or (changed[next(iter(changed))] is None and line == "[[offers]]")
        or (line.startswith("prices = ") and said.startswith("prices."))
    )


def test_everything_wrong_is_said_at_once():
    wrong = problems(HEADER + row(unit='"tokens"', colour='"red"') + row(model='"two"', prices="{ input = 1.5 }"))

    assert [problem.split(": ")[1] for problem in wrong] == ["row 1 (one)"] * 2 + ["row 2 (two)"]


def test_a_zero_that_is_meant():
    assert problems(HEADER + row(prices='{ input = "0", output = "0" }', free="true")) == []
    assert problems(HEADER + row(prices='{ input = "1", cached_input = "0" }', free="true")) == []


def test_the_same_row_twice():
    assert problems(HEADER + row() + row(note='"again"')) == [
        "acme.toml:16: row 2 (one): says what row 1 says: drop one"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vendor = ", "acme.toml:1: is not TOML at the end of the file"),
        (HEADER + "names = {", "acme.toml:6: is not TOML at the end of the file"),
        (HEADER + 'colour = "red"', "acme.toml:6: colour is not known"),
        (HEADER.replace('"acme"', "1"), 'vendor is missing: write such as vendor = "acme"'),
        (HEADER.replace('"start"', '"middle"'), "acme.toml:5: instant_basis is 'middle'"),
        (HEADER.replace('"CNY"', '"RMB"'), "acme.toml:4: currency is 'RMB'"),
        (HEADER + "offers = 3", "offers is not a list of tables: head each one with [[offers]]"),
        (HEADER + '[[aliases]]\nname = "a"\nmodel = "b"', "acme.toml:6: alias 1 (a): effective_from is missing"),
        (
            HEADER + '[[aliases]]\nname = "a"\nmodle = "b"\neffective_from = 2026-01-01T00:00:00Z',
            "acme.toml:8: alias 1 (a): modle is not known (did you mean model?)",
        ),
        (
            HEADER + '[[aliases]]\nname = "a"\nmodel = 1\neffective_from = 2026-01-01T00:00:00Z',
            "acme.toml:8: alias 1 (a): model is 1: write a string in quotes",
        ),
    ],
)
def test_a_bad_file(text, said):
    assert any(said in problem for problem in problems(text))


def test_a_calendar():
    text = """
calendar = "cn"
zone = "Asia/Shanghai"
makeup_days_count_as = "weekday"
[[years]]
year = 2026
source = "the notice"
holidays = [{ name = "x", first = 2026-10-01, last = 2026-10-03, makeup_days = [2026-10-10] }]
"""
    calendar, wrong = read_calendar("calendars/cn.toml", text)

    assert wrong == []
    assert calendar is not None
    assert calendar.holidays == {date(2026, 10, day) for day in (1, 2, 3)}
    assert calendar.makeup_days == {date(2026, 10, 10)}
    assert read_calendar("calendars/cn.toml", text.replace("first", "frist"))[1][0].file == "calendars/cn.toml"
    assert read_calendar("calendars/cn.toml", "=")[0] is None


def test_a_unit_that_is_none_does_not_hide_what_else_is_wrong_with_the_prices():
    text = HEADER + row(unit='"1M_token"', prices='{ imput = "2", output = 8 }')
    said = problems(text)
    assert [part for part in said if "prices.imput is not known (did you mean input?)" in part]
    assert [part for part in said if "prices.output is 8" in part]
    assert [part for part in said if "unit is '1M_token' (did you mean 1M_tokens?)" in part]
    assert len(said) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('calendar = "xx', "xx.toml:1: is not TOML at "),
        ('calendar = "xx"\nzone = 8', "xx.toml:2: is no calendar: Expected `str`, got `int` - at `$.zone`"),
        (
            'calendar = "xx"\nzone = "UTC"\nmakeup_days_count_as = "weekend"\n\n[[years]]\nyear = 2026\nsource = "x"\n'
            '[[years.holidays]]\nname = "n"\nfirst = "soon"\nlast = 2026-01-02\n',
            "xx.toml:10: is no calendar: ",
        ),
    ],
)
def test_a_bad_calendar_has_its_line(text, said):
    calendar, wrong = read_calendar("xx.toml", text)
    assert calendar is None
    assert str(wrong[0]).startswith(said)
