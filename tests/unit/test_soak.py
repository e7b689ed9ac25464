"""What counts as growth in `python -m tests.hostile.soak`."""

from tests.hostile.soak import Sample, growth


def samples(memory, descriptors=(10, 10, 10, 10, 10, 10)):
    return [Sample(number, {"java 1": size}, descriptors[number], 5, 0) for number, size in enumerate(memory)]


def test_what_stays_the_same_does_not_grow():
    assert growth(samples([100] * 6)) == {"java 1": 1, "descriptors": 1, "temporary files": 1}


def test_the_ends_are_compared_and_not_single_samples():
    assert growth(samples([100, 100, 900, 100, 110, 110]))["java 1"] == 1.1


def test_descriptors_count_too():
    assert growth(samples([100] * 6, (10, 10, 11, 11, 15, 15)))["descriptors"] == 1.5
