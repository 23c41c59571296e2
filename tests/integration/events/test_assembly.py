"""The pure core: whatever arrives in whatever order, commands come out whole, in order and once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.envelope import EnvelopeBody, encode_body
from shared.contracts.position import FeedCursor, InvalidPositionError, Position
from shared.events.assembly import Assembler, Gap
from shared.events.ports import Delivery
from shared.events.refusals import FeedUnreachableError
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.support import NOON, SOURCE, USED

EPOCH = "cases-1"


def make_log(sizes: list[int], part: int = 6) -> list[Delivery]:
    """A part of a log: one command per size."""
    log: list[Delivery] = []
    for version, size in enumerate(sizes, 1):
        for index in range(1, size + 1):
            data = msgspec.Raw(msgspec.json.encode({"case_version": version, "index": index, "of": size}))
            body = encode_body(
                EnvelopeBody(
                    id=new_id(), source=SOURCE, type=USED, subject="a case", time=NOON, tenant=Traeger.LWL, data=data
                )
            )
            head = f'{{"feedepoch":"{EPOCH}","feedpart":{part},"sequence":"{len(log) + 1:020}",'
            log.append(Delivery(part, (head + body[1:]).encode()))
    return log


def drive(assembler: Assembler, log: list[Delivery], arriving: list[Delivery]) -> None:
    """What a consumer does with gaps, the log being the archive."""
    work = arriving
    while work:
        gaps = assembler.add(work)
        work = []
        for gap in gaps:
            assembler.fill(gap.part, log[gap.after : gap.until])
            work += gap.kept


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_arrival_gives_the_same_commands_once(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    log = make_log(sizes)
    arriving = data.draw(st.lists(st.one_of(st.sampled_from(log), st.just(Delivery(6, b"{"))), max_size=30))
    assembler = Assembler(SOURCE, EPOCH, {6: (0, None)})
    batch = data.draw(st.integers(1, 10))
    for start in range(0, len(arriving), batch):
        drive(assembler, log, arriving[start : start + batch])
    reached = assembler.position(6)
    ready = assembler.take_ready()
    assert [command.values for command in ready] == [
        tuple(item.value for item in log[command.first - 1 : command.last]) for command in ready
    ]
    assert [(command.first, command.last) for command in ready] == [
        (sum(sizes[:n]) + 1, sum(sizes[: n + 1])) for n in range(len(ready))
    ], "dense, whole, once"
    assert all(command.broken is None for command in ready)
    whole = ready[-1].last if ready else 0
    assert whole <= reached < whole + 4
    numbers = [log.index(item) + 1 for item in arriving if item in log]
    assert reached >= max(numbers, default=0)


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_restart_inside_a_command_begins_behind_the_last_whole_one(cut: int) -> None:
    log = make_log([2, 4])
    assembler = Assembler(SOURCE, EPOCH, {6: (0, None)})
    assembler.add(log[:cut])
    done = sum(len(command.values) for command in assembler.take_ready())
    again = Assembler(SOURCE, EPOCH, {6: (done, None)})
    assert again.add(log[done:]) == []
    assert done + sum(len(command.values) for command in again.take_ready()) == 6


def test_a_gap_holds_back_its_part_only() -> None:
    left, right = make_log([1, 1, 1]), make_log([1, 1], part=7)
    assembler = Assembler(SOURCE, EPOCH, {6: (0, None), 7: (0, None)})
    gaps = assembler.add([left[0], left[2], *right])
    assert gaps == [Gap(6, 1, 2, (left[2],))]
    assert [(command.part, command.first) for command in assembler.take_ready()] == [(6, 1), (7, 1), (7, 2)]


def test_an_archive_that_answers_other_numbers_is_not_believed() -> None:
    log = make_log([1, 1, 1])
    assembler = Assembler(SOURCE, EPOCH, {6: (0, None)})
    with pytest.raises(FeedUnreachableError):
        assembler.fill(6, log[1:])
    assert assembler.position(6) == 0


def test_what_the_archive_holds_in_pieces_is_handed_on_as_broken() -> None:
    log = make_log([3, 1])
    for number, item in enumerate([log[1], log[3]], 1):
        log[number - 1] = Delivery(
            6, item.value.replace(item.value[item.value.index(b'"sequence"') :][:33], b'"sequence":"%020d"' % number)
        )
    assembler = Assembler(SOURCE, EPOCH, {6: (0, None)})
    assembler.fill(6, [*log[:2], Delivery(6, b"unreadable")])
    ready = assembler.take_ready()
    assert [(command.first, command.last, command.broken is None) for command in ready] == [
        (1, 1, False),
        (2, 2, True),
        (3, 3, False),
    ]


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.integers(0, 11), st.integers(0, 10**18 - 1))
def test_positions_read_back_as_written(epoch: str, part: int, seq: int) -> None:
    assert Position.parse(str(Position(epoch, part, seq))) == Position(epoch, part, seq)
    assert FeedCursor.parse(str(FeedCursor(epoch, seq))) == FeedCursor(epoch, seq)


@pytest.mark.parametrize(
    "text", ["", "e", "e.1", "e.1.", "e..1", ".1.1", "e.1.1.1", "e.01.1", "e.1.-1", "e.1.1\n", "é.1.1", "e.1.١"]
)
def test_everything_else_is_no_position(text: str) -> None:
    with pytest.raises(InvalidPositionError):
        Position.parse(text)
