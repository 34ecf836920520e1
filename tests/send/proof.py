"""What must hold however much went wrong, held against the provider's own ledger of what it accepted.

No command is accepted twice. None is lost: each has ended, with one event of it, or was rejected, or lies in the
dead-letter queue. What is unknown may really be unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hookline.commands import command_token
from tests.send.world import Kept, World

FINAL = {"succeeded", "failed", "unknown"}
STATUSES = {"succeeded": {"accepted", "scheduled"}, "failed": {"rejected"}, "unknown": {"unknown"}}

type Row = Mapping[str, Any]


class Ended(NamedTuple):
    """How many commands ended how."""

    states: Counter[str]
    accepted: int


def prove(
    kept: Kept,
    ids: Iterable[str],
    rows: Sequence[Row],
    *,
    may_be_unknown: Callable[[str], bool],
    most: int = 1,
) -> Ended:
    """Hold what is kept, when the queue is empty, against the ledger.

    Args:
        kept: its journal and its queues.
        ids: the `send_sms` that were asked for.
        rows: the ledger.
        may_be_unknown: whether a command of a token may be unknown.
        most: how often a command may be accepted.
    """
    asked = list(ids)
    assert kept.sqs.waiting == []
    accepted = Counter(row["dataField"] for row in rows)
    by_token = {row["dataField"]: row for row in rows}
    known = {command_token(command_id) for command_id in asked}
    assert set(accepted) <= known, "something was sent that nobody asked for"
    events: dict[str, list[Mapping[str, Any]]] = {}
    for event in kept.events(batch_size=100):
        if event["metadata"]["correlation"]:
            events.setdefault(event["metadata"]["correlation"]["command_id"], []).append(event)
    dead, rejected = kept.dead_ids(), {each.get("id") for each in kept.rejections()}
    links = {name.rpartition("#")[2]: entry["token"] for name, entry in kept.dynamo.texts("link#").items()}
    states: Counter[str] = Counter()
    for command_id in asked:
        token = command_token(command_id)
        count, state = accepted[token], kept.state(command_id) or "none"
        assert count <= most, f"{command_id} was accepted {count} times"
        updates = [it for it in events.get(command_id, []) if it["metadata"]["type"] == "sms.status_updated"]
        if state in FINAL:
            assert len({it["metadata"]["id"] for it in updates}) == 1, f"{command_id} has not one event"
            assert {it["data"]["status"] for it in updates} <= STATUSES[state]
        else:
            assert updates == []
            refused = command_id in rejected and count == 0
            assert command_id in dead or refused, f"{command_id} is lost, {state}, accepted {count} times"
        if state == "succeeded":
            assert count >= 1, f"{command_id} was never accepted"
            message_id = kept.outcome(command_id)["facts"]["message_id"]
            assert message_id in {row["id"] for row in rows if row["dataField"] == token}
            assert links[message_id] == token
            assert by_token[token]["recipient"] in kept.entry(command_id)["command"]
        elif state == "unknown":
            assert may_be_unknown(token), f"{command_id} is unknown and need not be"
        elif state != "sending":
            assert count == 0, f"{command_id} was accepted and is {state}"
        states[state if state in FINAL or command_id not in rejected else "rejected"] += 1
    return Ended(states, sum(accepted.values()))


def prove_world(world: World, ids: Iterable[str], rows: Sequence[Row], most: int = 1) -> Ended:
    """Hold a world against the ledger: unknown may be what a process died with, and what had no clear answer."""

    def may_be_unknown(token: str) -> bool:
        return token in world.died_with or any(token.encode() in body for body in world.transport.unclear)

    return prove(world, ids, rows, may_be_unknown=may_be_unknown, most=most)
