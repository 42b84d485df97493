"""Locks single-file Python scripts: pins and hashes live in a footer of the script itself."""

__version__ = "0.1.0"
