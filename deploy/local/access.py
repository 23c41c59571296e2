"""The databases for commands that work on them directly, whether `teilhabe up` runs or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import lock
from deploy.local.data_directory import DataDirectory
from deploy.local.postgres import PostgresServer


@contextmanager
def running_postgres(data: DataDirectory) -> Iterator[PostgresServer]:
    """PostgreSQL of the data directory: the one that runs, else one of our own for the length of the block.

    Raises `CommandFailedError` while a `teilhabe up` there is just starting or ending.
    """
    password = data.secrets().superuser
    if lock.held(data.path):
        yield PostgresServer(data.postgres, data.running().postgres_port, password)
        return
    held = lock.acquire(data.path)
    try:
        server = PostgresServer(data.postgres, data.hidden_ports()["postgres"], password, inherit=[held])
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        os.close(held)
