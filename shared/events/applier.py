"""Apply: the effect of whole commands and the step of the checkpoint in one transaction; halve where one fails."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events import checkpoint
from shared.events.assembly import Ready
from shared.events.checkpoint import CheckpointMovedError, Move
from shared.events.failures import is_transient
from shared.events.parking import park
from shared.events.ports import Handler, InvalidCommandError, UnsupportedVersionError
from shared.kernel.clock import Clock
from shared.observability.logging import get_logger, place_of

ATTEMPTS = 3
BREAKER_PARKED = 20
BREAKER_WINDOW = 2_000
"""More than 20 parked among the last 2,000 commands (1 %) is no bad event but a bad deployment."""


class ConsumerHaltedError(Exception):
    """Going on would be wrong or pointless; somebody has to look. The message says at what."""


class Applier:
    """Moves the checkpoint of one source, from the place where it was read."""

    def __init__(
        self,
        engine: AsyncEngine,
        handler: Handler,
        clock: Clock,
        *,
        source: str,
        epoch: str,
        positions: dict[int, int],
        duplicates: Counter[int],
    ) -> None:
        self._engine = engine
        self._handler = handler
        self._clock = clock
        self._source = source
        self._epoch = epoch
        self._commands = 0
        self._parked_at: deque[int] = deque()
        self.committed = dict(positions)
        self.duplicates = duplicates
        self.gaps: Counter[int] = Counter()

    async def apply(self, commands: Sequence[Ready]) -> None:
        """Give commands, per part in order, their effect exactly once.

        Raises `CheckpointMovedError`, `ConsumerHaltedError` and whatever passes by itself; no half command has had
        an effect then.
        """
        if not commands and not self.duplicates and not self.gaps:
            return
        try:
            await self._commit(commands)
        except (CheckpointMovedError, ConsumerHaltedError):
            raise
        except UnsupportedVersionError as error:
            raise ConsumerHaltedError(f"this version does not know: {error}") from error
        except Exception as error:
            if is_transient(error) or not commands:
                raise
            if len(commands) == 1:
                await self._alone(commands[0], error)
                return
            middle = len(commands) // 2
            await self.apply(commands[:middle])
            await self.apply(commands[middle:])

    async def _alone(self, command: Ready, error: Exception) -> None:
        for _ in range(ATTEMPTS - 1):
            if isinstance(error, InvalidCommandError):
                break
            try:
                await self._commit([command])
            except (CheckpointMovedError, ConsumerHaltedError):
                raise
            except Exception as again:
                if is_transient(again):
                    raise
                error = again
            else:
                return
        await self._park(command, error)

    async def _park(self, command: Ready, error: Exception) -> None:
        self._parked_at.append(self._commands)
        while self._parked_at[0] < self._commands - BREAKER_WINDOW:
            self._parked_at.popleft()
        if len(self._parked_at) > BREAKER_PARKED:
            raise ConsumerHaltedError(f"more than {BREAKER_PARKED} of the last {BREAKER_WINDOW} commands failed")
        reason = error.reason if isinstance(error, InvalidCommandError) else f"{type(error).__name__}: {error}"
        get_logger().error(
            "command parked", loop=self._source, part=command.part, seq=command.first, **place_of(error)
        )
        now = self._clock.now()
        async with self._engine.begin() as connection:
            await park(connection, source=self._source, epoch=self._epoch, command=command, reason=reason, now=now)
            move = self._step(command.part, [command], parked=len(command.values))
            await self._move(connection, {command.part: move})
        self._moved({command.part: move}, 1)

    async def _commit(self, commands: Sequence[Ready]) -> None:
        for command in commands:
            if command.broken is not None:
                raise InvalidCommandError(command.broken)
        moves: dict[int, Move] = {}
        async with self._engine.begin() as connection:
            for part, group in groupby(
                sorted(commands, key=lambda command: command.part), lambda command: command.part
            ):
                own = list(group)
                outcome = await self._handler.apply(connection, [command.events for command in own])
                moves[part] = self._step(part, own, applied=outcome.applied, ignored=outcome.ignored)
                if outcome.applied + outcome.ignored != moves[part].seq - moves[part].expected:
                    raise ConsumerHaltedError("the handler does not account for every event")
            await self._move(connection, moves)
        self._moved(moves, len(commands))

    def _step(
        self, part: int, commands: Sequence[Ready], *, applied: int = 0, ignored: int = 0, parked: int = 0
    ) -> Move:
        expected, last = self.committed[part], commands[-1]
        assert commands[0].first == expected + 1, "commands follow the checkpoint without a hole"
        times = [command.recorded_until for command in commands if command.recorded_until is not None]
        return Move(
            part=part,
            expected=expected,
            seq=last.last,
            last_event_id=last.last_event_id,
            applied=applied,
            ignored=ignored,
            parked=parked,
            recorded_until=max(times, default=None),
        )

    async def _move(self, connection: AsyncConnection, moves: dict[int, Move]) -> None:
        """Move the checkpoint; counters go along, also those of parts that stay where they are."""
        for part in self.duplicates.keys() | self.gaps.keys():
            moves.setdefault(part, Move(part, self.committed[part], self.committed[part]))
        counted = [
            replace(move, duplicates=self.duplicates[part], gaps=self.gaps[part]) for part, move in moves.items()
        ]
        await checkpoint.move(connection, self._source, self._epoch, counted, self._clock.now())

    def _moved(self, moves: dict[int, Move], commands: int) -> None:
        self.committed.update({part: move.seq for part, move in moves.items()})
        self.duplicates.clear()
        self.gaps.clear()
        self._commands += commands
