"""`teilhabe kpis`: key figures as a table."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.client import LocalClient
from deploy.local.commands.options import DataDir, Json, Tenant
from deploy.local.data_directory import DataDirectory
from shared.kernel.mitgliedskoerperschaften import Traeger

_COLUMNS = ("numerator", "denominator", "value")
_NEEDS_A_COHORT = "rueckkehrquote_kohorte"


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
    """Print key figures. Every parameter of `GET /v1/kpis/{id}/values` can be given."""
    asked = {"period": period, "group_by": group_by, "known_on": known_on, **_parameters(param or ())}
    parameters = {name: value for name, value in asked.items() if value is not None}
    with LocalClient(DataDirectory.existing(data_dir), tenant.value) as client:
        wanted = figures or _catalogue(client, parameters)
        answers = [client.get("metrics", f"/v1/kpis/{figure}/values", **parameters) for figure in wanted]
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


def _catalogue(client: LocalClient, parameters: dict[str, str]) -> list[str]:
    """All figures that can be asked with these parameters: a cohort figure needs its cohort."""
    known = [entry["id"] for entry in client.get("metrics", "/v1/kpis")["items"]]
    return [figure for figure in known if figure != _NEEDS_A_COHORT or "cohort_from" in parameters]


def _print(answers: list[dict[str, Any]]) -> None:
    table = Table("figure", "window", "group", "period", *_COLUMNS, "", box=None, header_style="bold")
    for answer in answers:
        for item in answer["items"]:
            cells = [str(item[name]) if item[name] is not None else "–" for name in _COLUMNS]
            group = item.get("group_name") or item["group"]
            remark = "provisional" if item["provisional"] else ""
            table.add_row(answer["kpi"], answer["window"], group, item["period"], *cells, remark)
    for name in _COLUMNS:
        column = next(column for column in table.columns if column.header == name)
        column.justify = "right"
    Console().print(table)
