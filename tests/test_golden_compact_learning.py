"""On-line learning of the compact table: many texts at once against the rules event by event, and rule by rule."""

import numpy as np
import pytest

from golden.neuronguard import CompactEngine, CompactLearner, CompactTable, LearningState, learn_texts, table_keys
from golden.neuronguard.compact_learning import LARGEST, MOST_TAUGHT, N_TRAINED, STEP

UNIT = 64
BOOK = np.array([[0, 0, 0], [20, -10, -10], [-10, 20, -10], [-10, -10, 20]], np.int8)


def random_state(rng, n_rows=40, n_codes=16, n_classes=4):
    """A table a third of which is empty, another part on trial."""
    codebook = rng.integers(-60, 61, (n_codes, n_classes)).astype(np.int8)
    codebook[0] = 0
    words = rng.integers(0, 1 << 16, (4, n_rows), dtype=np.uint16)
    chance = rng.random(words.shape)
    words[chance < 0.5] &= np.uint16(0xFFFF - (n_codes - 1))
    words[chance < 0.3] = 0
    return LearningState.of(CompactTable(words, codebook, 5))


def random_texts(rng, n_texts, n_classes=4, n_keys=300):
    """Keys of a small stock, some twice in a text, some texts empty; where each text ends, and the labels."""
    stock = table_keys(rng.integers(0, 1 << 62, n_keys, dtype=np.uint64), 5)
    lengths = rng.integers(0, 12, n_texts)
    keys = stock[np.minimum(rng.geometric(0.02, lengths.sum()), n_keys) - 1]
    return keys, np.cumsum(lengths), rng.integers(n_classes, size=n_texts)


def bits(state):
    return state.words.tobytes(), state.weights.tobytes(), state.n_taught.tobytes()


def by_events(state, keys, ends, labels):
    """Teaches text by text with the authority; how many texts taught anything."""
    learner, n_taught, start = CompactLearner(state), 0, 0
    for end, label in zip(ends.tolist(), labels.tolist(), strict=True):
        n_taught += learner.learn(keys[start:end].tolist(), label)
        start = end
    return n_taught


@pytest.mark.parametrize("seed", range(6))
def test_many_texts_at_once_are_the_events_one_by_one(seed):
    rng = np.random.default_rng(seed)
    state = random_state(rng, n_rows=int(rng.integers(1, 60)), n_codes=2 ** int(rng.integers(1, 9)))
    one, whole, parts = (LearningState.of(state.table) for _ in range(3))
    keys, ends, labels = random_texts(rng, 400)
    n_taught = by_events(one, keys, ends, labels)
    assert 50 < n_taught <= 400
    assert learn_texts(whole, keys, ends, labels) == n_taught
    assert bits(whole) == bits(one)
    assert bits(one) != bits(state)
    middle = ends[150]
    learn_texts(parts, keys[:middle], ends[:151], labels[:151])
    learn_texts(parts, keys[middle:], ends[151:] - middle, labels[151:])
    assert bits(parts) == bits(one)


def test_what_all_random_runs_together_do():
    """They bring words, wear trials down, leave words alone that were right, and reach every code."""
    rng = np.random.default_rng(9)
    state = random_state(rng)
    before = state.words.copy()
    keys, ends, labels = random_texts(rng, 2000)
    learn_texts(state, keys, ends, labels)
    assert ((state.words >> 4) != (before >> 4)).mean() > 0.2
    assert len(np.unique(state.words & 15)) == 16
    assert state.n_taught.max() > 100


def key_with(place, fingerprint, state):
    """A key whose word in bank 0 lies in row ``place``, of that fingerprint."""
    table, keys = state.table, table_keys(np.arange(1 << 18, dtype=np.uint64), 5)
    rows, folded = (keys & np.uint64(0xFFFF)) * np.uint64(table.n_rows) >> np.uint64(16), keys.copy()
    for shift in (16, 32, 48):
        folded ^= keys >> np.uint64(shift)
    found = keys[(rows == place) & (folded % np.uint64(1 << 16 - table.code_width) == fingerprint)]
    return int(found[0])


def empty_state(n_rows=4):
    return LearningState.of(CompactTable(np.zeros((4, n_rows), np.uint16), BOOK, 5))


