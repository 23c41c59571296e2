"""The broker that `teilhabe up --kafka` and the tests run on: Apache Kafka itself, on one machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka.topics import TOPICS, WrongTopicError, ensure_topics
from deploy.local.kafka import KafkaBroker, KafkaFailedError
from deploy.local.kafka_artefacts import LIBRARIES_VARIABLE, available, libraries
from deploy.local.ports import is_free
from tests.support.kafka import running_broker

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with running_broker(tmp_path_factory.mktemp("kafka") / "broker") as running:
        yield running


async def _send(broker: KafkaBroker, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def _read(broker: KafkaBroker, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        found: list[bytes] = []
        while len(found) < count:
            batches = await consumer.getmany(timeout_ms=1000)
            found += [record.value for records in batches.values() for record in records]
        return found
    finally:
        await consumer.stop()


def _end(pid: int) -> None:
    """Wait until a process is gone."""
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


async def test_topics_have_one_partition_per_part_and_are_made_once(broker: KafkaBroker) -> None:
    await ensure_topics(broker.bootstrap)
    await ensure_topics(broker.bootstrap)
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    described = {topic["topic"]: topic for topic in await client.describe_topics(list(TOPICS))}
    await client.close()
    assert {name: len(topic["partitions"]) for name, topic in described.items()} == dict.fromkeys(TOPICS, 12)


async def test_a_topic_of_another_width_is_refused(broker: KafkaBroker) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    await client.create_topics([NewTopic("narrow", 3, 1)])
    await client.close()
    with pytest.raises(WrongTopicError, match="3 partitions instead of 12"):
        await ensure_topics(broker.bootstrap, topics=["narrow"])


async def test_what_was_acknowledged_survives_kill_9(broker: KafkaBroker) -> None:
    await ensure_topics(broker.bootstrap, topics=["kept"])
    before = [b"%d" % number for number in range(200)]
    await _send(broker, "kept", before)
    pid = broker.broker_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    broker.start()
    await _send(broker, "kept", [b"after"])
    assert await _read(broker, "kept", 201) == [*before, b"after"]


async def test_a_broker_whose_wrapper_was_killed_can_be_started_again(broker: KafkaBroker) -> None:
    await ensure_topics(broker.bootstrap, topics=["wrapped"])
    await _send(broker, "wrapped", [b"1"])
    assert broker._process is not None
    os.kill(broker._process.pid, signal.SIGKILL)
    broker.start()
    assert await _read(broker, "wrapped", 1) == [b"1"]


def test_a_second_broker_on_the_folder_is_refused_and_harms_nobody(broker: KafkaBroker) -> None:
    second = KafkaBroker(broker.data, lock_seconds=0.5)
    with pytest.raises(KafkaFailedError, match="another broker runs in"):
        second.start()
    assert broker.running
    assert broker._serves()


def test_a_broker_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    broken = KafkaBroker(tmp_path / "broken", settings={"num.partitions": "none"})
    with pytest.raises(KafkaFailedError) as refused:
        broken.start()
    assert "num.partitions" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not broken.running


def test_a_broker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.local.kafka import KafkaBroker\n"
        "broker = KafkaBroker(Path(sys.argv[1])); broker.start()\n"
        "print(broker.port, broker.broker_pid(), flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "orphan")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert starter.stdout is not None
    with starter.stdout:
        port, pid = map(int, starter.stdout.readline().split())
        starter.kill()
        starter.wait()
    _end(pid)
    assert is_free(port)


def test_missing_java_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert available() == "Apache Kafka needs Java 17 or newer: no `java` on the PATH"


def test_missing_maven_matters_only_until_the_jars_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "java").write_text("")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(LIBRARIES_VARIABLE, raising=False)
    missing = available()
    assert missing is not None
    assert "no `mvn` on the PATH" in missing
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "kafka_2.13-4.2.0.jar").write_text("")
    monkeypatch.setenv(LIBRARIES_VARIABLE, str(folder))
    assert available() is None
    assert libraries() == folder
