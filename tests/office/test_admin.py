from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import StoppedClock, Worker, held, post_all, settled
from starlette.testclient import TestClient

from fenli.errors import ConfigError
from fenli.market.market import Market, emulate
from fenli.market.transport import MarketTransport
from fenli.office.admin import AdminServer, admin_app, admin_token
from fenli.office.balances import Poll, add_poll
from fenli.office.desk import Desk
from fenli.office.leases import LeaseServer
from fenli.office.polling import Poller
from fenli.office.posting import Posting
from fenli.office.settings import Settings, VendorSetting
from fenli.sim.kernel import Simulation
from fenli.sim.random import Chance
from fenli.store import Database
from fenli.vendors.balances import Balance, Holding


class Configuration:
    settings = Settings()

    def load(self) -> Settings:
        return self.settings


@pytest.fixture
def configuration() -> Configuration:
    return Configuration()


@pytest.fixture
def anonymous(database: Database, data: Path, posting: Posting, configuration: Configuration) -> TestClient:
    desk = Desk(database, data / "snapshot", configuration.load, {"DEEPSEEK_API_KEY": "x"}, (), StoppedClock())
    desk.reload()
    transport = MarketTransport(Market(Simulation(), Chance(1), [emulate("deepseek")]))
    poller = Poller(database, desk, transport, StoppedClock())
    lending = LeaseServer(database, data, StoppedClock())
    app = admin_app(database, desk, posting, poller, lending, admin_token(data), StoppedClock())
    return TestClient(app, base_url="http://127.0.0.1:8411")


@pytest.fixture
def client(anonymous: TestClient, data: Path) -> TestClient:
    anonymous.headers["authorization"] = f"Bearer {admin_token(data)}"
    return anonymous


PATHS = [
    "/api/status",
    "/api/keys",
    "/api/entries",
    "/api/usage",
    "/api/balances",
    "/api/budgets",
    "/metrics",
    "/nothing",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "Bearer ", "Bearer wrong", "Basic x"])
def test_nobody_gets_in_without_the_token(anonymous: TestClient, path: str, token: str | None) -> None:
    response = anonymous.get(path, headers={} if token is None else {"authorization": token})
    assert response.status_code == 401
    assert "admin-token" in response.json()["error"]["message"]


def test_health_needs_no_token(anonymous: TestClient) -> None:
    assert anonymous.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8411", 200),
        ("[::1]:8411", 200),
        ("LOCALHOST", 200),
        ("office.example", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8411", 421),
        ("", 421),
    ],
)
def test_a_page_elsewhere_cannot_point_its_own_name_at_us(client: TestClient, host: str, status: int) -> None:
    assert client.get("/api/status", headers={"host": host}).status_code == status


def test_the_token_is_made_once_and_private(data: Path) -> None:
    token = admin_token(data)
    assert admin_token(data) == token
    assert (data / "admin-token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.glob("admin-token*")] == ["admin-token"]
    (data / "admin-token").write_text("\n")
    with pytest.raises(ConfigError, match="delete it"):
        admin_token(data)


def test_keys_are_made_listed_and_revoked(client: TestClient) -> None:
    made = client.post("/api/keys", json={"name": "app", "models": ["smart"]})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("fl-")
    (key,) = client.get("/api/keys").json()["keys"]
    assert (key["name"], key["models"], key["revoked_at"]) == ("app", ["smart"], None)
    assert key["created_at"] == "2026-11-23T13:00:00.000Z"
    assert "secret" not in key
    assert client.post("/api/keys", json={"name": "app"}).status_code == 409
    assert client.delete(f"/api/keys/{key['id']}").json()["revoked_at"] == "2026-11-23T13:00:00.000Z"
    assert client.delete(f"/api/keys/{key['id']}").status_code == 409


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"name": 1}', b'{"name": "a", "admin": true}', b"\xff"])
def test_a_body_that_makes_no_key_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/api/keys", content=body).status_code == 400


