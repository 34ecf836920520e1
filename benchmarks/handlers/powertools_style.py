"""A webhook's receiver as tutorials write it: Powertools' resolver, Tracer, parser and idempotency, and boto3."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.serialization.pydantic import PydanticSerializer
from aws_lambda_powertools.utilities.parser import BaseModel, parse
from aws_lambda_powertools.utilities.typing import LambdaContext

tracer = Tracer(service="receive")
app = APIGatewayHttpResolver()
events = boto3.client("events")
persistence = DynamoDBPersistenceLayer(table_name=os.environ["JOURNAL_TABLE"])
config = IdempotencyConfig(event_key_jmespath="nonce", expires_after_seconds=3600)


class Reply(BaseModel):
    sender: str
    nonce: str
    message: str


class Answer(BaseModel):
    stored: bool


@idempotent_function(  # type: ignore[untyped-decorator]
    data_keyword_argument="reply",
    persistence_store=persistence,
    config=config,
    output_serializer=PydanticSerializer(model=Answer),
)
def accept(reply: Reply) -> Answer:
    events.put_events(Entries=[{"Source": "reply", "DetailType": "reply", "Detail": reply.model_dump_json()}])
    return Answer(stored=True)


@app.post("/zoom-connect/<account>/reply")
@tracer.capture_method
def receive(account: str) -> dict[str, Any]:
    tracer.put_annotation("account", account)
    reply = parse(event=app.current_event.json_body, model=Reply)
    accepted: Answer = accept(reply=reply)
    return accepted.model_dump()


@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
