"""A function that makes a DynamoDB client with boto3, and nothing else."""

from typing import Any

import boto3

client = boto3.client("dynamodb")


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 200}
