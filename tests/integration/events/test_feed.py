"""The feed over HTTP: what it answers, what it refuses, and how soon a waiting reader wakes."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import msgspec
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import decode_envelope
from shared.contracts.parts import part_of, parts_of
from shared.contracts.position import FeedCursor
from shared.events.feed import Feed
from shared.events.feed_client import FeedClient
from shared.events.head_watch import HeadWatch
from shared.events.refusals import AheadOfHeadError, FeedUnreachableError, ForeignEpochError, PrunedError
from shared.events.stamper import Stamper
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.server import MINT, client_of, feed_app, feed_client, serving
from tests.integration.events.support import (
    execute,
    make_command,
    read_log,
    rows,
    stamp_all,
    until,
    write,
)
from tests.support.databases import TestDatabase

CASE = new_id()
PART = part_of(Traeger.LWL, CASE)


async def epoch_of(engine: AsyncEngine) -> str:
    ((epoch,),) = await rows(engine, "SELECT epoch FROM feed_meta WHERE current")
    return str(epoch)


async def test_the_heads_name_epoch_parts_and_what_is_not_stamped_yet(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await write(app, make_command(CASE, 1, 3))
    await stamp_all(worker)
    await write(app, make_command(CASE, 2, 2), make_command(new_id(), 1, 4, traeger=Traeger.LVR))
    async with feed_client(feed_app(database)) as client:
        everything = (await client.get("/v1/feed")).json()
        own = (await client.get("/v1/feed", headers=MINT.bearer("feed:read", tenant="LVR"))).json()
    heads = [{"part": part, "first": 1, "head": 3 if part == PART else 0} for part in range(12)]
    assert everything == {"epoch": await epoch_of(worker), "parts": heads, "pending": 6}
    assert own == {"epoch": everything["epoch"], "parts": heads[:6], "pending": 4}


async def test_a_batch_is_the_stored_bytes_with_the_way_on_in_its_headers(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await write(app, make_command(CASE, 1, 3), make_command(CASE, 2, 2))
    await stamp_all(worker)
    stored = [row.envelope for row in await read_log(worker)]
    epoch = await epoch_of(worker)
    async with feed_client(feed_app(database)) as client:
        first = await client.get(f"/v1/feed/{PART}", params={"limit": 4})
        rest = await client.get(f"/v1/feed/{PART}", params={"after": first.headers["Feed-Next"]})
        end = await client.get(f"/v1/feed/{PART}", params={"after": rest.headers["Feed-Next"]})
    assert first.text == "[" + ",".join(stored[:4]) + "]", "limit may cut a command"
    assert first.headers["content-type"] == "application/cloudevents-batch+json"
    assert first.headers["cache-control"] == "no-store"
    assert (first.headers["Feed-Next"], first.headers["Feed-Head"], first.headers["Feed-Epoch"]) == (
        f"{epoch}.4",
        "5",
        epoch,
    )
    assert rest.text == f"[{stored[4]}]"
    assert (end.text, end.headers["Feed-Next"], end.headers["Feed-Head"]) == ("[]", f"{epoch}.5", "5")


async def test_a_full_batch_never_changes(database: TestDatabase, app: AsyncEngine, worker: AsyncEngine) -> None:
    await write(app, *[make_command(CASE, n, 2) for n in range(1, 6)])
    await stamp_all(worker)
    async with feed_client(feed_app(database)) as client:
        before = [await client.get(f"/v1/feed/{PART}", params={"limit": 3}) for _ in range(2)]
        await write(app, *[make_command(CASE, n, 2) for n in range(6, 9)])
        await stamp_all(worker)
        after = await client.get(f"/v1/feed/{PART}", params={"limit": 3})
    assert before[0].content == before[1].content == after.content


@pytest.mark.parametrize(
    ("path", "tenant", "status", "code"),
    [
        ("/v1/feed/6?after=cases-x.0", "LWL", 409, "foreign-epoch"),
        ("/v1/feed/6?after={epoch}.1", "LWL", 400, "ahead-of-head"),
        ("/v1/feed/6?after=nonsense", "LWL", 400, "invalid-position"),
        ("/v1/feed/6?after={epoch}.-1", "LWL", 400, "invalid-position"),
        ("/v1/feed/6?after={epoch}.٣", "LWL", 400, "invalid-position"),
        ("/v1/feed/6?after={epoch}.99999999999999999999", "LWL", 400, "invalid-position"),
        ("/v1/feed/7?after={epoch}.0", "LWL", 410, "pruned"),
        ("/v1/feed/5", "LWL", 404, "not-found"),
        ("/v1/feed/6", "LVR", 404, "not-found"),
        ("/v1/feed/5?limit=0", "LWL", 404, "not-found"),
        ("/v1/feed/12", "*", 404, "not-found"),
        ("/v1/feed/-1", "*", 404, "not-found"),
        ("/v1/feed/x", "*", 404, "not-found"),
        ("/v1/feed/6?limit=0", "LWL", 422, "invalid-request"),
        ("/v1/feed/6?limit=10001", "LWL", 422, "invalid-request"),
        ("/v1/feed/6?wait=26", "LWL", 422, "invalid-request"),
        ("/v1/feed/6?wait=-1", "LWL", 422, "invalid-request"),
        ("/v1/feed/6?from=1", "LWL", 422, "invalid-request"),
    ],
)
async def test_refusals(
    database: TestDatabase, worker: AsyncEngine, path: str, tenant: str, status: int, code: str
) -> None:
    await execute(worker, "UPDATE feed_head SET first = 5, seq = 9 WHERE part = 7")
    async with feed_client(feed_app(database)) as client:
        target = path.replace("{epoch}", await epoch_of(worker))
        answer = await client.get(target, headers=MINT.bearer("feed:read", tenant=tenant))
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (status, code)


async def test_a_token_needs_the_scope(database: TestDatabase) -> None:
    async with feed_client(feed_app(database)) as client:
        for path in ("/v1/feed", "/v1/feed/6"):
            for tenant in ("LWL", "*"):
                answer = await client.get(path, headers=MINT.bearer("cases:read", tenant=tenant))
                assert answer.status_code == 403
            assert (await client.get(path, headers={"Authorization": ""})).status_code == 401


async def test_a_waiting_reader_wakes_when_the_stamper_notifies(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    loop = asyncio.get_running_loop()
    async with feed_client(feed_app(database)) as client:
        for version in range(1, 6):
            after = f"{await epoch_of(worker)}.{version - 1}"
            waiting = asyncio.create_task(client.get(f"/v1/feed/{PART}", params={"after": after, "wait": 20}))
            await asyncio.sleep(0.15)
            assert not waiting.done()
            await write(app, make_command(CASE, version))
            await stamp_all(worker)
            begun = loop.time()
            answer = await waiting
            assert loop.time() - begun < 0.3
            assert answer.headers["Feed-Next"].endswith(f".{version}")


async def test_a_lost_notification_costs_a_quarter_of_a_second(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    loop = asyncio.get_running_loop()
    async with HeadWatch(app) as watch:
        await until(lambda: _live(watch))
        await asyncio.sleep(0.1)
        begun = loop.time()
        waiting = asyncio.create_task(watch.wait_beyond(PART, 0, 5))
        await execute(worker, "UPDATE feed_head SET seq = 1 WHERE part = :part", part=PART)
        assert await waiting
        assert loop.time() - begun < 0.6


async def test_the_wait_ends_empty_and_holds_no_connection(database: TestDatabase, app: AsyncEngine) -> None:
    loop = asyncio.get_running_loop()
    service = feed_app(database)
    async with feed_client(service) as client:
        begun = loop.time()
        waiting = [
            asyncio.create_task(client.get(f"/v1/feed/{part}", params={"wait": 3})) for part in [*range(12)] * 20
        ]
        await until(lambda: _waiting(service.state.head_watch, 240), seconds=2.5)
        assert service.state.kit.engine.pool.checkedout() == 0
        answers = await asyncio.gather(*waiting)
    assert {answer.text for answer in answers} == {"[]"}
    assert 2.9 < loop.time() - begun < 10


async def test_too_many_waiting_readers_are_sent_away(
    database: TestDatabase, app: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.events.feed.MAX_WAITING", 3)
    async with feed_client(feed_app(database)) as client:
        polls = [asyncio.create_task(client.get(f"/v1/feed/{part}?wait=1")) for part in range(6)]
        answers = await asyncio.gather(*polls)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["Retry-After"] == "1"


async def test_readers_that_went_away_are_forgotten(database: TestDatabase, app: AsyncEngine) -> None:
    async with (
        serving(database) as server,
        httpx.AsyncClient(base_url=server.url, headers=MINT.bearer("feed:read")) as client,
    ):
        watch: HeadWatch = server.app.state.head_watch
        polls = [asyncio.create_task(client.get("/v1/feed/6?wait=25", timeout=30)) for _ in range(20)]
        await until(lambda: _waiting(watch, 20))
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        await until(lambda: _waiting(watch, 0), seconds=5)


async def test_the_watch_survives_a_cut_connection(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    async with feed_client(feed_app(database)) as client:
        waiting = asyncio.create_task(client.get(f"/v1/feed/{PART}?wait=20"))
        await asyncio.sleep(0.2)
        async with await psycopg.AsyncConnection.connect(database.superuser_conninfo, autocommit=True) as connection:
            cursor = await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'head-watch'"
                " AND datname = %s",
                [database.name],
            )
            assert len(await cursor.fetchall()) == 1
        await write(app, make_command(CASE, 1))
        await stamp_all(worker)
        answer = await asyncio.wait_for(waiting, 5)
    assert len(answer.json()) == 1


async def test_a_reader_that_pages_while_others_write_sees_every_number_once(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    cases = [new_id() for _ in range(30)]
    stop = asyncio.Event()

    async def produce() -> None:
        for version in range(1, 11):
            await asyncio.gather(*[write(app, make_command(case, version, 2)) for case in cases])
        await until(lambda: _outbox_empty(worker))
        stop.set()

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(database))
        client = await stack.enter_async_context(client_of(server))
        stamping = asyncio.create_task(Stamper(worker).run(stop))
        producing = asyncio.create_task(produce())
        epoch, read = await epoch_of(worker), dict.fromkeys(parts_of(Traeger.LWL), 0)
        values: list[bytes] = []
        while not stop.is_set() or any(
            head.head > read[head.part] for head in (await client.heads()).parts if head.part > 5
        ):
            for part, after in read.items():
                page = await client.read(epoch, part, after, 7)
                assert [decode_envelope(item.value).seq for item in page] == list(
                    range(after + 1, after + len(page) + 1)
                )
                read[part] += len(page)
                values += [item.value for item in page]
        await asyncio.gather(stamping, producing)
    assert sorted(value.decode() for value in values) == sorted(row.envelope for row in await read_log(worker))
    assert len(values) == 600


async def test_the_client_raises_what_the_server_refuses(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await execute(worker, "UPDATE feed_head SET first = 5, seq = 9 WHERE part = 7")
    epoch = await epoch_of(worker)
    async with serving(database) as server, client_of(server) as client:
        with pytest.raises(ForeignEpochError) as foreign:
            await client.read("cases-other", 6, 0, 10)
        assert foreign.value.current == epoch
        with pytest.raises(AheadOfHeadError) as ahead:
            await client.read(epoch, 7, 10, 10)
        assert ahead.value.head == 9
        with pytest.raises(PrunedError) as pruned:
            await client.read(epoch, 7, 3, 10)
        assert pruned.value.first == 5
        assert (await client.heads()).parts[7].first == 5
        await server.stop()
        with pytest.raises(FeedUnreachableError):
            await client.heads()


@pytest.mark.parametrize("cut", ["body", "bytes"])
async def test_an_answer_cut_short_is_no_answer(cut: str) -> None:
    """The peer dies in mid-answer, or a proxy hands a part of it on as a whole."""
    full = msgspec.json.encode([{"a": 1}, {"b": 2}])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = len(full) if cut == "body" else len(full) - 4
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length + full[:-4])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as http:
            with pytest.raises(FeedUnreachableError):
                await FeedClient(http).read("e", 6, 0, 10)


async def test_another_epoch_and_a_restored_log_are_told(
    database: TestDatabase, app: AsyncEngine, worker: AsyncEngine
) -> None:
    async with HeadWatch(app) as watch:
        feed = Feed(app, watch)
        with pytest.raises(ForeignEpochError):
            await feed.read(6, FeedCursor("older", 0), limit=1, wait_seconds=1)
        with pytest.raises(AheadOfHeadError):
            await feed.read(6, FeedCursor(await epoch_of(worker), 7), limit=1, wait_seconds=1)


async def _live(watch: HeadWatch) -> bool:
    return watch.live


async def _waiting(watch: HeadWatch, count: int) -> bool:
    return watch.waiting == count


async def _outbox_empty(engine: AsyncEngine) -> bool:
    return await rows(engine, "SELECT count(*) FROM outbox_in") == [(0,)]
