"""Says as JSON what a function has imported when it is ready, and what of it runs when it answers a request.

Run by `Function.probe` as a script, with the function's own search path and environment and nothing of ours. Given
`-` it reads an event from standard input and hands it to the handler.
"""

import importlib
import json
import sys
from types import FrameType


def loaded() -> dict[str, str | None]:
    return {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}


def answer(event: object) -> tuple[set[str], object]:
    ran = set()

    def note(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call":
            ran.add(str(frame.f_globals.get("__name__")))

    handler = importlib.import_module("app").handler
    sys.setprofile(note)
    try:
        given = handler(event, None)
    finally:
        sys.setprofile(None)
    return ran, given


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # the function's own lines are not for whoever reads this
    importlib.import_module("awslambdaric.__main__")
    importlib.import_module("app")
    found: dict[str, object] = {"modules": loaded()}
    if "-" in sys.argv[1:]:
        ran, given = answer(json.load(sys.stdin))
        found |= {"ran": sorted(ran), "answer": given}
    json.dump(found, out)


main()
