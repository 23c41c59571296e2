"""The OpenAPI document of cases: checked in as it is, complete, and with examples that can be sent as they stand.

`python -m tests.integration.cases.test_document` writes it anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cases.main import create_app
from services.cases.settings import Settings
from tests.integration.cases.api import Api, Json, created, new_key

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi" / "cases.json"


def generated() -> str:
    """The document as the code gives it."""
    url = "postgresql+psycopg://nobody:nothing@127.0.0.1:1/none"
    settings = Settings.model_validate(
        {
            "database_url": url,
            "worker_database_url": url,
            "issuer": "https://issuer.test",
            "jwks_url": "https://issuer.test/jwks",
        }
    )
    return json.dumps(create_app(settings).openapi(), indent=1, ensure_ascii=False) + "\n"


def operations() -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of the checked-in document."""
    for path, item in json.loads(DOCUMENT.read_text())["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def example_of(operation: Json) -> Any:
    """The example of the body of a request."""
    document = json.loads(DOCUMENT.read_text())
    content = next(iter(operation["requestBody"]["content"].values()))
    if "example" in content:
        return content["example"]
    return document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]["example"]


def test_the_document_is_the_one_checked_in() -> None:
    assert DOCUMENT.read_text() == generated()


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()))
def test_an_operation_says_all_that_it_takes_and_answers(method: str, path: str, operation: Json) -> None:
    assert operation["summary"]
    assert operation["operationId"]
    assert operation["tags"]
    assert [scope for entry in operation["security"] for scope in entry["bearer"]]
    statuses = {int(status) for status in operation["responses"]}
    assert {401, 403, 422, 500, 503} < statuses
    assert len([status for status in statuses if status < 300]) == 1
    headers = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "header"}
    assert ("Idempotency-Key" in headers) == (method == "post")
    named = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "path"}
    assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    if named:
        assert 404 in statuses
    if "If-Match" in headers:
        assert {412, 428, 409} < statuses
    for status, response in operation["responses"].items():
        assert response["description"]
        if int(status) >= 400:
            assert set(response["content"]) == {"application/problem+json"}


async def test_every_example_can_be_sent_as_it_stands(lwl: Api) -> None:
    examples = {
        operation["operationId"]: example_of(operation)
        for _, _, operation in operations()
        if "requestBody" in operation
    }
    provider = created(await lwl.post("/v1/providers", examples.pop("register_provider")))
    changed = await lwl.patch(f"/v1/providers/{provider['id']}", examples.pop("change_provider"), version=1)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    case = created(await lwl.post("/v1/cases", examples.pop("register_case")))
    path = f"/v1/cases/{case['id']}"
    movement = created(await lwl.post(f"{path}/movements", examples.pop("record_movement"), version=1))
    fact = f"{path}/movements/{movement['fact_id']}"
    assert (await lwl.patch(fact, examples.pop("amend_movement"), version=2)).headers["etag"] == '"3"'
    cancelled = await lwl.post(f"{fact}/cancellation", examples.pop("cancel_movement"), version=3)
    assert cancelled.headers["etag"] == '"4"'
    corrected = await lwl.post(f"{path}/corrections", examples.pop("correct_case"), version=4)
    assert corrected.headers["etag"] == '"5"'
    headers = lwl.headers(key=new_key()) | {"Content-Type": "application/x-ndjson"}
    answer = await lwl.client.post("/v1/imports", content=examples.pop("start_import"), headers=headers)
    assert (answer.status_code, answer.json()["lines_total"]) == (202, 2)
    assert examples == {}


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(generated())
