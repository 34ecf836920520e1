"""Reports that are larger than an event: their rows go to S3, as JSON lines, and the event says where."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from hookline.commands import BaseCommand
from hookline.errors import ReportsUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_INLINE_BYTES = 100_000
"""Bytes of rows that an event holds itself: within what the bus and the journal's entries take, with the rest."""


class Reports:
    """Keeps rows of reports.

    Args:
        client: makes the S3 client, when it is first needed.
        bucket: the bucket's name.
    """

    def __init__(self, client: "Callable[[], S3Client]", bucket: str) -> None:
        self._make_client = client
        self._client: S3Client | None = None
        self._bucket = bucket

    def __call__(self, command: BaseCommand, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put an answer's rows into the bucket where they are too many for an event.

        Args:
            command: the question.
            facts: its answer; `rows` in it, if there are any.

        Returns:
            The facts as they are; or with `rows` null and `rows_url`, `s3://<bucket>/<account>/<token>.jsonl`.

        Raises:
            ReportsUnavailableError: they may or may not be there; the same call can be made again.
        """
        lines = [json.dumps(row, ensure_ascii=False).encode() for row in facts.get("rows", ())]
        if sum(map(len, lines)) <= MAX_INLINE_BYTES:
            return facts
        key = f"{command.account}/{command.token}.jsonl"
        if self._client is None:
            self._client = self._make_client()
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=b"\n".join(lines) + b"\n", ContentType="application/jsonl"
            )
        except ClientError as error:
            raise ReportsUnavailableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise ReportsUnavailableError(type(error).__name__) from error
        return {**facts, "rows": None, "rows_url": f"s3://{self._bucket}/{key}"}
