"""How many calls somebody may make: a bucket of tokens each, of which a bounded number is remembered."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 10_000


class Throttle:
    """Buckets by key. Who was not heard of for longest is forgotten first, and starts anew.

    Args:
        burst: So many calls at once.
        per_minute: So many in the long run.
        most: Keys to remember.
    """

    def __init__(self, burst: int, per_minute: float, most: int = MOST_KEYS) -> None:
        self._burst = float(burst)
        self._per_s = per_minute / 60
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Take a token: 0.0; where there is none, how many seconds until there is one.

        Args:
            now_s: Of a monotonic clock.
        """
        left, at_s = self._buckets.pop(key, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - at_s) * self._per_s)
        waits = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[key] = (left - 1 if not waits else left, now_s)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return waits

    def __len__(self) -> int:
        return len(self._buckets)
