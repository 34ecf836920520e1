"""A function killed at any instruction: the callback is sent again, and ends as if nothing had happened.

The emulator runs each copy of a function as a process of its own, which is killed here as the out-of-memory killer
or a failing host would: at once, with no word. It answers 502 for a call that was cut off.
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from hookline_cli import local
from hookline_cli.stack import Stack
from tests.http_api import Event
from tests.stack.inbox import Inbox, of_message
from tests.stack.provider import Answer, Provider, is_taken, message_id, new_account, parameters
from tests.stack.traffic import Traffic, check_that_nothing_is_lost_or_doubled, traffic

RECEIVER, PUBLISHER = "ReceiveZoomConnectFunction", "PublishFunction"
KILLS_EACH = 3
CALL_SECONDS = 0.02
"""About what a call of a warm copy takes."""

STEP_SECONDS = 0.0005
ATTEMPTS = 10


def copies(stack: Stack, function: str) -> list[psutil.Process]:
    """Find the running copies of a function: children of this stack's emulator, and of no other."""
    assert stack.local is not None
    name = f"ministack-lambda-{stack.outputs[function]}-"
    found = []
    for child in psutil.Process(stack.local.pid).children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE and any(name in part for part in child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def kill(process: psutil.Process) -> bool:
    """Kill a process with no word; says whether it was there to be killed."""
    try:
        process.kill()
        process.wait(10)
    except psutil.NoSuchProcess:
        return False
    return True


@contextmanager
def frozen(stack: Stack, function: str) -> Iterator[list[psutil.Process]]:
    """Let the copies of a function stand still; none is left so, whatever happens."""
    processes = copies(stack, function)
    assert processes
    for process in processes:
        process.suspend()
    try:
        yield processes
    finally:
        for process in processes:
            kill(process)


def is_stored(stack: Stack, callback: Event) -> bool:
    identity = parameters(callback)["nonce"]
    key = {"pk": {"S": f"callback#zoom_connect#{callback['pathParameters']['account']}#{identity}"}}
    table = stack.outputs["JournalTable"]
    answer = stack.dynamodb.get_item(TableName=table, Key={**key, "sk": {"S": "callback"}}, ConsistentRead=True)
    return "Item" in answer


def run_until_stored(stack: Stack, callback: Event, processes: list[psutil.Process], answer: Future[Answer]) -> None:
    """Let processes that stand still run in short steps, until a callback is in the journal."""
    while not is_stored(stack, callback) and not answer.done():
        for process in processes:
            process.resume()
        time.sleep(STEP_SECONDS)
        for process in processes:
            process.suspend()


def test_a_callback_whose_function_is_killed_before_it_stored_it_is_taken_when_sent_again(
    stack: Stack, provider: Provider, inbox: Inbox, settle: Callable[[], None]
) -> None:
    assert provider.insist(provider.callback("reply"))[-1] == 200
    reply = provider.callback("reply")
    with ThreadPoolExecutor(1) as thread:
        with frozen(stack, RECEIVER):
            answer = thread.submit(provider.post, reply)
            time.sleep(1)  # by now it waits for a copy that does nothing
            assert not answer.done()
        assert not is_taken(answer.result().status)
    assert not is_stored(stack, reply)
    assert provider.insist(reply)[-1] == 200
    settle()
    assert len(inbox.now(of_message(message_id(reply)))) == 1


def test_a_callback_whose_function_is_killed_after_it_stored_it_is_answered_200_when_sent_again(
    stack: Stack, provider: Provider, inbox: Inbox, settle: Callable[[], None]
) -> None:
    for _ in range(ATTEMPTS):
        assert provider.insist(provider.callback("reply"))[-1] == 200
        reply = provider.callback("reply")
        with ThreadPoolExecutor(1) as thread:
            with frozen(stack, RECEIVER) as processes:
                answer = thread.submit(provider.post, reply)
                run_until_stored(stack, reply, processes, answer)
            if not is_taken(answer.result().status):
                break  # or else it had answered within the step that it stored in
    else:
        pytest.fail("no copy could be killed between storing and answering")
    assert is_stored(stack, reply)
    assert provider.insist(reply) == [200]
    settle()
    assert len(inbox.now(of_message(message_id(reply)))) == 1


def test_functions_killed_in_the_middle_of_traffic_lose_and_double_nothing(
    stack: Stack, inbox: Inbox, settle: Callable[[], None], note: Callable[[str], None]
) -> None:
    provider = new_account(stack)
    assert provider.insist(provider.callback("reply"))[-1] == 200
    chance = random.Random(2026)  # noqa: S311  # when to kill is no secret
    killed = {RECEIVER: 0, PUBLISHER: 0}
    with traffic(provider, senders=1) as seen:
        for function in (RECEIVER, PUBLISHER) * KILLS_EACH:
            wait_for_traffic(seen)
            assert local.wait_for(lambda of=function: bool(copies(stack, of)), 60)  # type: ignore[misc]
            victims = copies(stack, function)
            begun = seen.begun
            while seen.begun == begun:  # the next one is just on its way
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, CALL_SECONDS))
            killed[function] += sum(kill(process) for process in victims)
        wait_for_traffic(seen)

    assert min(killed.values()) >= KILLS_EACH
    check_that_nothing_is_lost_or_doubled(seen, provider, inbox, settle)
    note(f"while {sum(killed.values())} copies of functions were killed: {seen}")


def wait_for_traffic(seen: Traffic) -> None:
    """Wait until callbacks are taken again."""
    taken = len(seen.sent)
    assert local.wait_for(lambda: len(seen.sent) > taken + 3, 60)
