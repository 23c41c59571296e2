"""What relay and source share of Kafka: the topic, its parts, and how a client is given up."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.parts import PARTS
from shared.kernel.errors import UnavailableError

CALL_SECONDS = 15.0
"""The longest a single call to the broker may take: aiokafka waits for ever where a broker is down."""
_CLOSE_SECONDS = 3.0

TOPIC_SETTINGS = {
    "cleanup.policy": "delete",
    "retention.ms": str(7 * 24 * 3600 * 1000),  # the feed is the archive
    "max.message.bytes": str(1024 * 1024),
}


class BrokerUnavailableError(UnavailableError):
    """Kafka gave no usable answer; the client is built anew and the same is tried again."""

    code = "broker-unavailable"
    title = "Kafka does not answer"


@contextmanager
def asking_the_broker() -> Iterator[None]:
    """Turn what goes wrong with a broker into `BrokerUnavailableError`.

    Also a cancellation that nobody asked us for: aiokafka lets those of its own tasks escape, and it would end ours.
    """
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerUnavailableError(f"Kafka does not answer ({type(error).__name__})") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailableError("the client broke off") from error


async def ensure_topic(bootstrap: str, topic: str) -> None:
    """Create the topic with twelve partitions and the broker's replication if it is missing.

    Raises `BrokerUnavailableError`.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(CALL_SECONDS * 1000))
    wanted = NewTopic(name=topic, num_partitions=PARTS, replication_factor=1, topic_configs=TOPIC_SETTINGS)
    wanted.replication_factor = -1  # the broker's default; the constructor does not take it
    try:
        with asking_the_broker():
            async with asyncio.timeout(CALL_SECONDS):
                await admin.start()
                if topic in await admin.list_topics():
                    return  # where somebody else creates topics, the relay has no right to
                answer = await admin.create_topics([wanted])
    finally:
        await given_up(admin.close())
    for _, code, *_rest in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise BrokerUnavailableError(f"the topic could not be created ({for_code(code).__name__})")


async def started_consumer(bootstrap: str, topic: str, parts: list[int]) -> AIOKafkaConsumer:
    """A consumer without a group, with the partitions of these parts assigned. Raises `BrokerUnavailableError`."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # a safe one: numbers decide, not offsets
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        request_timeout_ms=int(CALL_SECONDS * 1000),
        retry_backoff_ms=50,
    )
    try:
        with asking_the_broker():
            async with asyncio.timeout(CALL_SECONDS):
                await consumer.start()
                known = await consumer._client._wait_on_metadata(topic)  # partitions_for_topic() knows no new topic
            if known != set(range(PARTS)):
                raise BrokerUnavailableError(f"the topic has {len(known)} partitions and not {PARTS}")
            consumer.assign([TopicPartition(topic, part) for part in parts])
    except BaseException:
        await drop(consumer)
        raise
    return consumer


async def drop(consumer: AIOKafkaConsumer) -> None:
    """End a consumer. Its `stop()` may break off where the broker is away, so the rest is closed as well."""
    await given_up(consumer.stop())
    await given_up(consumer._client.close())


async def abandon(producer: AIOKafkaProducer) -> None:
    """End a producer without waiting for what it has not delivered: `stop()` alone would wait for a dead broker.

    What is under way may arrive all the same. It begins behind what was acknowledged, so it is a duplicate at worst.
    """
    sender = producer._sender
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
        await asyncio.wait({sender.sender_task}, timeout=_CLOSE_SECONDS)
    await given_up(producer.stop())
    await given_up(producer.client.close())


async def given_up(closing: Coroutine[Any, Any, None]) -> None:
    """Close a client, within bounds, whatever state it is in.

    In a task of its own: aiokafka lets the cancellation of its own tasks escape, which would end ours.
    """
    task = asyncio.create_task(closing)
    await asyncio.wait({task}, timeout=_CLOSE_SECONDS)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