def test_a_word_is_brought_and_taught():
    state = empty_state()
    key = key_with(2, 0x123, state)
    learner, engine = CompactLearner(state), CompactEngine(state.table)
    assert learner.learn([key, key], 1)
    # Seven units for class 1 and seven less for its rival, class 0, are nearest to no weight: on trial.
    assert state.words[2] == 0x123 << 2
    assert state.weights[2].tolist() == [-STEP, STEP, 0]
    assert (state.n_taught[2], np.count_nonzero(state.words)) == (1, 1)
    assert learner.learn([key, key], 1)
    assert state.weights[2].tolist() == [-2 * STEP, 2 * STEP, 0]
    assert (engine.code(key), state.n_taught[2]) == (2, 2)
    # Margin 30 of one event is below 45; then n = 2 halves the step.
    assert learner.learn([key], 1)
    assert state.weights[2].tolist() == [-2 * STEP - STEP // 2, 2 * STEP + STEP // 2, 0]
    # Of two events it is 60, not below 45 * sqrt(2) = 63.6; of three it is 90 and enough.
    assert learner.learn([key, key], 1)
    before = bits(state)
    assert not learner.learn([key] * 3, 1)
    assert bits(state) == before


def test_unknown_keys_wear_a_trial_down():
    state = empty_state(n_rows=1)
    learner = CompactLearner(state)
    keys = [key_with(0, number, state) for number in (1, 2, 3, 4, 5, 6)]
    for key in keys[:4]:
        learner.learn([key], 0)
    assert (state.words >> 2).tolist() == [1, 2, 3, 4]
    learner.learn([keys[4]], 0)
    assert (state.words[0] >> 2, state.n_taught[0]) == (1, 0)
    # The fifth key comes again: now the least taught word is its own.
    learner.learn([keys[4]], 2)
    assert (state.words[0] >> 2, state.n_taught[0]) == (5, 1)
    assert state.weights[0].tolist() == [-STEP, 0, STEP]


def test_words_of_the_same_text_and_empty_fingerprints_stay():
    state = empty_state(n_rows=1)
    keys = [key_with(0, number, state) for number in (1, 2, 3, 4, 5)]
    CompactLearner(state).learn(keys, 0)
    assert (state.words >> 2).tolist() == [1, 2, 3, 4]
    assert state.n_taught.tolist() == [1, 1, 1, 1]
    state = empty_state(n_rows=1)
    CompactLearner(state).learn([key_with(0, 0, state)], 0)
    assert not state.words.any()


def test_weights_and_times_stay_within_their_bits():
    state = empty_state(n_rows=1)
    key = key_with(0, 9, state)
    learner = CompactLearner(state)
    learner.learn([key], 0)
    state.n_taught[0], state.weights[0] = MOST_TAUGHT, [LARGEST, 1 - LARGEST, 0]
    assert learner.learn([key], 0)
    # The step is 1 by now: STEP >> 8.
    assert state.weights[0].tolist() == [LARGEST, -LARGEST, 0]
    assert learn_texts(state, np.array([key], np.uint64), np.array([1]), np.array([2])) == 1
    assert state.weights[0].tolist() == [LARGEST - 1, -LARGEST, 1]
    assert state.n_taught[0] == MOST_TAUGHT


def test_new_state_is_the_code_book_times_64():
    state = random_state(np.random.default_rng(1))
    codes = state.words & 15
    assert (state.weights == state.table.codebook[codes].astype(int) * UNIT).all()
    assert (state.n_taught == np.where(state.words, N_TRAINED, 0)).all()
    book = np.array([[0, 0], [-128, 127]], np.int8)
    limited = LearningState.of(CompactTable(np.ones((4, 1), np.uint16), book, 0))
    assert limited.weights.tolist() == [[-LARGEST, LARGEST]] * 4


def test_state_of_another_shape_is_refused():
    state = empty_state()
    with pytest.raises(ValueError, match=r"weights are \[16, 3\] of int16, not \[15, 3\] of int16"):
        LearningState.of(state.table, state.weights[1:], state.n_taught)
    with pytest.raises(ValueError, match=r"n_taught is \[16\] of uint16, not \[16\] of int64"):
        LearningState.of(state.table, state.weights, state.n_taught.astype(np.int64))
