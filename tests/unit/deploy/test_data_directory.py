"""The data directory: what is drawn once, what is private, where it is."""

import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.local import data_directory
from deploy.local.data_directory import DataDirectory, Running, default_path
from deploy.local.environment import Addresses, issuer_environment, owner_url, service_environment
from deploy.local.errors import CommandFailedError
from deploy.local.postgres import PostgresServer
from deploy.local.private_files import read_json, write_private


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.create(tmp_path / "data")


def test_secrets_are_drawn_once_and_private(data: DataDirectory) -> None:
    first = data.secrets()
    assert DataDirectory.create(data.path).secrets() == first
    assert len({first.superuser, *first.roles.values(), *(c["secret"] for c in first.clients.values())}) == 1 + 9 + 3
    for file in (data.path / "secrets.json", data.clients_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_others_cannot_look_into_the_folder(data: DataDirectory) -> None:
    assert stat.S_IMODE(data.path.stat().st_mode) & 0o066 == 0


def test_hidden_ports_are_kept_as_long_as_nobody_else_takes_them(data: DataDirectory) -> None:
    first = data.hidden_ports()
    assert data.hidden_ports() == first
    assert data.issuer_url() == f"http://127.0.0.1:{first['issuer']}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["postgres"]))
        taken.listen()
        second = data.hidden_ports()
    assert second["postgres"] != first["postgres"]
    assert second["issuer"] == first["issuer"]


def test_commands_find_the_running_services_and_say_when_there_are_none(data: DataDirectory) -> None:
    with pytest.raises(CommandFailedError, match="nothing runs in"):
        data.running()
    running = Running(1, "http://i", {"cases": "http://c"}, 5432, None)
    data.note_running(running)
    assert data.running() == running
    data.forget_running()
    data.forget_running()
    with pytest.raises(CommandFailedError, match="nothing runs in"):
        data.running()


def test_a_folder_without_secrets_is_no_data_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match="is no data directory; `teilhabe up --data-dir"):
        DataDirectory.existing(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailedError, match=r"cannot use .* as data directory: Not a directory"):
        DataDirectory.create(tmp_path / "file" / "below")


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEILHABE_DATA_DIR", raising=False)
    assert default_path() == Path(__file__).parents[3] / ".local" / "teilhabe"
    monkeypatch.setenv("TEILHABE_DATA_DIR", str(tmp_path))
    assert default_path() == tmp_path


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", ".local/share/teilhabe"), ("darwin", "Library/Application Support/teilhabe")],
)
def test_the_default_folder_of_an_installed_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, expected: str
) -> None:
    for name in ("TEILHABE_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(data_directory, "__file__", str(tmp_path / "lib" / "deploy" / "local" / "x.py"))
    assert default_path() == tmp_path / expected


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    write_private(tmp_path / "a", "1")
    write_private(tmp_path / "a", "2")
    assert (tmp_path / "a").read_text() == "2"
    assert os.listdir(tmp_path) == ["a"]
    assert read_json(tmp_path / "none") is None


class TestEnvironment:
    def test_services_on_the_feed(self, data: DataDirectory) -> None:
        secrets = data.secrets()
        server = PostgresServer(data.postgres, 5433, "super")
        urls = {"cases": "http://c", "budgets": "http://b", "metrics": "http://m"}
        told = service_environment(
            "metrics", server=server, secrets=secrets, addresses=Addresses("http://i", urls, None)
        )
        password = secrets.roles["metrics_app"]
        assert told["METRICS_DATABASE_URL"] == f"postgresql+psycopg://metrics_app:{password}@127.0.0.1:5433/metrics"
        assert told["METRICS_WORKER_DATABASE_URL"].startswith("postgresql+psycopg://metrics_worker:")
        assert (told["METRICS_CASES_URL"], told["METRICS_BUDGETS_URL"]) == ("http://c", "http://b")
        assert told["METRICS_TRANSPORT"] == "feed"
        assert "METRICS_KAFKA_BOOTSTRAP" not in told
        assert told["METRICS_CLIENT_SECRET"] == secrets.clients["teilhabe-metrics"]["secret"]
        assert "super" not in " ".join(told.values())
        assert owner_url("cases", server, secrets).startswith("postgresql+psycopg://cases_owner:")

    def test_services_on_kafka(self, data: DataDirectory) -> None:
        addresses = Addresses("http://i", {"cases": "http://c"}, "127.0.0.1:9092")
        server = PostgresServer(data.postgres, 5433, "super")
        told = service_environment("budgets", server=server, secrets=data.secrets(), addresses=addresses)
        assert (told["BUDGETS_TRANSPORT"], told["BUDGETS_KAFKA_BOOTSTRAP"]) == ("kafka", "127.0.0.1:9092")
        assert told["BUDGETS_CASES_URL"] == "http://c"

    def test_the_issuer_reads_its_secrets_from_private_files(self, data: DataDirectory) -> None:
        secrets = data.secrets()
        told = issuer_environment(data, Addresses("http://i", {}, None))
        assert read_json(Path(told["ISSUER_CLIENTS_FILE"])) == secrets.clients
        assert told["ISSUER_URL"] == "http://i"
