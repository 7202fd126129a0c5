"""NeuronGuard: an event engine on a flat field of 16-byte neurons, and what it learns.

``EventEngine`` defines the behaviour, one event at a time; ``train_batch`` and ``class_potentials`` give the same bits
for many events at once.
"""

from golden.neuronguard.classifier import MAGNITUDE, class_field, class_potentials, feedback_of, train_words
from golden.neuronguard.compact import N_BANKS, UNKNOWN, CompactEngine, CompactTable, pair_hashes, table_keys
from golden.neuronguard.compact_learning import CompactLearner, LearningState, learn_texts
from golden.neuronguard.engine import (
    Chain,
    EventEngine,
    EventLimitError,
    EventPacket,
    EventQueue,
    LeaseError,
    QueueFullError,
)
from golden.neuronguard.field import NO_TARGET, RECORD, RECORD_BYTES, FieldError, NeuronField
from golden.neuronguard.trainer import train_batch

__all__ = [
    "MAGNITUDE",
    "NO_TARGET",
    "N_BANKS",
    "RECORD",
    "RECORD_BYTES",
    "UNKNOWN",
    "Chain",
    "CompactEngine",
    "CompactLearner",
    "CompactTable",
    "EventEngine",
    "EventLimitError",
    "EventPacket",
    "EventQueue",
    "FieldError",
    "LearningState",
    "LeaseError",
    "NeuronField",
    "QueueFullError",
    "class_field",
    "class_potentials",
    "feedback_of",
    "learn_texts",
    "pair_hashes",
    "table_keys",
    "train_batch",
    "train_words",
]
