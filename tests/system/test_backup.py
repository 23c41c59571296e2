"""Backup and restore: the same figures, and everything goes on exactly where it was."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.figures import figures_of
from tests.support.product import running_product, teilhabe, value_of
from tests.support.walk import Clerk


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("book") / "book.ndjson"
    done = teilhabe("simulate", "--people", 300, "--years", 6, "--seed", 11, "--out", file)
    assert done.returncode == 0, done.stderr
    return file


def test_what_was_backed_up_comes_back_and_goes_on(tmp_path: Path, book: Path) -> None:
    file = tmp_path / "backup.teilhabe"
    with running_product(tmp_path / "first") as first:
        assert teilhabe("import", book, "--data-dir", first.folder).returncode == 0
        with first.client("cases") as client:
            clerk = Clerk(client)
            case, uebergang = _uebergang(clerk, "before-the-backup")
        with first.client("metrics") as client:
            assert clerk.position is not None
            value_of(client, "anzahl_uebergang", period="2024", min_position=clerk.position)
        before = figures_of(first)
        done = teilhabe("backup", file, "--data-dir", first.folder)
        assert (done.returncode, done.stdout) == (0, f"{file}\n"), done.stderr
        old_position = clerk.position
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    done = teilhabe("restore", file, "--data-dir", tmp_path / "second")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'second'}\n"), done.stderr
    with running_product(tmp_path / "second") as second:
        assert figures_of(second) == before
        with second.client("cases") as client:
            clerk = Clerk(client)
            clerk.etags[case] = client.get(f"/v1/cases/{case}").headers["ETag"]
            clerk.cancel(case, uebergang, "Doppelt erfasst")
            _uebergang(clerk, "after-the-restore")
            _uebergang(clerk, "after-the-restore-too")
        with second.client("metrics") as client:
            assert clerk.position is not None
            params = {"period": "2024", "min_position": clerk.position}
            after = value_of(client, "anzahl_uebergang", **params)
            assert after["numerator"] == _total(before, "anzahl_uebergang", "2024") + 1
            refused = client.get(
                "/v1/kpis/anzahl_uebergang/values", params={"period": "2024", "min_position": old_position}
            )
            assert refused.status_code == 409, "readers outside are told that the log is another one"
        assert teilhabe("verify", "--data-dir", second.folder).returncode == 0


def test_a_backup_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with running_product(tmp_path / "data") as product:
        done = teilhabe("backup", tmp_path / "kept", "--data-dir", product.folder)
    assert done.returncode == 1
    assert (tmp_path / "kept").read_text() == "mine"


def test_a_stopped_directory_can_be_backed_up_and_is_not_restored_over(tmp_path: Path) -> None:
    with running_product(tmp_path / "data") as product:
        pass
    file = tmp_path / "backup"
    assert teilhabe("backup", file, "--data-dir", product.folder).returncode == 0
    done = teilhabe("restore", file, "--data-dir", product.folder)
    assert done.returncode == 1
    assert "holds databases already" in done.stderr


@pytest.mark.parametrize("content", [b"", b"no archive at all", bytes(20_000)])
def test_a_file_that_is_no_backup_is_refused_and_leaves_no_databases(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    done = teilhabe("restore", tmp_path / "file", "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert "no backup" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("teilhabe: ")
    assert not (tmp_path / "data" / "postgres").exists()


def _uebergang(clerk: Clerk, ref: str) -> tuple[str, str]:
    case = clerk.case(ref)
    clerk.move(case, "ZUGANG_BBB", "2020-02-03", provider_id=clerk.provider())
    clerk.move(case, "ZUGANG_ARBEITSBEREICH", "2022-05-02")
    moved = clerk.move(case, "UEBERGANG", "2024-03-01", instrument="BUDGET_FUER_ARBEIT", decided_on="2024-02-20")
    return case, moved["fact_id"]


def _total(figures: Mapping[str, Any], figure: str, period: str) -> int:
    (item,) = figures[json.dumps([figure, period, "TOTAL"])]
    return int(item["numerator"])
