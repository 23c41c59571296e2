"""A stamper as a process of its own, to be killed: `python -m tests.integration.events.stamper_process URL [stop]`.

With `stop` it stops itself (SIGSTOP) inside its first round, right after it has locked the heads.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from shared.events.stamper import Stamper
from tests.integration.events.support import engine_for


async def main(url: str, *, stop_inside: bool) -> None:
    """Stamp until killed."""
    async with engine_for(url, pool_size=2) as engine:
        if stop_inside:

            def after(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
                if "FOR UPDATE" in statement:
                    event.remove(engine.sync_engine, "after_cursor_execute", after)
                    print("locked", flush=True)
                    os.kill(os.getpid(), signal.SIGSTOP)

            event.listen(engine.sync_engine, "after_cursor_execute", after)
        await Stamper(engine).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], stop_inside="stop" in sys.argv[2:]))
