"""The function as Lambda loads it and as the template has it."""

import importlib.util
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hookline.aws import client
from hookline.providers.zorya.verify import ROUTES
from tests.http_api import load
from tests.providers.zorya.callbacks import good_claims, signed
from tests.samples import SECRET, WRONG_SECRET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[3]
SAMPLES = sorted(path.stem for path in (ROOT / "events" / "receive_zorya").glob("*.json"))


@pytest.fixture
def environment(aws: None, journal_table: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  # moto is there
    prefix = f"/hookline/{uuid.uuid4().hex}/accounts/"
    document = {"provider": "zorya", "signing_secrets": [SECRET]}
    client("secretsmanager").create_secret(Name=f"{prefix}acme-mx", SecretString=json.dumps(document))
    monkeypatch.setenv("JOURNAL_TABLE", journal_table)
    monkeypatch.setenv("RETENTION_SECONDS", "2592000")
    monkeypatch.setenv("ACCOUNTS_PREFIX", prefix)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_stored_once(sample: str, dynamodb: "DynamoDBClient", journal_table: str) -> None:
    spec = importlib.util.spec_from_file_location("app_receive_zorya", ROOT / "functions/receive_zorya/app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answers = [module.handler(load("receive_zorya", sample), None) for _ in range(2)]
    assert [(answer["statusCode"], json.loads(answer["body"])) for answer in answers] == [(200, {"ack": 1})] * 2
    forged = signed("mo", good_claims("mo", number=7), secret=WRONG_SECRET, account="acme-mx")
    assert module.handler(forged, None)["statusCode"] == 401
    (entry,) = dynamodb.scan(TableName=journal_table)["Items"]
    assert (entry["provider"]["S"], entry["account"]["S"]) == ("zorya", "acme-mx")


def test_the_template_has_the_routes_that_the_verifier_knows() -> None:
    template = (ROOT / "template.yaml").read_text()
    assert sorted(re.findall(r"Path: (/zorya\S*)", template)) == sorted(ROUTES)
