"""The background loops of a worker process: started by name, drained on a signal, ended together.

A loop takes an event and returns soon after it is set, with whatever it had in hand finished. A loop that fails ends
the process with 1, so that whoever watches the process starts it again.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.observability.logging import get_logger, place_of

DRAIN_SECONDS = 25.0

Loop = Callable[[asyncio.Event], Awaitable[None]]


async def run_loops(known: Mapping[str, Loop], names: Sequence[str], stop: asyncio.Event) -> int:
    """Run the named loops (none named: all) until `stop` is set or one of them ends; the exit code of the process."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        get_logger().error("there is no such loop", loop=", ".join(unknown))
        return 2
    tasks = [asyncio.create_task(_guarded(name, known[name], stop)) for name in names or known]
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
    for task in late:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return 0 if all(end is True for end in ends) else 1


async def _guarded(name: str, loop: Loop, stop: asyncio.Event) -> bool:
    """Whether the loop ended well. However it ends, the others are asked to end too."""
    try:
        await loop(stop)
    except Exception as error:
        get_logger().error("loop failed", loop=name, **place_of(error))
        return False
    finally:
        stop.set()
    return True


def run_process(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run `work` with an event that SIGTERM and SIGINT set; the exit code of the process."""

    async def process() -> int:
        stop, running = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, stop.set)
        return await work(stop)

    return asyncio.run(process())
