"""Reading and writing a topic by hand, past relay and source."""

from collections import defaultdict
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import decode_envelope
from shared.contracts.parts import PARTS
from shared.events.kafka import started_consumer


async def records(bootstrap: str, topic: str) -> dict[int, list[bytes]]:
    """Everything a topic holds, per partition, as it lies there."""
    consumer = await started_consumer(bootstrap, topic, list(range(PARTS)))
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, part) for part in range(PARTS)])
        begins = await consumer.beginning_offsets(list(ends))
        open_parts = {partition for partition, end in ends.items() if end > begins[partition]}
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        while open_parts:
            for partition, batch in (await consumer.getmany(timeout_ms=500)).items():
                found[partition.partition] += [record.value for record in batch]
                if batch[-1].offset + 1 >= ends[partition]:
                    open_parts.discard(partition)
        return dict(found)
    finally:
        await consumer.stop()


async def put(bootstrap: str, topic: str, part: int, values: Iterable[bytes | None]) -> None:
    """Append records to a partition, as somebody might who should not."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=4 * 1024 * 1024)
    await producer.start()
    try:
        for value in values:
            await producer.send(topic, value, key=b"by hand", partition=part)
        await producer.flush()
    finally:
        await producer.stop()


async def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete a topic with everything in it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


async def set_max_bytes(bootstrap: str, topic: str, size: int) -> None:
    """Change the largest batch that a topic takes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(size)})])
    finally:
        await admin.close()


def first_appearances(values: Iterable[bytes]) -> list[bytes]:
    """The values without what had been there before; fails where a number appears before its predecessor (I5)."""
    firsts: list[bytes] = []
    for value in values:
        seq = decode_envelope(value).seq
        assert seq <= len(firsts) + 1, f"{seq} appears after {len(firsts)}: a hole"
        if seq == len(firsts) + 1:
            firsts.append(value)
        else:
            assert firsts[seq - 1] == value, "one number, one event (I4)"
    return firsts
