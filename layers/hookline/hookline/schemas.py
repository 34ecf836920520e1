"""The events' JSON Schemas, for subscribers that are not written in Python."""

from typing import Any

from hookline.events import VERSION, event_models

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each type of event's `detail`, by type: what stands in `schemas/<type>.json`."""
    return {
        name: {
            "$schema": DIALECT,
            "$id": f"urn:hookline:event:{name}:{VERSION}",
            **model.model_json_schema(mode="serialization"),
        }
        for name, model in event_models().items()
    }
