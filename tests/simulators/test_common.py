"""What the stand-ins share."""

import json
import threading
from pathlib import Path

import pytest

from simulators.common import Chaos, Ledger, serve
from simulators.zoom_connect import Simulator
from tests.simulators.zoom_connect.stand_in import connect


def test_modes_are_drawn_as_often_as_their_probabilities_say() -> None:
    chaos = Chaos(7, {"a": 0.1, "b": 0.3})

    drawn = [chaos.choose(["a", "b", "c"]) for _ in range(10_000)]
    each = [name for _ in range(10_000) for name in chaos.each(["a", "b", "c"])]

    assert drawn.count("a") == pytest.approx(1000, abs=120)
    assert drawn.count("b") == pytest.approx(3000, abs=200)
    assert drawn.count(None) == pytest.approx(6000, abs=200)
    assert each.count("b") == pytest.approx(3000, abs=200)
    assert "c" not in each


def test_a_ledger_is_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path)
    first.append([{"id": "a"}, {"id": "ü"}])
    first.close()
    with path.open("a") as file:
        file.write('{"number": 3, "id"')  # killed in the middle of a line

    second = Ledger(path)
    second.append([{"id": "c"}])
    second.close()

    assert second.rows == [{"number": 1, "id": "a"}, {"number": 2, "id": "ü"}, {"number": 3, "id": "c"}]
    assert [json.loads(line) for line in path.read_text().splitlines()] == second.rows


def test_nothing_is_left_running() -> None:
    before = threading.active_count()
    with serve(Simulator()) as url, connect(url) as client:
        assert threading.active_count() == before + 1
        assert client.get("/_simulator/ledger").json() == {"accepted": 0, "rows": []}

    assert threading.active_count() == before
