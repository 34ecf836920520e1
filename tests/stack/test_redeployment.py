"""A redeployment under traffic: callbacks keep coming while the functions' code is changed under them.

Where the emulator answers 5xx in between, that is its own doing: it starts a new copy of a function from its zips,
which takes seconds, and counts what the first call then takes against the function's timeout; a call that is cut off
so is answered 502 though its callback may be stored. On AWS it is a 5xx too. So the provider here does what a
provider does, and sends again; what must hold is that nothing is lost and nothing doubled.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hookline_cli import local, processes, project
from hookline_cli.stack import Stack
from tests.stack.inbox import Inbox
from tests.stack.provider import Provider, new_account
from tests.stack.traffic import check_that_nothing_is_lost_or_doubled, traffic

LAYER = Path("HooklineLayer") / "python" / "hookline"
BEFORE, AFTER = "{}", "{ }"


@pytest.fixture
def changed_build(tmp_path: Path, stack: Stack) -> Path:  # noqa: ARG001  # it is built once the stack is up
    """A copy of the build in which a layer alone has changed: it acknowledges in other words, so that one can tell."""
    build = tmp_path / "build"
    build.mkdir()
    for part in project.BUILD.iterdir():
        (build / part.name).symlink_to(part)
    (build / LAYER.parts[0]).unlink()
    shutil.copytree(project.BUILD / LAYER.parts[0], build / LAYER.parts[0])
    module = build / LAYER / "providers" / "zoom_connect" / "verify.py"
    source = module.read_text()
    assert source.count(f'acknowledgement="{BEFORE}"') == 1
    module.write_text(source.replace(f'acknowledgement="{BEFORE}"', f'acknowledgement="{AFTER}"'))
    command = f"{sys.executable} -m compileall -q -f --invalidation-mode unchecked-hash".split()
    subprocess.run([*command, str(module)], check=True)
    return build


def deploy(stack: Stack, build: Path) -> None:
    """Deploy a build to a stack that runs, as `hookline up` does."""
    running = stack.local
    assert running is not None
    project.sam(
        "deploy",
        *("--config-file", str(project.ROOT / "samconfig.toml"), "--config-env", "local"),
        *("--template-file", str(build / "template.yaml")),
        *("--parameter-overrides", *local.PARAMETERS, f"EndpointUrl={running.endpoint}"),
        aws=running.environment,
        log=processes.folder(running.instance) / "redeploy.log",
    )
    local.import_routes(stack)


def answers_in_other_words(provider: Provider) -> bool:
    return provider.post(provider.callback("reply")).body == AFTER


def test_a_redeployment_under_traffic_loses_and_doubles_nothing(
    stack: Stack, changed_build: Path, inbox: Inbox, settle: Callable[[], None], note: Callable[[str], None]
) -> None:
    provider = new_account(stack)
    assert provider.insist(provider.callback("reply"))[-1] == 200
    inbox.empty_queue()
    with traffic(provider, senders=2) as seen:
        assert local.wait_for(lambda: len(seen.sent) > 5, 60)
        deploy(stack, changed_build)
        deployed_after = len(seen.sent)
        # The layer alone has changed: that its code is what answers now shows that new versions were published.
        assert local.wait_for(lambda: answers_in_other_words(provider), 60)
        assert local.wait_for(lambda: len(seen.sent) > deployed_after + 5, 60)

    bodies = [sent.bodies[-1] for sent in seen.sent]
    assert set(bodies) == {BEFORE, AFTER}
    check_that_nothing_is_lost_or_doubled(seen, provider, inbox, settle)
    note(f"during a redeployment: {seen}")
