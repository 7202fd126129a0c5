"""Words, hashes, the word table and the vocabulary, against plain Python that follows the specification."""

from collections import Counter

import numpy as np
import pytest

import ganglion.text.words as words_module
from ganglion.text.vocabulary import frequent_words, word_hashes
from ganglion.text.words import WordTable, split_texts, split_words

RNG = np.random.default_rng(11)
SEPARATORS = [(0x80, 0xBF), (0x2000, 0x206F), (0x3000, 0x303F), (0xD800, 0xDFFF)]


def plain_words(text):
    """The words of a text, character by character."""
    found, current = [], ""
    for character in [*text, " "]:
        code = ord(character)
        surrogate = 0xD800 <= code <= 0xDFFF
        letter = (
            character.isalpha() if code < 0x80 else not any(a <= code <= b for a, b in SEPARATORS) and not surrogate
        )
        if letter:
            current += chr(code + 32) if 65 <= code <= 90 else character
            continue
        if len(current) >= 3 and len(current.encode()) <= 64:
            found.append(current)
        current = ""
    return found


def plain_hash(word):
    """The hash of a word, in Python's integers."""
    content, value = word.encode(), 0
    for start in range(0, len(content), 8):
        value = (value ^ int.from_bytes(content[start : start + 8], "little")) * 0x9E3779B97F4A7C15 % 2**64
        value ^= value >> 32
    return value


def split(text):
    """The words of one text, as text."""
    found = split_words([text])
    return [found.word(number) for number in range(len(found.hashes))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("An ox is at it", []),
        ("The CAT sat; the cat-flap's #39;open", ["the", "cat", "sat", "the", "cat", "flap", "open"]),
        ("abc", ["abc"]),
        ("ab1cde2fgh", ["cde", "fgh"]),
        ("new\nline\ttab\0nul\x7f", ["new", "line", "tab", "nul"]),
        ("naïve café — “quoted”…dots", ["naïve", "café", "quoted", "dots"]),
        ("1811\u20131870word\u2013other", ["word", "other"]),
        ("Ünder ÜNDER", ["Ünder", "Ünder"]),
        ("日本 東京都 你好。世界人", ["東京都", "世界人"]),
        ("𝄞𝄞 𝄞𝄞𝄞", ["𝄞𝄞𝄞"]),
        ("a" * 64 + " " + "b" * 65 + " c" + "é" * 31 + "d", ["a" * 64, "c" + "é" * 31 + "d"]),
        ("sur\ud800rogate", ["sur", "rogate"]),
        ("non\u00a0breaking\u2009thin\u3000wide", ["non", "breaking", "thin", "wide"]),
    ],
)
def test_words_of_a_text(text, expected):
    assert split(text) == expected
    assert plain_words(text) == expected


def random_texts(n):
    alphabet = [
        *"abcdefghijklmnopqrstuvwxyzABCXYZ",
        *"      .,;0123-_'\n\0\x7f@[`{",
        *"éÜß\u00d7«¿ÀÿĀж東\u2013\u2028\u3001\u2070\uffff𝄞",
    ]
    return ["".join(RNG.choice(alphabet, RNG.integers(0, 120))) for _ in range(n)]


@pytest.mark.parametrize("block", [1, 50, 10_000])
def test_words_and_hashes_of_random_texts(monkeypatch, block):
    monkeypatch.setattr(words_module, "BLOCK_CHARACTERS", block)
    texts = [*random_texts(400), "", *["x" * int(length) + "Z" for length in RNG.integers(1, 70, 100)]]
    blocks = split_texts(texts)
    assert len(blocks) > 1 or block == 10_000
    assert sum(found.n_texts for found in blocks) == len(texts)
    expected = [plain_words(text) for text in texts]
    assert np.concatenate([found.counts for found in blocks]).tolist() == list(map(len, expected))
    flat = [word for words in expected for word in words]
    assert [found.word(i) for found in blocks for i in range(len(found.hashes))] == flat
    assert np.concatenate([found.hashes for found in blocks]).tolist() == list(map(plain_hash, flat))


def test_ascii_and_other_texts_split_alike():
    text = "The quick, BROWN fox"
    assert split_words([text, text + " é"]).hashes.tolist() == split_words([text, text]).hashes.tolist()


def test_no_texts():
    assert split_texts([]) == []
    assert split_words([]).counts.tolist() == []


def test_hash_test_vectors():
    """What an implementation elsewhere must give."""
    vectors = {
        "cat": 0x5CA1_09B7_F0F4_F8A8,
        "business": 0xF0CC_B590_EF64_AC9A,
        "international": 0x18C0_8E48_4786_A4FD,
    }
    assert word_hashes(list(vectors)).tolist() == list(vectors.values())


@pytest.mark.parametrize("n_words", [1, 2, 7, 8, 9, 1000])
def test_the_table_finds_its_words_and_no_others(n_words):
    hashes = RNG.integers(1, 2**63, 3000, dtype=np.uint64)
    hashes = np.unique(hashes)[:2500]
    RNG.shuffle(hashes)
    table = WordTable(hashes[:n_words])
    known = {value: number for number, value in enumerate(hashes[:n_words].tolist())}
    asked = np.concatenate([hashes, hashes[:n_words]])
    assert table.numbers(asked).tolist() == [known.get(value, WordTable.MISSING) for value in asked.tolist()]


def test_the_table_with_words_that_share_their_slot():
    # The slot is the top bits: these all start at the last one, so the probes wrap around.
    hashes = np.uint64(2**64 - 1) - np.arange(40, dtype=np.uint64)
    table = WordTable(hashes[::2])
    expected = [number // 2 if number % 2 == 0 else WordTable.MISSING for number in range(40)]
    assert table.numbers(hashes).tolist() == expected


def test_the_table_holds_hash_zero():
    table = WordTable(np.array([5, 0], np.uint64))
    assert table.numbers(np.array([0, 5, 6], np.uint64)).tolist() == [1, 0, WordTable.MISSING]
    assert WordTable(np.array([5], np.uint64)).numbers(np.array([0], np.uint64)).tolist() == [WordTable.MISSING]
    with pytest.raises(ValueError, match="twice"):
        WordTable(np.array([5, 5], np.uint64))


@pytest.mark.parametrize("n_words", [1, 3, 20, 200, 10_000])
def test_the_vocabulary_is_the_most_frequent_words_ties_by_alphabet(monkeypatch, n_words):
    monkeypatch.setattr(words_module, "BLOCK_CHARACTERS", 500)
    pool = ["".join(RNG.choice(list("abcde"), RNG.integers(3, 12))) for _ in range(300)]
    texts = [" ".join(RNG.choice(pool, RNG.integers(0, 30))) for _ in range(200)]
    stop_words = {pool[0], pool[1], "of", "nowhere"}
    counts = Counter(word for text in texts for word in plain_words(text) if word not in stop_words)
    expected = sorted(counts, key=lambda word: (-counts[word], word))[:n_words]
    assert frequent_words(split_texts(texts), n_words, stop_words) == expected


def test_a_vocabulary_of_no_words():
    assert frequent_words(split_texts(["a", "", "1 2 3"]), 10, ()) == []


@pytest.mark.parametrize("wrong", ["two words", "", "of", "x" * 65])
def test_words_of_a_vocabulary_are_words(wrong):
    with pytest.raises(ValueError, match="is not one word"):
        word_hashes(["good", wrong])