def test_entries_and_usage(client: TestClient, data: Path, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2), settled(2, picos=2**64 - 1))
    worker.write(held(3))
    worker.die()
    post_all(posting)
    lost, dear, cheap = client.get("/api/entries").json()["entries"]
    assert (lost["cost"], lost["held"], lost["grade"]) == (None, "0.05", "unknown")
    assert (dear["cost"], cheap["cost"]) == ("18446744.073709551615", "0.01")
    assert cheap["opened_at"] == "2026-11-23T12:00:01.000Z"
    assert [row["sequence"] for row in client.get("/api/entries?limit=1&order=oldest").json()["entries"]] == [1]
    assert client.get("/api/entries?since=2026-11-24T00:00:00Z").json()["entries"] == []
    (known,) = client.get("/api/usage?by=model&zone=Asia/Shanghai").json()["usage"]
    assert (known["group"], known["cost"]) == ("deepseek/deepseek-chat", "18446744.083709551615")
    assert (known["unknown"], known["unknown_held"]) == (1, "0.05")


@pytest.mark.parametrize(
    "path",
    [
        "/api/entries?limit=0",
        "/api/entries?limit=x",
        "/api/entries?since=today",
        "/api/usage?by=hour",
        "/api/usage?zone=Mars",
    ],
)
def test_questions_that_make_no_sense_are_refused_by_name(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_status_tells_of_lag_and_findings(client: TestClient, data: Path, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1))
    posting.step()
    with worker.path.open("ab") as file:
        file.write(b"\x40\0\0\0half")
    status = client.get("/api/status").json()
    assert status["posting"] == {"behind_bytes": {worker.run: 8}, "trouble": None, "open_holds": 1}
    assert (status["books"]["runs"], status["desk"]["reload_error"]) == ({"live": 1}, None)
    metrics = client.get("/metrics").text
    assert f'fenli_posting_behind_bytes{{run="{worker.run}"}} 8\n' in metrics
    assert "fenli_open_holds 1\n" in metrics
    worker.write(held(2), settled(2))
    worker.write(held(3), settled(3))
    post_all(posting)
    status = client.get("/api/status").json()
    assert status["desk"]["compiled_at"] == status["desk"]["loaded_at"] == "2026-11-23T13:00:00.000Z"
    (finding,) = status["books"]["findings"]
    assert (finding["kind"], finding["found_at"]) == ("journal_damaged", "2026-11-23T13:00:00.000Z")
    assert "fenli_findings 1\n" in client.get("/metrics").text


def test_status_tells_why_a_vendor_is_off(client: TestClient, configuration: Configuration) -> None:
    configuration.settings = Settings(
        vendors=(
            VendorSetting(id="openai", enabled=False, why_off="OPENAI_API_KEY is not set"),
            VendorSetting(id="zhipu", enabled=False),
        )
    )
    off = client.post("/api/reload").json()["vendors_off"]
    assert off == {"openai": "OPENAI_API_KEY is not set", "zhipu": "enabled = false"}


def test_a_reload_that_fails_says_why(client: TestClient, configuration: Configuration) -> None:
    assert client.post("/api/reload").status_code == 200
    configuration.settings = Settings(vendors=(VendorSetting(id="deepsek"),))
    response = client.post("/api/reload")
    assert response.status_code == 400
    assert "deepseek" in response.json()["error"]["message"]
    assert "deepsek" in client.get("/api/status").json()["desk"]["reload_error"]
    assert "fenli_reload_failed 1\n" in client.get("/metrics").text


