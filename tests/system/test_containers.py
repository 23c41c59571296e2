"""The containers: validated and linted. There is no engine here, so they have never been run."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.docker import make_secrets
from deploy.docker.run import UsageError, command, resolve_files
from deploy.local.data_directory import DataDirectory
from deploy.local.environment import Addresses, service_environment
from deploy.local.kafka import SETTINGS as BROKER_SETTINGS
from deploy.local.kafka_artefacts import KAFKA_VERSION
from deploy.local.postgres import PostgresServer
from deploy.local.stack import workers
from deploy.postgres.bootstrap import SERVICES
from shared.http.auth import SCOPES

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return loaded


@pytest.fixture(scope="module")
def realm() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "deploy/docker/keycloak/realm.json").read_text())
    return loaded


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program, *rest = arguments
    return subprocess.run([PROGRAMS / program, *rest], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_compose_file_is_valid() -> None:
    done = _run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout


def test_a_typing_error_in_the_compose_file_would_be_found(tmp_path: Path) -> None:
    broken = (ROOT / "docker-compose.yml").read_text().replace("healthcheck:", "healthchek:", 1)
    (tmp_path / "broken.yml").write_text(broken)
    done = _run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(tmp_path / "broken.yml"))
    assert done.returncode == 1


def test_the_dockerfile_passes_the_linter() -> None:
    done = _run("hadolint", "deploy/docker/Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_file_the_dockerfile_copies_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
    for line in copied:
        for source in line.split():
            for service in SERVICES:
                assert (ROOT / source.replace("${SERVICE}", service)).exists(), source


def test_images_are_pinned_to_a_version(compose: dict[str, Any]) -> None:
    tags = {name: entry["image"].rpartition(":")[2] for name, entry in compose["services"].items()}
    assert all(re.match(r"\d+\.\d+", tag) for tag in tags.values()), tags
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert compose["services"]["postgres"]["image"].startswith("postgres:18")


def test_each_service_is_told_what_local_mode_tells_it(compose: dict[str, Any], tmp_path: Path) -> None:
    secrets = DataDirectory.create(tmp_path).secrets()
    addresses = Addresses("http://issuer", dict.fromkeys(SERVICES, "http://x"), kafka="x:1")
    server = PostgresServer(tmp_path, 1, "x")
    own_client = {"CASES_TOKEN_URL", "CASES_CLIENT_ID", "CASES_CLIENT_SECRET"}  # cases reads nobody's feed
    for service in SERVICES:
        local = service_environment(service, server=server, secrets=secrets, addresses=addresses)
        for name, entry in compose["services"].items():
            if name.partition("-")[0] == service:
                given = {variable.removesuffix("_FILE") for variable in entry["environment"]}
                assert given == set(local) - own_client, name
                assert entry["environment"][f"{service.upper()}_TRANSPORT"] == "kafka"


def test_the_processes_are_those_of_local_mode_on_kafka(compose: dict[str, Any]) -> None:
    local = {name: loops for service in SERVICES for name, loops in workers(service, kafka=True).items()}
    commands = {name: entry.get("command", []) for name, entry in compose["services"].items()}
    assert {name: line[1:] for name, line in commands.items() if line[:1] == ["worker"]} == local
    assert {name for name, line in commands.items() if line == ["web"]} == set(SERVICES)


def test_the_broker_is_configured_as_in_local_mode(compose: dict[str, Any]) -> None:
    environment = compose["services"]["kafka"]["environment"]
    for name in BROKER_SETTINGS:
        if "replication.factor" in name or "min.isr" in name or name == "auto.create.topics.enable":
            assert str(environment["KAFKA_" + name.upper().replace(".", "_")]) == BROKER_SETTINGS[name]


def test_containers_run_as_nobody_special_and_write_nowhere(compose: dict[str, Any]) -> None:
    assert "USER 10001:10001" in (ROOT / "deploy/docker/Dockerfile").read_text()
    for name, entry in compose["services"].items():
        if entry["image"].startswith("teilhabe/"):
            assert entry["read_only"] is True, name
            assert entry["cap_drop"] == ["ALL"], name


def test_no_port_is_open_to_other_machines(compose: dict[str, Any]) -> None:
    ports = [port for entry in compose["services"].values() for port in entry.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_are_drawn_once_and_cover_what_compose_mounts(compose: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets.make(folder)
    drawn = {file.name: file.read_text() for file in folder.iterdir()}
    assert {Path(entry["file"]).name for entry in compose["secrets"].values()} <= set(drawn)
    mounted = {name for entry in compose["services"].values() for name in entry.get("secrets", [])}
    assert mounted == set(compose["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert f":{drawn['cases_app']}@postgres" in drawn["cases_app_url"]
    assert f"TEILHABE_METRICS_SECRET={drawn['teilhabe_metrics_secret']}\n" in drawn["keycloak.env"]
    make_secrets.make(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == drawn


def test_the_realm_knows_every_scope_and_the_clients_of_the_services(
    compose: dict[str, Any], realm: dict[str, Any]
) -> None:
    assert {scope["name"] for scope in realm["clientScopes"]} == {*SCOPES, "teilhabe"}
    clients = {client["clientId"]: client for client in realm["clients"]}
    for service in ("budgets", "metrics"):
        environment = compose["services"][service]["environment"]
        client = clients[environment[f"{service.upper()}_CLIENT_ID"]]
        secret = Path(environment[f"{service.upper()}_CLIENT_SECRET_FILE"]).name
        assert client["secret"] == "${" + secret.upper() + "}"
        claims = {mapper["name"]: mapper["config"]["claim.value"] for mapper in client["protocolMappers"]}
        assert claims == {"tenant": "*", "client_id": client["clientId"]}
    for client in clients.values():
        assert "teilhabe" in client["defaultClientScopes"]
        assert "secret" not in client or client["secret"].startswith("${")


class TestEntrypoint:
    def test_secrets_come_from_files(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("postgresql://x\n")
        resolved = resolve_files({"CASES_DATABASE_URL_FILE": str(tmp_path / "url"), "PATH": "/bin"})
        assert resolved == {"CASES_DATABASE_URL": "postgresql://x", "PATH": "/bin"}

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["web"], "-m uvicorn --factory services.cases.main:app_from_environment --host 0.0.0.0 --port 8000"),
            (["worker", "stamper", "relay"], "-m services.cases.worker stamper relay"),
            (["prepare"], "-m deploy.postgres.prepare"),
            (["topics"], "-m deploy.kafka.topics kafka:9092"),
        ],
    )
    def test_commands(self, arguments: list[str], line: str) -> None:
        made = command(arguments, {"SERVICE": "cases", "KAFKA_BOOTSTRAP": "kafka:9092"})
        assert made[0] == sys.executable
        assert " ".join(made[1:]).startswith(line)

    def test_an_unknown_command_is_refused(self) -> None:
        with pytest.raises(UsageError):
            command(["shell"], {})
