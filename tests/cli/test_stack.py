"""Which stacks of CloudFormation can be worked with: all that were once complete, whatever happens to them now."""

from types import SimpleNamespace

import boto3
import pytest

from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack


def stack_that_is(status: str) -> Stack:
    outputs = [{"OutputKey": "ApiUrl", "OutputValue": "https://hooks.example.com"}]
    described = {"Stacks": [{"StackStatus": status, "Outputs": outputs}]}
    stack = Stack("hookline-prod", boto3.Session())
    stack.__dict__["cloudformation"] = SimpleNamespace(describe_stacks=lambda **_asked: described)
    return stack


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    ],
)
def test_a_stack_that_was_once_complete_is_there(status: str) -> None:
    assert stack_that_is(status).outputs == {"ApiUrl": "https://hooks.example.com"}


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
        "DELETE_FAILED",
        "REVIEW_IN_PROGRESS",
    ],
)
def test_a_stack_that_never_was_complete_or_is_going_is_said_so(status: str) -> None:
    with pytest.raises(CommandError, match=f"^the stack hookline-prod is {status}$"):
        _ = stack_that_is(status).outputs
