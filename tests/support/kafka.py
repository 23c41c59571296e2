"""A real Apache Kafka for tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import KafkaBroker, available


@contextmanager
def running_broker(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[KafkaBroker]:
    """Start a broker in the folder, stop it at the end. Where Java or Maven are missing the test is skipped."""
    missing = available()
    if missing is not None:
        pytest.skip(missing)
    broker = KafkaBroker(folder, settings=settings or {})
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
