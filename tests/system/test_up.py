"""`teilhabe up`: how it starts, what it refuses, and that it leaves nothing behind."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from deploy.local.ports import is_free
from tests.support.processes import alive, processes_naming, wait_for
from tests.support.product import Product, running_product, teilhabe
from tests.support.walk import Clerk


def _nothing_left(product: Product) -> bool:
    return not processes_naming(str(product.folder)) and all(is_free(port) for port in product.ports.values())


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_product(tmp_path / "data") as product:
        pids = dict(product.pids())
        assert {"postgres", "issuer", "cases", "cases-events", "cases-import", "budgets", "metrics"} <= set(pids)
        assert product.stop(signal.SIGINT) == 0
        assert not any(alive(pid) for pid in pids.values())
        assert _nothing_left(product)
        assert not (product.folder / "running.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_end_it_leave_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with running_product(tmp_path / "data") as product:
        assert product.stop(number) == 0
        assert _nothing_left(product)


def test_kill_9_leaves_nothing_behind_and_the_next_up_goes_on(tmp_path: Path) -> None:
    with running_product(tmp_path / "data") as product:
        with product.client("cases") as client:
            case = Clerk(client).case("survives")
        product.stop(signal.SIGKILL)
        wait_for(lambda: _nothing_left(product), seconds=60, what="the end of all processes and closed ports")
        begun = time.monotonic()
        product.start()
        assert time.monotonic() - begun < 60
        with product.client("cases") as client:
            assert client.get(f"/v1/cases/{case}").json()["external_ref"] == "survives"


def test_a_second_up_on_the_same_data_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    with running_product(tmp_path / "data") as product:
        done = teilhabe("up", "--data-dir", product.folder, "--scenario", "none", "--once")
        assert done.returncode == 1
        assert done.stderr == f"teilhabe: another `teilhabe up` (process {product.pid}) uses {product.folder}\n"
        with product.client("cases") as client:
            assert client.get("/v1/cases").status_code == 200


def test_once_prints_one_json_object_and_ends(tmp_path: Path) -> None:
    done = teilhabe("up", "--data-dir", tmp_path / "data", "--scenario", "none", "--once", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    told = json.loads(done.stdout)
    assert told["rows"] == []
    assert set(told["urls"]) == {"cases", "budgets", "metrics"}
    assert not processes_naming(str(tmp_path / "data"))


def test_a_default_port_that_is_taken_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        if is_free(8001):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 8001))
            other.listen()
        done = teilhabe("up", "--data-dir", tmp_path / "data", "--scenario", "none", "--once", "--json")
    assert done.returncode == 0, done.stderr
    port = int(json.loads(done.stdout)["urls"]["cases"].rpartition(":")[2])
    assert port != 8001
    assert f"port 8001 is taken: cases listens on {port}" in done.stderr


def test_an_asked_port_that_is_taken_ends_it_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = teilhabe("up", "--data-dir", tmp_path / "data", "--metrics-port", port, "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"teilhabe: port {port}, asked for metrics, is taken\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--scenario", "other"],
        ["up", "--cases-port", "0"],
        ["up", "--unknown"],
        ["token", "--tenant", "BUND", "--sub", "a", "--scope", "x"],
        ["token", "--tenant", "LWL"],
        ["simulate", "--people", "0", "--years", "1", "--seed", "1", "--out", "x"],
        ["kpis", "--param", "novalue"],
        ["parked", "resolve", "nonsense"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    done = teilhabe(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["token", "--tenant", "LWL", "--sub", "a", "--scope", "x"], "is no data directory"),
        (["kpis"], "is no data directory"),
        (["verify"], "is no data directory"),
        (["backup", "b.tar"], "is no data directory"),
        (["parked", "list"], "is no data directory"),
        (["rebuild", "metrics"], "is no data directory"),
        (["import", __file__], "is no data directory"),
        (["import", "nothing.ndjson"], "there is no file nothing.ndjson"),
        (["restore", "nothing.tar"], "there is no file nothing.tar"),
    ],
)
def test_what_cannot_be_done_is_exit_code_1_and_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = teilhabe(*arguments, "--data-dir", tmp_path / "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.startswith("teilhabe: ")
    assert done.stderr.count("\n") == 1


def test_a_token_stands_alone_on_stdout_and_is_accepted(tmp_path: Path) -> None:
    with running_product(tmp_path / "data") as product:
        done = teilhabe(
            "token", "--data-dir", product.folder, "--tenant", "LWL", "--sub", "anna", "--scope", "cases:read"
        )
        assert done.returncode == 0
        assert done.stdout.count("\n") == 1
        assert done.stdout.count(".") == 2
        with product.client("cases", scope="cases:read") as client:
            assert client.get("/v1/cases").status_code == 200
            assert client.post("/v1/providers", json={}, headers={"Idempotency-Key": "a"}).status_code == 403
        for service in ("cases", "budgets", "metrics"):
            with product.client(service) as client:
                assert [client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")] == [200] * 3


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = teilhabe("simulate", "--people", 50, "--years", 5, "--seed", 7, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes().count(b"\n") >= 50


def test_a_data_directory_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = teilhabe("up", "--data-dir", tmp_path / "file" / "x", "--once")
    assert done.returncode == 1
    assert done.stderr.startswith("teilhabe: cannot use ")
    assert os.listdir(tmp_path) == ["file"]
