"""`teilhabe up`: the whole product on this machine."""

import os
import threading
from typing import Annotated, Any

import typer

from deploy.local import lock
from deploy.local.client import LocalClient
from deploy.local.commands.options import DataDir, Json
from deploy.local.commands.signals import Interrupted, interruptible
from deploy.local.data_directory import DataDirectory
from deploy.local.errors import CommandFailedError
from deploy.local.loading import SCENARIO_TENANT, Scenario, fill
from deploy.local.report import Report
from deploy.local.stack import DEFAULT_PORTS, LocalStack, choose_ports
from deploy.local.table import Table, print_json, print_table, read_table


def _port(service: str) -> Any:
    return typer.Option(
        f"--{service}-port",
        min=1,
        max=65535,
        show_default=f"{DEFAULT_PORTS[service]}, or a free one where that is taken",
        help=f"The port of {service}.",
    )


def up(
    data_dir: DataDir,
    cases_port: Annotated[int | None, _port("cases")] = None,
    budgets_port: Annotated[int | None, _port("budgets")] = None,
    metrics_port: Annotated[int | None, _port("metrics")] = None,
    scenario: Annotated[Scenario, typer.Option(help="What a new data directory is filled with.")] = Scenario.NTA,
    kafka: Annotated[bool, typer.Option("--kafka", help="Carry the events over a real Apache Kafka.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the table; exit 1 where a figure differs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start everything, load the scenario into a new data directory, print the key figures, serve until Ctrl-C."""
    report = Report()
    asked = {"cases": cases_port, "budgets": budgets_port, "metrics": metrics_port}
    data = DataDirectory.create(data_dir)
    held = lock.acquire(data.path)
    try:
        with interruptible():
            stack = LocalStack(data, choose_ports(asked, report.notice), held, report.notice, kafka=kafka)
            table = _run(stack, scenario, report, once=once, as_json=as_json)
    finally:
        os.close(held)
    if once and table.differs:
        raise CommandFailedError(f"{table.differs} figures differ from the published ones")


def _run(stack: LocalStack, scenario: Scenario, report: Report, *, once: bool, as_json: bool) -> Table:
    """Start, fill, print, serve; whatever happens, nothing is left running."""
    table: Table | None = None
    try:
        stack.start(report.step)
        with LocalClient(stack.data, SCENARIO_TENANT) as client:
            loaded = fill(stack.data, client, scenario, report)
            table = read_table(client, loaded)
        (print_json if as_json else print_table)(table, stack.addresses.urls)
        if not once:
            report.step(f"serving until Ctrl-C; data and logs are in {stack.data.path}")
            threading.Event().wait()
    except Interrupted:
        if table is None:
            raise CommandFailedError("stopped before everything was ready") from None
    finally:
        report.step("stopping")
        stack.stop()
    return table
