"""The services as the command line sees them: over HTTP like any client, with tokens of the local issuer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx

from deploy.local.data_directory import DataDirectory
from deploy.local.errors import CommandFailedError
from deploy.local.report import Bar
from deploy.local.tokens import Grant, issue_token, load_key
from shared.observability.clock import SystemClock
from shared.observability.identifiers import new_id

_TIMEOUT = httpx.Timeout(30, read=900)  # an import answers when its whole body is stored
_TOKEN_LIFETIME = timedelta(hours=12)
_POLL_SECONDS = 0.2
_STALLED_SECONDS = 300
_CHUNK_BYTES = 256 * 1024
_SCOPES = (
    "cases:read", "cases:write", "cases:correct", "cases:migrate", "budgets:read", "budgets:write", "metrics:read",
    "metrics:internal", "operate",
)  # fmt: skip


class RefusedError(CommandFailedError):
    """A service answered with a problem."""


@dataclass(slots=True)
class LocalClient:
    """Calls as one Träger. `subject` is who stands in the history of what is written."""

    data: DataDirectory
    tenant: str
    subject: str = "teilhabe-cli"
    _http: httpx.Client = field(init=False)
    _urls: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        running = self.data.running()
        grant = Grant(self.subject, "teilhabe-cli", self.tenant, " ".join(_SCOPES))
        token = issue_token(
            load_key(self.data.key_file), running.issuer, grant, lifetime=_TOKEN_LIFETIME, now=SystemClock().now()
        )
        self._urls = running.urls
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False, headers={"Authorization": f"Bearer {token}"})

    def __enter__(self) -> "LocalClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def get(self, service: str, path: str, **params: Any) -> Any:
        """The JSON body of a GET. Raises `RefusedError` for anything but 200."""
        return self._expect(self._send(service, "GET", path, params=params), 200).json()

    def import_file(self, path: Path, *, dry_run: bool = False, key: str | None = None) -> str:
        """Send a file of import lines; return the id of the import once the whole body is stored."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(path.stat().st_size)}
        answer = self._send(
            "cases",
            "POST",
            "/v1/imports",
            params={"dry_run": "true"} if dry_run else {},
            headers={**headers, "Idempotency-Key": key or str(new_id())},
            content=_chunks(path),
        )
        return str(self._expect(answer, 202).json()["id"])

    def import_status(self, import_id: str) -> Any:
        """State, counts and the first problems of an import."""
        return self.get("cases", f"/v1/imports/{import_id}")

    def wait_for_import(self, import_id: str, progress: Bar) -> Any:
        """Wait until an import is done; return its status. Raises `CommandFailedError` when it failed or stalls."""
        watch = _Stall("the import")
        while True:
            status = self.import_status(import_id)
            progress(status["lines_done"], status["lines_total"])
            if status["state"] == "FAILED":
                raise CommandFailedError(f"the import {import_id} failed; the log of cases-import says why")
            if status["state"] == "DONE":
                return status
            watch.check(status["lines_done"])
            sleep(_POLL_SECONDS)

    def wait_for_figures(self, progress: Bar) -> None:
        """Wait until the key figures have taken in everything that was committed before (`lag_events` 0)."""
        watch = _Stall("the projection of events")
        most: int | None = None
        while True:
            lag = self.get("metrics", "/v1/freshness")["lag_events"]
            if lag is not None:
                most = max(lag, most or 0)
                progress(most - lag, most)
                if lag == 0:
                    return
            watch.check(lag)
            sleep(_POLL_SECONDS)

    def put_comparison_group(self, group: str, body: Mapping[str, Any]) -> None:
        """Define a comparison group, or give it a new version."""
        path = f"/v1/comparison-groups/{group}"
        found = self._send("metrics", "GET", path)
        headers = {"If-Match": found.headers["ETag"]} if found.status_code == 200 else {}
        self._expect(self._send("metrics", "PUT", path, json=body, headers=headers), 200, 201)

    def _send(self, service: str, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, self._urls[service] + path, **arguments)
        except httpx.TransportError as error:
            raise CommandFailedError(f"{service} does not answer at {self._urls[service]}: {error}") from error

    def _expect(self, answer: httpx.Response, *statuses: int) -> httpx.Response:
        if answer.status_code in statuses:
            return answer
        raise RefusedError(f"{answer.request.method} {answer.request.url.path}: {_problem(answer)}")


@dataclass(slots=True)
class _Stall:
    """Notices that a number has not changed for a long time."""

    what: str
    _last: object = None
    _since: float = field(default_factory=monotonic)

    def check(self, value: object) -> None:
        if value != self._last:
            self._last, self._since = value, monotonic()
        elif monotonic() - self._since > _STALLED_SECONDS:
            raise CommandFailedError(f"{self.what} has not moved for {_STALLED_SECONDS} seconds; see the logs")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _problem(answer: httpx.Response) -> str:
    """One line from a problem body: status, title, detail, and the first refused member."""
    try:
        body = answer.json()
    except ValueError:
        return f"status {answer.status_code}"
    parts = [body.get("title"), body.get("detail")]
    parts += [f"{error.get('pointer')}: {error.get('message')}" for error in body.get("errors") or []][:1]
    return f"{answer.status_code} " + ", ".join(str(part) for part in parts if part)
