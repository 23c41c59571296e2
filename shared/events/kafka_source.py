"""Events from Kafka. Offsets are hints: the checkpoint says where to begin, the number in a record what it is."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from shared.events.kafka import CALL_SECONDS, asking_the_broker, drop, started_consumer
from shared.events.ports import Delivery

_GATHER_SECONDS = 0.05
_WORTH_A_SEEK = 1_000


class _Place(msgspec.Struct, frozen=True):
    feedepoch: str
    sequence: str


_places = msgspec.json.Decoder(_Place)


class KafkaSource:
    """An `EventSource` over one topic, without a consumer group. Every failure ends in a new client."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None
        self._epoch = ""
        self._next: dict[TopicPartition, int] = {}
        self._begin: dict[TopicPartition, int] = {}
        self._unproved: dict[TopicPartition, int] = {}
        self._probes: dict[TopicPartition, int] = {}
        self._went_back: set[TopicPartition] = set()

    async def open(self, epoch: str, positions: Mapping[int, int]) -> None:
        """Begin behind the given numbers. Raises `BrokerUnavailableError`.

        As long as nothing is published twice, number n stands at offset n - 1. What was published twice only moves a
        number to a larger offset, so this offset is a safe place to begin; `fetch` corrects it by what it finds.
        """
        await self.close()
        consumer = await started_consumer(self._bootstrap, self._topic, list(positions))
        self._consumer = consumer
        self._epoch = epoch
        partitions = {TopicPartition(self._topic, part): seq for part, seq in positions.items()}
        with asking_the_broker():
            async with asyncio.timeout(CALL_SECONDS):
                self._begin = await consumer.beginning_offsets(list(partitions))
                ends = await consumer.end_offsets(list(partitions))
        self._next = {}
        self._unproved = dict(partitions)
        self._went_back = set()
        self._probes = {}
        for partition, seq in partitions.items():
            if seq >= ends[partition] > self._begin[partition]:
                self._probes[partition] = (
                    ends[partition] - 1
                )  # does the topic end where it should? then drop this one
            self._seek(partition, self._probes.get(partition, seq))

    async def fetch(self, *, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """What has arrived; gathers up to `limit` as long as the broker has more. Raises `BrokerUnavailableError`."""
        assert self._consumer is not None, "open() comes first"
        taken: list[Delivery] = []
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while len(taken) < limit:
            patience = _GATHER_SECONDS if taken else max(deadline - loop.time(), 0)
            with asking_the_broker():
                async with asyncio.timeout(patience + CALL_SECONDS):
                    batches = await self._consumer.getmany(
                        timeout_ms=int(patience * 1000), max_records=limit - len(taken)
                    )
            for partition, records in batches.items():
                if partition in self._unproved and not self._proved(partition, records):
                    continue
                self._next[partition] = records[-1].offset + 1
                known = self._probes.pop(partition, None)
                taken.extend(
                    Delivery(partition.partition, record.value or b"") for record in records if record.offset != known
                )
            if not batches or (taken and not self._more()):
                break
        return taken

    async def close(self) -> None:
        """Drop the client."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await drop(consumer)

    def _more(self) -> bool:
        assert self._consumer is not None, "only called while fetching"
        return any((self._consumer.highwater(partition) or 0) > offset for partition, offset in self._next.items())

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        assert self._consumer is not None, "only called while open"
        self._next[partition] = max(offset, self._begin[partition])
        self._consumer.seek(partition, self._next[partition])

    def _proved(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> bool:
        """Look at the first record after a seek; seek again if it lies behind the next number, or far before it."""
        try:
            place = _places.decode(records[0].value or b"")
            distance = int(place.sequence) - self._unproved[partition] - 1
        except (msgspec.DecodeError, ValueError):
            return True  # damaged: what follows shows whether something is missing
        first = int(records[0].offset)
        if place.feedepoch == self._epoch:
            if distance >= 0:
                self._probes.pop(partition, None)
            if distance > 0 and first > self._begin[partition]:
                self._went_back.add(partition)
                self._seek(partition, first - distance)
                return False
            if distance < -_WORTH_A_SEEK and partition not in self._went_back:
                self._went_back.add(partition)  # once: between duplicates and holes it could swing for ever
                self._seek(partition, first - distance)
                return False
        del self._unproved[partition]
        return True