def test_balances_are_decimals_and_one_that_is_not_told_is_not_zero(client: TestClient, database: Database) -> None:
    assert client.get("/api/balances").json() == {"balances": []}
    assert "fenli_vendor_balance" not in client.get("/metrics").text
    told = Balance((Holding("CNY", 10**13 + 1, 0, None), Holding("USD", -(10**11))), usable=True)
    add_poll(database, Poll(vendor="deepseek", asked_at=10**18, took=5, outcome="ok", status=200, balance=told))
    add_poll(database, Poll(vendor="moonshot", asked_at=10**18, took=5, outcome="bad_key", status=401, note="no"))
    deepseek, moonshot = client.get("/api/balances").json()["balances"]
    assert (deepseek["asked_at"], deepseek["usable"]) == ("2001-09-09T01:46:40.000Z", True)
    assert deepseek["holdings"] == [
        {"currency": "CNY", "left": "10.000000000001", "granted": "0", "topped_up": None},
        {"currency": "USD", "left": "-0.1", "granted": None, "topped_up": None},
    ]
    assert (moonshot["outcome"], moonshot["note"], moonshot["holdings"]) == ("bad_key", "no", [])
    metrics = client.get("/metrics").text
    assert 'fenli_vendor_balance{vendor="deepseek",currency="CNY"} 10.000000000001\n' in metrics
    assert 'fenli_vendor_balance_failed{vendor="moonshot"} 1\n' in metrics
    assert 'fenli_vendor_balance{vendor="moonshot"' not in metrics


def test_a_vendor_that_does_not_tell_or_is_off_cannot_be_asked(client: TestClient) -> None:
    for vendor in ("openai", "moonshot", "nobody"):
        response = client.post("/api/balances", params={"vendor": vendor})
        assert response.status_code == 404
        assert response.json()["error"]["message"].endswith("there are deepseek")


def test_a_port_in_use_is_an_error_with_a_next_step(anonymous: TestClient) -> None:
    first = AdminServer(anonymous.app, "127.0.0.1", 0)
    first._socket.listen()
    with pytest.raises(ConfigError, match="choose another port"):
        AdminServer(anonymous.app, "127.0.0.1", first.port)
    first._socket.close()


def test_a_budget_is_made_shown_changed_and_removed(client: TestClient, data: Path, posting: Posting) -> None:
    Worker(data).write(held(1), settled(1), held(2))
    post_all(posting)
    wanted = {"name": 'team "a"', "scope": "organisation", "limit": "0.04", "currency": "CNY", "period": "day"}
    made = client.post("/api/budgets", json=wanted)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["spent"], shown["held"], shown["free"], shown["leased"]) == ("0.01", "0.05", "-0.02", None)
    assert client.get(f"/api/budgets/{shown['id']}").json() == shown
    assert client.get("/api/budgets").json() == {"budgets": [shown]}
    changed = client.patch(f"/api/budgets/{shown['id']}", json={"limit": "0.01"}).json()
    assert (changed["limit"], [notice["percent"] for notice in changed["passed"]]) == ("0.01", [100, 80])
    metrics = client.get("/metrics").text
    assert 'fenli_budget_spent{budget="team \\"a\\"",currency="CNY"} 0.01' in metrics
    assert 'fenli_budget_passed_percent{budget="team \\"a\\"",currency="CNY"} 100' in metrics
    assert client.post(f"/api/budgets/{shown['id']}/recount").json() == changed
    assert client.delete(f"/api/budgets/{shown['id']}").status_code == 200
    assert client.get("/api/budgets").json() == {"budgets": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/api/budgets", {}, "send a JSON object with name"),
        ("POST", "/api/budgets", {"name": "a", "limit": 5.0}, "send a JSON object"),
        ("PATCH", "/api/budgets/none", {"limit": "-1"}, "above 0"),
        ("PATCH", "/api/budgets/none", {"limit": "1"}, "there is none yet"),
        ("DELETE", "/api/budgets/none", None, "there is none yet"),
        ("GET", "/api/budgets/none", None, "there is none yet"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(
    client: TestClient, method: str, path: str, body: Any, says: str
) -> None:
    response = client.request(method, path, json=body)
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]
