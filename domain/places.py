"""Where Amiko keeps its files. A module of its own: asking for a folder costs no library of settings."""

import os
from pathlib import Path

import platformdirs

#: In the data folder: the head's database, a node's journal of visits, and the classifiers' files by store.
DATABASE, JOURNAL, CLASSIFIERS = "amiko.db", "journal.db", "classifiers"


def home() -> Path:
    """The folder of the database and the classifiers: `AMIKO_HOME`, or the user's data folder."""
    return Path(os.environ.get("AMIKO_HOME") or platformdirs.user_data_dir("amiko"))


def cache() -> Path:
    """The folder of the networks' weights: `AMIKO_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("AMIKO_CACHE") or platformdirs.user_cache_dir("amiko"))
