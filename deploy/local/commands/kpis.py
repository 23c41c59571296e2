"""`teilhabe kpis`: key figures as a table."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from deploy.local.client import LocalClient, RefusedError
from deploy.local.commands.options import DataDir, Json, Tenant
from deploy.local.data_directory import DataDirectory
from deploy.local.report import Report, results
from shared.kernel.mitgliedskoerperschaften import Traeger

_NUMBERS = ("numerator", "denominator", "value")


def kpis(
    data_dir: DataDir,
    figures: Annotated[list[str] | None, typer.Argument(help="Ids of key figures; none: all of them.")] = None,
    tenant: Tenant = Traeger.LWL,
    period: Annotated[str | None, typer.Option(help="2021, 2021-Q4 or 2021-11; default: the last quarter.")] = None,
    group_by: Annotated[str | None, typer.Option(help="TOTAL, MITGLIEDSKOERPERSCHAFT, PROVIDER, …")] = None,
    known_on: Annotated[str | None, typer.Option(help="As known on the evening of this day.")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Any other parameter of the API.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print key figures. Every parameter of `GET /v1/kpis/{id}/values` can be given.

    Without ids, figures that refuse these parameters are left out, and that is said.
    """
    asked = {"period": period, "group_by": group_by, "known_on": known_on, **_parameters(param or ())}
    parameters = {name: value for name, value in asked.items() if value is not None}
    with LocalClient(DataDirectory.existing(data_dir), tenant.value) as client:
        answers = _asked(client, figures, parameters) if figures else _every(client, parameters, Report())
    if as_json:
        typer.echo(json.dumps({"answers": answers}, ensure_ascii=False))
    else:
        _print(answers)


def _parameters(given: list[str] | tuple[()]) -> dict[str, str]:
    parameters = {}
    for entry in given:
        name, separator, value = entry.partition("=")
        if not separator:
            raise typer.BadParameter(f"{entry!r} is not NAME=VALUE", param_hint="--param")
        parameters[name] = value
    return parameters


def _asked(client: LocalClient, figures: Iterable[str], parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    return [client.get("metrics", f"/v1/kpis/{figure}/values", **parameters) for figure in figures]


def _every(client: LocalClient, parameters: Mapping[str, str], report: Report) -> list[dict[str, Any]]:
    answers = []
    for entry in client.get("metrics", "/v1/kpis")["items"]:
        try:
            answers += _asked(client, [entry["id"]], parameters)
        except RefusedError as error:
            report.notice(str(error))
    return answers


def _print(answers: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for name in ("figure", "window", "group", "period"):
        table.add_column(name, no_wrap=name != "group", overflow="fold")
    for name in (*_NUMBERS, ""):
        table.add_column(name, no_wrap=True, justify="right" if name else "left")
    for answer in answers:
        for item in answer["items"]:
            numbers = [str(item[name]) if item[name] is not None else "–" for name in _NUMBERS]
            group = item.get("group_name") or item["group"]
            remark = "provisional" if item["provisional"] else ""
            table.add_row(answer["kpi"], answer["window"], group, item["period"], *numbers, remark)
    results().print(table)
