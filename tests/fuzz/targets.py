"""The providers that can be fuzzed, by name. A provider's target stands beside its tests."""

from collections.abc import Callable

from tests.fuzz.fuzz_verify import Target
from tests.providers.zoom_connect.fuzzing import ZoomConnectTarget
from tests.providers.zorya.fuzzing import ZoryaTarget

TARGETS: dict[str, Callable[[], Target]] = {"zoom_connect": ZoomConnectTarget, "zorya": ZoryaTarget}
