"""The stack that every test here shares: built, deployed to an emulator of its own, stopped again whatever happens."""

import atexit
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from hookline_cli import local
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack
from tests.stack.inbox import Inbox, of_message
from tests.stack.provider import Provider, message_id, new_account

INSTANCE = "test"
SET_UP_SECONDS = 900
"""For the first test, which waits for the build (on a new machine with all that it fetches) and the deployment."""

TEST_SECONDS = 300

_HERE = Path(__file__).parent
_notes: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in _of_this_folder(items):
        item.add_marker(pytest.mark.stack)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Give the first test, of those that were chosen, the time that setting up takes."""
    for number, item in enumerate(_of_this_folder(session.items)):
        item.add_marker(pytest.mark.timeout(TEST_SECONDS if number else SET_UP_SECONDS))


def _of_this_folder(items: list[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if item.path.is_relative_to(_HERE)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted."""
    for line in _notes:
        terminalreporter.line(f"stack: {line}")


@pytest.fixture(scope="session")
def note() -> Callable[[str], None]:
    """Note a line that is printed after all tests: something worth knowing that nobody asserts."""
    return _notes.append


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack. It is stopped also where the session is interrupted, twice, or terminated."""
    before = signal.signal(signal.SIGTERM, _end_in_order)
    atexit.register(local.down, INSTANCE)
    try:
        local.down(INSTANCE)  # one that a session left behind which was killed holds other code, and other accounts
        yield _up()
    finally:
        local.down(INSTANCE)
        signal.signal(signal.SIGTERM, before)


def _up() -> Stack:
    try:
        return local.up(INSTANCE, print)
    except CommandError as error:  # every test of the folder fails with it: let it say so in few lines
        pytest.fail(f"the stack did not come up: {error}", pytrace=False)


def _end_in_order(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # pytest.exit's is an Exception, which whatever runs may catch


@pytest.fixture(scope="session")
def inbox(stack: Stack) -> Inbox:
    """What came out of the stack at the subscription queue."""
    return Inbox(stack)


@pytest.fixture(scope="session")
def provider(stack: Stack) -> Provider:
    """A provider with an account of its own, for tests that tell their events by the message's id."""
    return new_account(stack)


@pytest.fixture(scope="session")
def settle(provider: Provider, inbox: Inbox) -> Callable[[], None]:
    """Wait until all that was stored by now has come out, so that what did not come will not come.

    The emulator hands the journal's stream to `publish` as one shard, in order: once an event of a callback that is
    sent now has arrived, everything that was stored before has had its turn.
    """

    def wait() -> None:
        fence = provider.callback("delivery_report", dataField=f"fence-{uuid.uuid4().hex}")
        assert provider.insist(fence)[-1] == 200
        assert inbox.wait(of_message(message_id(fence))), "nothing comes out any more"
        inbox.empty_queue()

    return wait
