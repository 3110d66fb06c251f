"""Work in parallel: the items' order, bounded look-ahead, errors where their item's turn is."""

import threading

import pytest

from goodpart._host.parallel import in_order


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_items_order(workers):
    assert list(in_order(lambda item: item * item, range(40), workers=workers)) == [
        (index, index * index) for index in range(40)
    ]


def test_several_are_under_way_at_a_time():
    """Each of two calls waits for the other to have begun."""
    both = threading.Barrier(2, timeout=30)
    assert [item for item, _ in in_order(lambda _: both.wait(), range(6), workers=2)] == list(range(6))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_it_does_not_run_far_ahead(workers):
    taken = []

    def items():
        for index in range(100):
            taken.append(index)
            yield index

    results = in_order(lambda item: item, items(), workers=workers)
    for done in range(50):
        next(results)
        assert len(taken) <= done + 2 * workers
    results.close()
    assert len(taken) <= 50 + 2 * workers


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_comes_where_its_item_stands(workers):
    def call(item):
        if item == 4:
            raise KeyError(item)
        return item

    done = []

    def take():
        for item, _ in in_order(call, range(9), workers=workers):
            done.append(item)

    with pytest.raises(KeyError):
        take()
    assert done == [0, 1, 2, 3]


def test_closing_it_leaves_no_thread():
    before = set(threading.enumerate())
    results = in_order(lambda item: item, range(100), workers=3)
    next(results)
    assert set(threading.enumerate()) - before
    results.close()
    assert not set(threading.enumerate()) - before
