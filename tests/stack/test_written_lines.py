"""What the functions write on the stack: every line of their logs, and none holds what it must not.

The name of this file makes it the last, so that the lines of all other tests are there to be looked at.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hookline_cli import processes
from hookline_cli.stack import Stack
from tests.redaction import Kind, kinds_in
from tests.samples import WRONG_SECRET
from tests.stack.provider import Provider


def log_lines(stack: Stack) -> Iterator[tuple[str, str]]:
    """Give every line of every log group of the stack, with the group's name."""
    logs: Any = stack._client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield name, event["message"]


@pytest.fixture(scope="module")
def written(stack: Stack, provider: Provider, settle: Callable[[], None]) -> list[tuple[str, str]]:
    """Every line, once one callback of each fate has been through."""
    for place in ("query", "body", "json"):
        assert provider.insist(provider.callback("reply", place=place))[-1] == 200
        assert provider.post(provider.callback("reply", place=place, secret=WRONG_SECRET)).status == 401
    assert provider.post(provider.callback("reply", nonce_date="2014051610050102")).status == 400
    settle()
    time.sleep(0.5)  # the emulator writes a call's lines after it has answered
    return list(log_lines(stack))


def test_no_line_holds_a_secret_a_text_or_a_number(written: list[tuple[str, str]]) -> None:
    assert len(written) > 20
    assert [(group, kind) for group, line in written for kind in kinds_in(line)] == []


def test_every_callback_is_one_line_with_its_fate(written: list[tuple[str, str]]) -> None:
    lines = [json.loads(line) for group, line in written if "receive-zoom-connect" in group and line.startswith("{")]
    results = {line["result"] for line in lines if "callbacks" in line}
    assert results >= {"stored", "signature", "malformed"}


def test_the_functions_write_to_the_log_groups_of_the_template(stack: Stack, written: list[tuple[str, str]]) -> None:
    groups = {resource for resource in _log_groups(stack) if not resource.endswith("/api")}
    assert {group for group, _ in written} <= groups
    assert {group.rpartition("/")[2] for group, _ in written} >= {"receive-zoom-connect", "publish"}


def test_what_the_emulator_prints_holds_no_secret_either(stack: Stack, written: list[tuple[str, str]]) -> None:
    """It prints what `publish` writes, and who called what: an own secret in it would be ours."""
    assert stack.local is not None
    printed = (processes.folder(stack.local.instance) / "emulator.log").read_text(errors="replace")
    assert printed
    assert written
    assert kinds_in(printed, [Kind.SECRET]) == set()


def _log_groups(stack: Stack) -> list[str]:
    resources = stack.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
    return [it["PhysicalResourceId"] for it in resources if it["ResourceType"] == "AWS::Logs::LogGroup"]
