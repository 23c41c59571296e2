"""A relay as a process of its own that kills itself: `… relay_process DB_URL BOOTSTRAP TOPIC POINT COUNT`.

POINT is where SIGKILL comes, at the COUNT-th time: `sent` (a batch is under way), `acknowledged` (before the cursor).
"""

import asyncio
import os
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.events.relay import Relay
from tests.integration.events.support import SOURCE, engine_for


async def main(database: str, bootstrap: str, topic: str, point: str, count: int) -> None:
    """Relay until killed."""
    left, send = count, AIOKafkaProducer.send_batch

    async def send_batch(producer: AIOKafkaProducer, *arguments: Any, **options: Any) -> Any:
        nonlocal left
        future = await send(producer, *arguments, **options)
        if point == "acknowledged":
            await future
        left -= 1
        if left == 0:
            if point == "sent":
                await asyncio.sleep(0)  # the request leaves, its answer is never read
            os.kill(os.getpid(), signal.SIGKILL)
        return future

    AIOKafkaProducer.send_batch = send_batch
    async with engine_for(database) as engine:
        await Relay(engine, bootstrap=bootstrap, topic=topic, source=SOURCE).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
