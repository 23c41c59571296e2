"""The HTTP feed from outside: archive of every consumer, and the transport where no broker is installed."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

from shared.contracts.position import FeedCursor
from shared.events.ports import Delivery, Heads, PartHead
from shared.events.refusals import AheadOfHeadError, FeedUnreachableError, ForeignEpochError, PrunedError
from shared.kernel.mitgliedskoerperschaften import Traeger

PENDING_HEADER = "Feed-Pending"
"""How `pending` is split among the Träger, for a client that reads both."""

_MARGIN_SECONDS = 10.0


class _Part(msgspec.Struct, frozen=True):
    part: int
    first: int
    head: int


class _Feed(msgspec.Struct, frozen=True):
    epoch: str
    parts: list[_Part]
    pending: int


class _Problem(msgspec.Struct, frozen=True):
    type: str = ""
    epoch: str = ""
    first: int = 0
    head: int = 0


_feeds = msgspec.json.Decoder(_Feed)
_batches = msgspec.json.Decoder(list[msgspec.Raw])
_problems = msgspec.json.Decoder(_Problem)


class FeedClient:
    """Reads the feed of one producer. `client` carries base URL (of the service) and authorisation, and is shared."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def heads(self) -> Heads:
        """Epoch, heads, pending. Raises `FeedUnreachableError`."""
        answer = await self._get("/v1/feed", {}, patience=_MARGIN_SECONDS)
        try:
            feed = _feeds.decode(answer.content)
        except msgspec.DecodeError as error:
            raise FeedUnreachableError("the feed answered something that is no list of heads") from error
        parts = tuple(PartHead(item.part, item.first, item.head) for item in feed.parts)
        return Heads(feed.epoch, parts, feed.pending, _pending_of(answer.headers.get(PENDING_HEADER, "")))

    async def read(
        self, epoch: str, part: int, after: int, limit: int, wait_seconds: float = 0
    ) -> Sequence[Delivery]:
        """The records `after + 1 …`, byte for byte; waits up to `wait_seconds` (at most 25) for the first one.

        Raises `ForeignEpochError`, `PrunedError`, `AheadOfHeadError`, `FeedUnreachableError`.
        """
        query: dict[str, Any] = {"after": str(FeedCursor(epoch, after)), "limit": limit}
        if wait_seconds > 0:
            query["wait"] = int(wait_seconds) or 1
        answer = await self._get(f"/v1/feed/{part}", query, patience=_MARGIN_SECONDS + wait_seconds)
        try:
            return [Delivery(part, bytes(raw)) for raw in _batches.decode(answer.content)]
        except msgspec.DecodeError as error:
            raise FeedUnreachableError("the feed answered something that is no batch") from error

    async def _get(self, path: str, query: Mapping[str, Any], *, patience: float) -> httpx.Response:
        try:
            answer = await self._client.get(path, params=query, timeout=patience)
        except httpx.HTTPError as error:
            raise FeedUnreachableError(f"the feed does not answer ({type(error).__name__})") from error
        if answer.status_code == httpx.codes.OK:
            return answer
        raise _refusal(answer)


def _pending_of(header: str) -> dict[Traeger, int]:
    """`LVR=4, LWL=2`; what cannot be read is not told."""
    pairs = (entry.strip().partition("=") for entry in header.split(","))
    return {
        Traeger(name): int(count) for name, _, count in pairs if name in Traeger.__members__ and count.isdecimal()
    }


def _refusal(answer: httpx.Response) -> Exception:
    try:
        problem = _problems.decode(answer.content)
    except msgspec.DecodeError:
        problem = _Problem()
    code = problem.type.rsplit("/", 1)[-1]
    if code == ForeignEpochError.code:
        return ForeignEpochError(problem.epoch)
    if code == PrunedError.code:
        return PrunedError(problem.first)
    if code == AheadOfHeadError.code:
        return AheadOfHeadError(problem.head)
    return FeedUnreachableError(f"the feed answered {answer.status_code}")
