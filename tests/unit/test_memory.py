"""When a worker gives back what it has freed."""

from handler import memory

MIB = 1 << 20


def test_nothing_is_given_back_before_much_has_come(monkeypatch):
    sizes, trimmed = [300 * MIB], []
    monkeypatch.setattr(memory.Memory, "resident", lambda _: sizes[-1])
    own = memory.Memory()
    own.trim = lambda _: (trimmed.append(sizes[-1]), sizes.append(320 * MIB))
    for size in (310, 363, 364, 383, 384):
        sizes.append(size * MIB)
        own.give_back()
    assert trimmed == [364 * MIB, 384 * MIB]


def test_what_is_resident_is_what_the_system_says():
    import psutil

    own = memory.Memory().resident()
    assert abs(own - psutil.Process().memory_info().rss) < 16 * MIB


def test_a_system_without_it_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATM", tmp_path / "none")
    memory.Memory().give_back()
