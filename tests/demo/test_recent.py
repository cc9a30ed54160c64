import threading

import pytest

from demo.recent import Recent


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_entry_comes_back_by_its_key_alone(clock: Clock) -> None:
    recent: Recent[str] = Recent(clock=clock)
    one, other = recent.keep("one", 3), recent.keep("other", 5)
    assert one != other
    assert min(len(one), len(other)) >= 20  # not to be guessed
    assert (recent.get(one), recent.get(other)) == ("one", "other")
    assert recent.get("guessed") is recent.get("") is recent.get(None) is None


def test_an_entry_is_forgotten_after_a_while_used_or_not(clock: Clock) -> None:
    recent: Recent[str] = Recent(age=480, clock=clock)
    key = recent.keep("one", 3)
    clock.now += 479
    assert recent.get(key) == "one"
    recent.change(key, "changed")
    assert recent.get(key) == "changed"
    clock.now += 1
    assert recent.get(key) is None
    assert len(recent) == 0
    recent.change(key, "again")
    assert recent.get(key) is None


def test_the_oldest_give_way(clock: Clock) -> None:
    recent: Recent[int] = Recent(most=300, clock=clock)
    keys = [recent.keep(number, 100) for number in range(5)]
    assert [recent.get(key) for key in keys] == [None, None, 2, 3, 4]
    large = recent.keep(5, 250)
    assert [recent.get(key) for key in [*keys, large]] == [None, None, None, None, None, 5]
    clock.now += 480
    assert recent.get(large) is None
    keys = [recent.keep(number, 100) for number in range(3)]
    assert [recent.get(key) for key in keys] == [0, 1, 2]  # what is forgotten takes no room


def test_what_is_too_large_is_not_kept(clock: Clock) -> None:
    recent: Recent[str] = Recent(most=300, clock=clock)
    assert recent.get(recent.keep("one", 301)) is None
    assert len(recent) == 0


def test_nothing_is_kept_that_nobody_asks_for() -> None:
    recent: Recent[str] = Recent(age=0.1)
    recent.keep("one", 3)
    waited = threading.Event()
    for _ in range(600):
        if not len(recent):
            break
        waited.wait(0.05)
    assert len(recent) == 0


def test_threads_do_not_lose_entries() -> None:
    recent: Recent[int] = Recent(most=10_000)
    keys: dict[int, str] = {}

    def work(start: int) -> None:
        for number in range(start, start + 50):
            keys[number] = recent.keep(number, 10)
            recent.change(keys[number], -number)

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recent) == len(keys) == 400
    assert all(recent.get(key) == -number for number, key in keys.items())
