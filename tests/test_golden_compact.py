"""The compact table: the vectorised model against the engine event by event, and both against the written rules."""

import numpy as np
import pytest

from golden.neuronguard import N_BANKS, UNKNOWN, CompactEngine, CompactTable, pair_hashes, table_keys
from golden.neuronguard.compact import fingerprints_of, slots_of

MASK = (1 << 64) - 1


def random_table(rng, n_rows=37, n_codes=16, n_classes=5, seed=12345):
    codebook = rng.integers(-128, 128, (n_codes, n_classes)).astype(np.int8)
    codebook[0] = 0
    return CompactTable(rng.integers(0, 1 << 16, (N_BANKS, n_rows), dtype=np.uint16), codebook, seed)


def key_in(table, bank, row, rng):
    """A key that the word in this bank and row answers to, before any other bank does."""
    width = table.code_width
    wanted = int(table.words[bank, row]) >> width
    while True:
        for key in table_keys(rng.integers(0, 1 << 63, 20_000, dtype=np.uint64), table.seed).tolist():
            if ((key >> 16 * bank) & 0xFFFF) * table.n_rows >> 16 != row:
                continue
            folded = key ^ key >> 16 ^ key >> 32 ^ key >> 48
            if folded & ((1 << 16 - width) - 1) == wanted and table.slots(np.array([key], np.uint64))[0] >= 0:
                return key


def test_keys_are_those_of_the_specification():
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 1 << 63, (2, 200), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for seed in (0, 1, MASK):
        expected = []
        for h in first.tolist():
            k = ((h ^ seed) * 0xBF58476D1CE4E5B9) & MASK
            expected.append(k ^ k >> 32)
        assert table_keys(first, seed).tolist() == expected
    expected = []
    for h, g in zip(first.tolist(), second.tolist(), strict=True):
        p = (h * 0x9E3779B97F4A7C15 + g) & MASK
        expected.append(p ^ p >> 32)
    assert pair_hashes(first, second).tolist() == expected
    assert pair_hashes(second, first).tolist() != expected
    # Fixed values, so that another implementation can check itself: the hash of "cat", alone and twice in a row.
    cat = np.array([0x5CA109B7F0F4F8A8], np.uint64)
    assert hex(table_keys(cat, 0)[0]) == "0x1f436d6006569408"
    assert hex(pair_hashes(cat, cat)[0]) == "0xce836189ae68868"


@pytest.mark.parametrize("n_rows", [1, 37, 1000, 3967, 65536])
def test_places_and_fingerprints(n_rows):
    keys = table_keys(np.arange(500, dtype=np.uint64), 9)
    slots = slots_of(keys, n_rows)
    for number, key in enumerate(keys.tolist()):
        for bank in range(N_BANKS):
            assert slots[bank, number] == bank * n_rows + (((key >> 16 * bank) & 0xFFFF) * n_rows >> 16)
    for width in (1, 4, 8, 15):
        expected = [(k ^ k >> 16 ^ k >> 32 ^ k >> 48) % (1 << 16 - width) for k in keys.tolist()]
        assert fingerprints_of(keys, width).tolist() == expected


@pytest.mark.parametrize("n_codes", [2, 16, 256])
def test_batches_give_what_the_engine_gives(n_codes):
    """Random tables answer to many keys by accident, often in several banks: the first one counts."""
    rng = np.random.default_rng(n_codes)
    table = random_table(rng, n_codes=n_codes)
    engine = CompactEngine(table)
    keys = table_keys(rng.integers(0, 1 << 62, 4000, dtype=np.uint64), table.seed)
    # Some that are known for certain: the folded key makes up the fingerprint.
    known = [key_in(table, bank, row, rng) for bank, row in ((0, 3), (1, 36), (2, 0), (3, 11))]
    keys[::1000] = known
    texts = np.sort(rng.integers(0, 40, len(keys)))
    slots = table.slots(keys)
    assert (slots[::1000] != UNKNOWN).all()
    found = table.potentials(slots, texts, 41)
    assert found.dtype == np.int64
    assert not found[40].any()
    for text in range(41):
        engine.reset()
        engine.post(keys[texts == text].tolist())
        assert found[text].tolist() == engine.potentials
        assert found[text].argmax() == engine.winner
    codes = np.where(slots == UNKNOWN, 0, table.codes(np.maximum(slots, 0)))
    assert codes.tolist() == [engine.code(key) for key in keys.tolist()]
    assert (slots == UNKNOWN).any()


def test_the_first_bank_that_answers_counts():
    table = random_table(np.random.default_rng(0), n_rows=1)
    key = int(table_keys(np.array([77], np.uint64), table.seed)[0])
    fingerprint = (key ^ key >> 16 ^ key >> 32 ^ key >> 48) % (1 << 12)
    for bank in reversed(range(N_BANKS)):
        words = table.words.copy()
        words[:, 0] = (fingerprint ^ 1) << 4
        words[bank:, 0] = (fingerprint << 4) + np.arange(bank + 1, N_BANKS + 1)
        one = CompactTable(words, table.codebook, table.seed)
        assert one.slots(np.array([key], np.uint64)).tolist() == [bank]
        assert CompactEngine(one).code(key) == bank + 1


def test_ties_and_silence_go_to_the_lower_class():
    codebook = np.array([[0, 0, 0], [1, 5, 5]], np.int8)
    table = CompactTable(np.ones((N_BANKS, 1), np.uint16), codebook, 0)
    engine = CompactEngine(table)
    assert (engine.winner, engine.potentials) == (0, [0, 0, 0])
    key = next(k for k in table_keys(np.arange(1 << 18, dtype=np.uint64), 0).tolist() if engine.code(k))
    engine.post([key, key])
    assert (engine.winner, engine.potentials) == (1, [2, 10, 10])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": np.zeros((3, 5), np.uint16)}, r"a table is \[4, 1 to 65536\] of uint16, not \(3, 5\)"),
        ({"words": np.zeros((4, 0), np.uint16)}, r"not \(4, 0\)"),
        ({"words": np.zeros((4, 65537), np.uint16)}, r"not \(4, 65537\)"),
        ({"words": np.zeros((4, 5), np.int16)}, "of int16"),
        ({"codebook": np.zeros((16, 5))}, "of float64"),
        ({"codebook": np.zeros((16, 1), np.int8)}, r"not \(16, 1\)"),
        ({"codebook": np.zeros((12, 5), np.int8)}, "a power of two of codes, 2 to 32768, not 12"),
        ({"codebook": np.zeros((1, 5), np.int8)}, "not 1"),
        ({"codebook": np.ones((2, 3), np.int8)}, r"code 0 must be without weight, not \[1, 1, 1\]"),
        ({"seed": -1}, "a seed has 64 bits, not -1"),
        ({"seed": 1 << 64}, "a seed has 64 bits"),
    ],
)
def test_tables_that_make_no_sense_are_refused(changes, message):
    table = random_table(np.random.default_rng(0))
    given = {"words": table.words, "codebook": table.codebook, "seed": table.seed} | changes
    with pytest.raises(ValueError, match=message):
        CompactTable(**given)
