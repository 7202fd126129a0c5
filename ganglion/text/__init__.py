"""Text classification: reading texts, splitting them into words, and the classifiers by name."""

from ganglion.text.compact import CompactClassifier
from ganglion.text.csv_file import Columns, CsvError, Rows, read_rows, row_blocks, text_lines
from ganglion.text.datasets import DATASETS, Dataset, as_dataset, class_names, class_numbers, data_folder
from ganglion.text.learning_file import update_file
from ganglion.text.methods import METHODS, TextClassifier, as_method, fit_options, load_model
from ganglion.text.model_file import ModelFileError, read_model, write_model

__all__ = [
    "DATASETS",
    "METHODS",
    "Columns",
    "CompactClassifier",
    "CsvError",
    "Dataset",
    "ModelFileError",
    "Rows",
    "TextClassifier",
    "as_dataset",
    "as_method",
    "class_names",
    "class_numbers",
    "data_folder",
    "fit_options",
    "load_model",
    "read_model",
    "read_rows",
    "row_blocks",
    "text_lines",
    "update_file",
    "write_model",
]
