"""Which ports the services get."""

import socket
from collections.abc import Iterator

import pytest

from deploy.local import stack
from deploy.local.errors import CommandFailedError
from deploy.local.ports import free_port, is_free
from deploy.local.stack import choose_ports, workers


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    ports = {service: free_port() for service in ("cases", "budgets", "metrics")}
    monkeypatch.setattr(stack, "DEFAULT_PORTS", ports)
    return ports


def test_the_documented_ports() -> None:
    assert stack.DEFAULT_PORTS == {"cases": 8001, "budgets": 8002, "metrics": 8003}


def test_default_ports_are_used_in_silence(defaults: dict[str, int]) -> None:
    said: list[str] = []
    assert choose_ports({}, said.append) == defaults
    assert said == []


def test_a_default_port_that_is_taken_is_replaced_and_that_is_said(defaults: dict[str, int], taken: int) -> None:
    defaults["budgets"] = taken
    said: list[str] = []
    chosen = choose_ports({}, said.append)
    assert chosen["budgets"] != taken
    assert is_free(chosen["budgets"])
    assert said == [f"port {taken} is taken: budgets listens on {chosen['budgets']}"]


def test_an_asked_port_that_is_taken_is_an_error(defaults: dict[str, int], taken: int) -> None:
    with pytest.raises(CommandFailedError, match=f"port {taken}, asked for cases, is taken"):
        choose_ports({"cases": taken}, print)


def test_one_port_cannot_be_asked_for_twice(defaults: dict[str, int]) -> None:
    port = free_port()
    with pytest.raises(CommandFailedError, match="asked for metrics, is taken"):
        choose_ports({"cases": port, "metrics": port}, print)


def test_an_asked_port_wins_over_the_default_of_another_service(defaults: dict[str, int]) -> None:
    said: list[str] = []
    chosen = choose_ports({"metrics": defaults["cases"]}, said.append)
    assert chosen["metrics"] == defaults["cases"]
    assert len(set(chosen.values())) == 3
    assert len(said) == 1


def test_the_relay_runs_only_where_there_is_kafka() -> None:
    def loops(*, kafka: bool) -> list[str]:
        services = ("cases", "budgets", "metrics")
        return [loop for s in services for names in workers(s, kafka=kafka).values() for loop in names]

    assert loops(kafka=False).count("relay") == 0
    assert loops(kafka=True).count("relay") == 2
