"""Batches of the journal's stream, as DynamoDB hands them to `publish`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hookline.callbacks import Verified
from hookline.journal import CALLBACK
from tests.samples import ACCOUNT, NOW

type Record = dict[str, Any]
type Batch = dict[str, Any]
type Item = Mapping[str, Mapping[str, str]]

STREAM = "arn:aws:dynamodb:af-south-1:123456789012:table/hookline-dev-Journal/stream/2026-11-22T00:00:00.000"
FIRST_SEQUENCE = 4421584500000000017450439091


def item(
    verified: Verified,
    *,
    provider: str = "zoom_connect",
    account: str = ACCOUNT,
    settings: Mapping[str, str] | None = None,
    key: str | None = None,
    sort_key: str = CALLBACK,
    **overrides: str,
) -> dict[str, dict[str, str]]:
    """Make an entry as the journal holds it.

    Args:
        verified: what was stored.
        provider: the provider's name.
        account: the account's name.
        settings: what the normaliser wants to know; Zoom Connect's default where None.
        key: the partition key; None for the one that the journal gives it.
        sort_key: the sort key.
        overrides: other texts.
    """
    texts = {
        "pk": key or f"{CALLBACK}#{provider}#{account}#{verified.identity}",
        "sk": sort_key,
        "entry": CALLBACK,
        "provider": provider,
        "account": account,
        "kind": verified.kind,
        "payload": verified.payload,
        "fingerprint": verified.fingerprint,
        "settings": json.dumps({"timezone": "Africa/Johannesburg"} if settings is None else settings),
        "recorded_at": "2026-11-22T08:00:00.000+00:00",
        **overrides,
    }
    return {**{name: {"S": text} for name, text in texts.items()}, "expires_at": {"N": str(int(NOW) + 2_592_000)}}


def record(new_image: Item, number: int = 0, *, event_name: str = "INSERT", keys: Item | None = None) -> Record:
    """Make the stream's record of an entry that was written; `number` is its place in the stream.

    Of one that was deleted there is no new image: `keys` then holds its keys.
    """
    named = keys or new_image
    return {
        "eventID": f"{number:032x}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "af-south-1",
        "dynamodb": {
            "ApproximateCreationDateTime": NOW + number,
            "Keys": {"pk": named["pk"], "sk": named["sk"]},
            **({"NewImage": dict(new_image)} if new_image else {}),
            "SequenceNumber": str(FIRST_SEQUENCE + number),
            "SizeBytes": sum(len(name) + len(text) for name, value in new_image.items() for text in value.values()),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": STREAM,
    }


def batch(items: Iterable[Item]) -> Batch:
    """Make a batch of entries that were written one after the other."""
    return {"Records": [record(image, number) for number, image in enumerate(items)]}
