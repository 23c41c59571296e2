"""The topics of the product, for any Kafka: `python -m deploy.kafka.topics BOOTSTRAP [REPLICATION_FACTOR]`.

A topic has one partition per part of the event log, and the part is the number of the partition. The relay and the
consumers refuse to guess, so a topic of another width is an error here, never silently used.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts import budgets_v1, cases_v1
from shared.contracts.parts import PARTS

TOPICS = (cases_v1.TOPIC, budgets_v1.TOPIC)
_DAY_MS = 24 * 60 * 60 * 1000
SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": str(7 * _DAY_MS),  # the feed is the archive; Kafka carries what is new
    "max.message.bytes": "1048576",
    "message.timestamp.type": "CreateTime",
}
_ALREADY_EXISTS = 36
_VISIBLE_SECONDS = 30


class WrongTopicError(Exception):
    """A topic exists with another number of partitions, or Kafka refuses to create it."""


async def ensure_topics(bootstrap: str, *, replication_factor: int = 1, topics: Sequence[str] = TOPICS) -> None:
    """Create the topics that are missing. Raises `WrongTopicError`, and `TimeoutError` where no broker knows them.

    Safe to call twice, also at the same time.
    """
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="teilhabe-topics")
    await client.start()
    try:
        wanted = [NewTopic(name, PARTS, replication_factor, topic_configs=dict(SETTINGS)) for name in topics]
        answer = await client.create_topics(wanted)
        for name, code, message in answer.topic_errors:
            if code not in (0, _ALREADY_EXISTS):
                raise WrongTopicError(f"Kafka does not create the topic {name}: {message or f'error {code}'}")
        async with asyncio.timeout(_VISIBLE_SECONDS):
            for name in topics:
                width = await _width(client, name)
                if width != PARTS:
                    raise WrongTopicError(f"the topic {name} has {width} partitions instead of {PARTS}")
    finally:
        await client.close()


async def _width(client: AIOKafkaAdminClient, topic: str) -> int:
    """The number of partitions; a topic of this moment is not known to every node at once, so this waits for it."""
    while True:
        (description,) = await client.describe_topics([topic])
        if description["partitions"]:
            return len(description["partitions"])
        await asyncio.sleep(0.05)


def main(arguments: Sequence[str]) -> int:
    """Read `BOOTSTRAP [REPLICATION_FACTOR]`."""
    bootstrap, *factor = arguments
    asyncio.run(ensure_topics(bootstrap, replication_factor=int(factor[0]) if factor else 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
