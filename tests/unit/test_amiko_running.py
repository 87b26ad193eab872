"""A system that runs is found by its note, and only while the very process that wrote it is there."""

import os
from pathlib import Path

import psutil
import pytest

from amiko import running
from amiko.running import Running, find_running
from domain.errors import ClusterError


def note(home: Path, *, began: float, owned: bool = True) -> Running:
    home.mkdir()
    made = Running(pid=os.getpid(), began=began, address="127.0.0.1:6379", dashboard=None, owned=owned)
    running._write(made)
    return made


def test_the_process_that_wrote_it_is_found(home: Path) -> None:
    written = note(home, began=psutil.Process().create_time())
    assert find_running() == written


def test_another_process_with_the_same_number_is_not_it(home: Path) -> None:
    note(home, began=psutil.Process().create_time() - 3600)
    with pytest.raises(ClusterError, match="does not run here"):
        find_running()


def test_a_cluster_that_was_joined_outlives_whoever_joined_it(home: Path) -> None:
    written = note(home, began=0.0, owned=False)
    assert find_running() == written


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": 1}'])
def test_a_note_that_can_not_be_read_is_none(home: Path, content: str) -> None:
    home.mkdir()
    (home / running.NOTE).write_text(content)
    with pytest.raises(ClusterError, match="does not run here"):
        find_running()
