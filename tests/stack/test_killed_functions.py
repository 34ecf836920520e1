"""A function killed at any instruction: the callback is sent again, and ends as if nothing had happened.

The emulator runs each copy of a function as a process of its own, which is killed here as the out-of-memory killer
or a failing host would: at once, with no word. It answers 502 for a call that was cut off.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil

from hookline_cli import local
from hookline_cli.stack import Stack
from tests.stack.inbox import Inbox, of_message
from tests.stack.provider import Provider, is_taken, message_id, new_account
from tests.stack.traffic import check_that_nothing_is_lost_or_doubled, traffic

KILLS = 6


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


def test_a_callback_whose_function_is_killed_before_it_stored_it_is_taken_when_sent_again(
    stack: Stack, provider: Provider, inbox: Inbox, settle: Callable[[], None]
) -> None:
    assert provider.insist(provider.callback("reply"))[-1] == 200
    frozen = copies(stack, "ReceiveZoomConnectFunction")
    assert frozen
    for process in frozen:
        process.suspend()
    reply = provider.callback("reply")
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(provider.post, reply)
        time.sleep(1)  # by now it waits for a copy that does nothing
        assert not answer.done()
        killed = [kill(process) for process in frozen]
        assert all(killed)
        assert not is_taken(answer.result().status)
    settle()
    assert inbox.now(of_message(message_id(reply))) == []

    assert provider.insist(reply)[-1] == 200
    settle()
    assert len(inbox.now(of_message(message_id(reply)))) == 1


def test_functions_killed_in_the_middle_of_traffic_lose_and_double_nothing(
    stack: Stack, inbox: Inbox, settle: Callable[[], None], note: Callable[[str], None]
) -> None:
    provider = new_account(stack)
    assert provider.insist(provider.callback("reply"))[-1] == 200
    chance = random.Random(2026)  # noqa: S311  # when to kill is no secret
    killed = {"ReceiveZoomConnectFunction": 0, "PublishFunction": 0}
    with traffic(provider, senders=1) as seen:
        for number in range(KILLS):
            function = sorted(killed)[number % len(killed)]
            taken = len(seen.sent)
            assert local.wait_for(lambda taken=taken: len(seen.sent) > taken + 3, 60)  # type: ignore[misc]
            assert local.wait_for(lambda function=function: bool(copies(stack, function)), 60)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.05))
            killed[function] += sum(kill(process) for process in copies(stack, function))
        taken = len(seen.sent)
        assert local.wait_for(lambda: len(seen.sent) > taken + 3, 60)

    assert min(killed.values()) >= KILLS // 2
    check_that_nothing_is_lost_or_doubled(seen, provider, inbox, settle)
    note(f"while {sum(killed.values())} copies of functions were killed: {seen}")
