"""A deployed Hookline, found: the local one by its state in the checkout, any other by CloudFormation."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hookline_cli import emulator, processes
from hookline_cli.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

UNUSABLE = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_", "DELETE_", "REVIEW_IN_PROGRESS")
"""How the status of a stack begins that was never complete, or is going. Any other works, also while it is updated."""

LOCAL = "local"

FUNCTION_SECONDS = 150
"""How long a direct invocation is waited for: the template lets none run for longer than two minutes."""


class Stack:
    """A deployed stack and the AWS clients for it.

    Args:
        name: the CloudFormation stack's name.
        session: credentials and region.
        local: its emulator, where it is a local one.
    """

    def __init__(self, name: str, session: boto3.Session, local: emulator.Emulator | None = None) -> None:
        self.name = name
        self.local = local
        self._session = session

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs.

        Raises:
            CommandError: there is no such stack, or it can't be asked; says which.
        """
        try:
            described = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            if "does not exist" in message:
                raise CommandError(f"there is no stack {self.name} here: {_how_to_deploy(self.local)}") from None
            raise CommandError(f"the stack {self.name} can't be asked: {message}") from error
        except BotoCoreError as error:
            raise CommandError(f"AWS can't be reached with what is set: {error}") from error
        if described["StackStatus"].startswith(UNUSABLE):
            raise CommandError(f"the stack {self.name} is {described['StackStatus']}")
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    @property
    def region(self) -> str:
        """The AWS region."""
        return self._session.region_name

    @property
    def api_url(self) -> str:
        """Where the endpoints are, as a browser or curl takes it."""
        if self.local is None:
            return self.outputs["ApiUrl"]
        return f"http://{self.outputs['ApiId']}.execute-api.localhost:{self.local.port}"

    def wire(self, url: str) -> tuple[str, dict[str, str]]:
        """Say where to send a request for a URL of the API: Python's resolver may not know `*.localhost`.

        Returns:
            The URL to connect to and the headers that it needs.
        """
        if self.local is None:
            return url, {}
        parts = urlsplit(url)
        return parts._replace(netloc=f"{processes.HOST}:{self.local.port}").geturl(), {"host": parts.netloc}

    def _client(self, service: str, read_timeout: int = 90) -> Any:
        endpoint = self.local.endpoint if self.local else None
        config = Config(
            connect_timeout=5, read_timeout=read_timeout, retries={"total_max_attempts": 4, "mode": "standard"}
        )
        return self._session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The CloudFormation client."""
        return self._client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> "SQSClient":
        """The SQS client."""
        return self._client("sqs")  # type: ignore[no-any-return]

    @cached_property
    def events(self) -> "EventBridgeClient":
        """The EventBridge client."""
        return self._client("events")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The DynamoDB client."""
        return self._client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """The Secrets Manager client."""
        return self._client("secretsmanager")  # type: ignore[no-any-return]

    @cached_property
    def functions(self) -> "LambdaClient":
        """The Lambda client. It waits for longer than any function of ours runs."""
        return self._client("lambda", FUNCTION_SECONDS)  # type: ignore[no-any-return]

    @cached_property
    def apis(self) -> "ApiGatewayV2Client":
        """The API Gateway client."""
        return self._client("apigatewayv2")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        """The S3 client."""
        return self._client("s3")  # type: ignore[no-any-return]

    @cached_property
    def sts(self) -> Any:
        """The STS client."""
        return self._client("sts")


def local_stack(running: emulator.Emulator) -> Stack:
    """Make the stack of a running emulator."""
    names = running.environment
    session = boto3.Session(
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name=emulator.REGION,
    )
    return Stack("hookline-local", session, running)


def find(name: str) -> Stack:
    """Find a stack by name: `local` (or another instance of this checkout) or a CloudFormation stack on AWS.

    Raises:
        CommandError: it is not there; says how to get it.
    """
    running = emulator.running(name)
    if running is not None:
        return local_stack(running)
    if name == LOCAL or (processes.folder(name) / "emulator.log").exists():
        raise CommandError("the local stack is not running: start it with `make up`")
    try:
        session = boto3.Session()
        if session.region_name is None:
            raise CommandError("no AWS region is set: set AWS_DEFAULT_REGION, or choose a profile with AWS_PROFILE")
    except BotoCoreError as error:
        raise CommandError(f"AWS can't be used with what is set: {error}") from error
    return Stack(name, session)


def _how_to_deploy(local: emulator.Emulator | None) -> str:
    return "deploy it with `make up`" if local else "is the region right? README.md says how to deploy"
