"""A consumer as a process of its own that kills itself: `… consumer_process DB_URL FEED_URL TOKEN POINT COUNT`.

POINT is where SIGKILL comes, at the COUNT-th time it is passed: `handler` (before the effect), `effect` (after it,
before the checkpoint), `checkpoint` (after it, before the commit), `commit` (right after), `never`.
"""

import asyncio
import os
import signal
import sys
from typing import Any

import httpx
from sqlalchemy import event

from shared.events.feed_client import FeedClient
from tests.integration.events.consuming import make_consumer
from tests.integration.events.support import Tally, engine_for

_MARKS = {"effect": "INSERT INTO effect", "checkpoint": "UPDATE checkpoint"}


async def main(database: str, feed: str, token: str, point: str, count: int) -> None:
    """Consume until killed."""
    left = count

    def passed(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def before(*_: Any) -> None:
        passed()

    handler = Tally()
    async with engine_for(database) as engine, httpx.AsyncClient(base_url=feed) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        sync = engine.sync_engine
        if point == "handler":
            handler.before = before
        elif point in _MARKS:

            def executed(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
                if _MARKS[point] in statement:
                    passed()

            event.listen(sync, "after_cursor_execute", executed)
        elif point == "commit":
            wrote = False

            def after(_c: Any, _cursor: Any, statement: str, *_r: Any) -> None:
                nonlocal wrote
                wrote = wrote or "UPDATE checkpoint" in statement

            def back(_dbapi: Any, _record: Any) -> None:
                nonlocal wrote
                if wrote:
                    wrote = False
                    passed()

            event.listen(sync, "after_cursor_execute", after)
            event.listen(sync.pool, "checkin", back)
        await make_consumer(engine, FeedClient(http), handler, batch=40).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
