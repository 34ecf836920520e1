"""Fixtures of the whole suite. moto comes first: botocore's sessions made before it would not go through it."""

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import moto
import pytest
from hypothesis import HealthCheck, settings

# What a test module imports may make an AWS client: it must never be one of a real account.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="af-south-1",
    AWS_EC2_METADATA_DISABLED="true",
)

# How long an example takes depends on what else the machine does: that is no property of ours.
settings.register_profile("hookline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hookline")

pytest.register_assert_rewrite("tests.providers.conformance")

from hookline.aws import client  # noqa: E402  # after moto and the environment
from tests.redaction import Guard  # noqa: E402  # as above

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def pytest_configure(config: pytest.Config) -> None:
    """Let the redaction guard watch everything that is written from here on."""
    config.pluginmanager.register(Guard(), "redaction-guard")


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """AWS in memory (moto), for the whole session: what a test makes there has a name of its own."""
    with moto.mock_aws():
        yield


@pytest.fixture(scope="session")
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001  # it only has to be there
    return client("dynamodb")


@pytest.fixture
def journal_table(dynamodb: "DynamoDBClient") -> str:
    """An empty table with the journal's keys; its name."""
    name = f"journal-{uuid.uuid4().hex}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name
