"""The page that shows the array at work: what it consists of, served here or exported to be hosted elsewhere."""

from ganglion.page.export import export_page
from ganglion.page.files import page_files
from ganglion.page.server import PageServer

__all__ = ["PageServer", "export_page", "page_files"]
