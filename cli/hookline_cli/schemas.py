"""The JSON Schemas of events and commands, written where other systems read them."""

import json
from pathlib import Path

from hookline.commands import command_schemas
from hookline.schemas import schemas
from hookline_cli.project import ROOT

FOLDER = ROOT / "schemas"


def write(folder: Path = FOLDER) -> int:
    """Write every schema: events into the folder, commands below it. Returns how many there are."""
    files = {folder / f"{name}.json": schema for name, schema in schemas().items()}
    files |= {folder / "commands" / f"{name}.json": schema for name, schema in command_schemas().items()}
    for path, schema in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(files)
