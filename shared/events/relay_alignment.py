"""Before a relay publishes: does the end of the topic agree with the log? Behind is caught up, unknown is refused."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope, decode_envelope
from shared.contracts.parts import PARTS
from shared.events.kafka import CALL_SECONDS, asking_the_broker, drop, started_consumer

LOOK_BACK = 20
"""So many records at the end of a part are read, in case the last ones are no events."""

_EPOCHS = text("SELECT epoch, current FROM feed_meta")
_CURSORS = text("SELECT part, published_seq FROM relay_cursor WHERE sink = :sink AND epoch = :epoch")
_KNOWN = text("SELECT event_id FROM event_log WHERE part = :part AND seq = :seq")


class RelayRefusedError(Exception):
    """Kafka holds events that this log does not know: the log was put back, or somebody else publishes."""


async def align(
    engine: AsyncEngine, *, bootstrap: str, topic: str, source: str, sink: str
) -> tuple[str, dict[int, int]]:
    """The epoch of the log, and per part the number to publish behind.

    The topic decides, the stored cursor only counts where the topic has nothing left to show: a relay that died
    between acknowledgement and cursor goes on behind what arrived, a broker that lost what it had acknowledged gets
    it again. Raises `RelayRefusedError`, `BrokerUnavailableError`.
    """
    ends = await _ends(bootstrap, topic, source)
    async with engine.connect() as connection:
        epochs = {row.epoch: row.current for row in (await connection.execute(_EPOCHS)).all()}
        epoch = next(name for name, current in epochs.items() if current)
        rows = (await connection.execute(_CURSORS, {"sink": sink, "epoch": epoch})).all()
        cursors = {row.part: row.published_seq for row in rows}
        published = {}
        for part in range(PARTS):
            if part not in ends:
                published[part] = cursors.get(part, 0)
            elif (last := ends[part]) is None:
                published[part] = 0
            else:
                published[part] = await _agreed(connection, epochs, last)
    return epoch, published


async def _agreed(connection: AsyncConnection, epochs: Mapping[str, bool], last: Envelope) -> int:
    if last.feedepoch not in epochs:
        raise RelayRefusedError(f"part {last.feedpart} ends with an event of an unknown epoch")
    if not epochs[last.feedepoch]:
        return 0
    found: UUID | None = (
        await connection.execute(_KNOWN, {"part": last.feedpart, "seq": last.seq})
    ).scalar_one_or_none()
    if found != last.id:
        raise RelayRefusedError(f"part {last.feedpart} ends with event {last.seq}, which this log does not have")
    return last.seq


async def _ends(bootstrap: str, topic: str, source: str) -> dict[int, Envelope | None]:
    """The last event per part, `None` where the topic is new; parts whose records have all expired are left out."""
    consumer = await started_consumer(bootstrap, topic, list(range(PARTS)))
    try:
        with asking_the_broker():
            async with asyncio.timeout(CALL_SECONDS):
                partitions = [TopicPartition(topic, part) for part in range(PARTS)]
                begins = await consumer.beginning_offsets(partitions)
                ends = await consumer.end_offsets(partitions)
                found: dict[int, Envelope | None] = {p.partition: None for p in partitions if ends[p] == 0}
                filled = [p for p in partitions if ends[p] > begins[p]]
                consumer.assign(filled)
                for partition in filled:
                    consumer.seek(partition, max(begins[partition], ends[partition] - LOOK_BACK))
                lasts = await _lasts(consumer, {p: ends[p] for p in filled}, source)
    finally:
        await drop(consumer)
    for partition in filled:
        if partition.partition not in lasts:
            raise RelayRefusedError(f"part {partition.partition} ends with records that are no events")
    return {**found, **lasts}


async def _lasts(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], source: str) -> dict[int, Envelope]:
    """Read to the ends; per part the event of the newest epoch with the largest number among the last records."""
    lasts: dict[int, Envelope] = {}
    open_parts = set(ends)
    while open_parts:
        for partition, records in (await consumer.getmany(timeout_ms=200)).items():
            for record in records:
                envelope = _envelope(record.value, source, partition.partition)
                before = lasts.get(partition.partition)
                if envelope is not None and (
                    before is None or envelope.feedepoch != before.feedepoch or envelope.seq > before.seq
                ):
                    lasts[partition.partition] = envelope
            if records[-1].offset + 1 >= ends[partition]:
                open_parts.discard(partition)
    return lasts


def _envelope(value: bytes | None, source: str, part: int) -> Envelope | None:
    try:
        envelope = decode_envelope(value or b"")
        usable = envelope.source == source and envelope.feedpart == part and envelope.seq > 0
    except (msgspec.DecodeError, ValueError):
        return None
    return envelope if usable else None
