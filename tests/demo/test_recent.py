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
    one, other = recent.keep("one"), recent.keep("other")
    assert one != other
    assert min(len(one), len(other)) >= 20  # not to be guessed
    assert (recent.get(one), recent.get(other)) == ("one", "other")
    assert recent.get("guessed") is recent.get("") is recent.get(None) is None


def test_an_entry_is_forgotten_after_a_while_used_or_not(clock: Clock) -> None:
    recent: Recent[str] = Recent(age=480, clock=clock)
    key = recent.keep("one")
    clock.now += 479
    assert recent.get(key) == "one"
    recent.replace(key, "changed")
    assert recent.get(key) == "changed"
    clock.now += 1
    assert recent.get(key) is None
    assert len(recent) == 0
    recent.replace(key, "again")
    assert recent.get(key) is None


def test_the_oldest_give_way(clock: Clock) -> None:
    recent: Recent[int] = Recent(most=3, clock=clock)
    keys = [recent.keep(number) for number in range(5)]
    assert [recent.get(key) for key in keys] == [None, None, 2, 3, 4]
    assert len(recent) == 3


def test_nothing_is_kept_that_nobody_asks_for() -> None:
    recent: Recent[str] = Recent(age=0.1)
    recent.keep("one")
    waited = threading.Event()
    for _ in range(600):
        if not len(recent):
            break
        waited.wait(0.05)
    assert len(recent) == 0


def test_threads_do_not_lose_entries() -> None:
    recent: Recent[int] = Recent(most=1000)
    keys: dict[int, str] = {}

    def work(start: int) -> None:
        for number in range(start, start + 50):
            keys[number] = recent.keep(number)
            recent.replace(keys[number], -number)

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recent) == len(keys) == 400
    assert all(recent.get(key) == -number for number, key in keys.items())
