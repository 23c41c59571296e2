"""What a client of `cases` does, in short words."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx


@dataclass(slots=True)
class Clerk:
    """Registers cases and records movements over HTTP; keeps the last ETag of each case and the last position."""

    cases: httpx.Client
    etags: dict[str, str] = field(default_factory=dict)
    position: str | None = None

    def provider(self, **changes: Any) -> str:
        """A WfbM in Münster; its id."""
        body = {
            "name": "Werkstatt am Kanal", "kind": "WFBM", "mitgliedskoerperschaft": "05515",
            "external_ref": None, "valid_from": "2000-01-01", "valid_to": None, **changes,
        }  # fmt: skip
        return str(self._post("/v1/providers", body).json()["id"])

    def case(self, external_ref: str, **changes: Any) -> str:
        """A registered case; its id."""
        body = {
            "external_ref": external_ref, "payer_mk": "05515", "residence_mk": "05515", "disability": "GEISTIG",
            "kombi": False, **changes,
        }  # fmt: skip
        answer = self._post("/v1/cases", body)
        case_id = str(answer.json()["id"])
        self.etags[case_id] = answer.headers["ETag"]
        return case_id

    def move(self, case_id: str, kind: str, effective_on: str, **attributes: Any) -> dict[str, Any]:
        """A movement; the body of the answer."""
        body = {"kind": kind, "effective_on": effective_on, **attributes}
        return self._change(case_id, "POST", f"/v1/cases/{case_id}/movements", body, 201)

    def cancel(self, case_id: str, fact_id: str, reason: str) -> dict[str, Any]:
        """Take a fact back; the new timeline."""
        path = f"/v1/cases/{case_id}/movements/{fact_id}/cancellation"
        return self._change(case_id, "POST", path, {"reason": reason}, 200)

    def amend(self, case_id: str, fact_id: str, reason: str, **attributes: Any) -> dict[str, Any]:
        """Correct a fact; the new timeline."""
        body = {**attributes, "reason_for_correction": reason}
        return self._change(case_id, "PATCH", f"/v1/cases/{case_id}/movements/{fact_id}", body, 200)

    def _post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        headers = {"Idempotency-Key": str(uuid4()), "Prefer": "wait=10", **headers}
        return self._note(self.cases.post(path, json=body, headers=headers), 201)

    def _change(self, case_id: str, method: str, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        headers = {"If-Match": self.etags[case_id], "Prefer": "wait=10"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        answer = self._note(self.cases.request(method, path, json=body, headers=headers), status)
        self.etags[case_id] = answer.headers["ETag"]
        found: dict[str, Any] = answer.json()
        return found

    def _note(self, answer: httpx.Response, status: int) -> httpx.Response:
        assert answer.status_code == status, answer.text
        self.position = answer.headers.get("Event-Position", self.position)
        return answer
