"""What the documents name as proof is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROOF = re.compile(r"`(?:tests/)?(?:\w+/)*(test_\w+\.py)(?:::(test_\w+))?`")


@pytest.mark.parametrize("document", ["threats.md", "guarantees.md"])
def test_each_proof_that_is_named_exists(document: str) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    named = PROOF.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))
    assert len(named) > 5
    for file, test in named:
        assert file in files, f"{document} names {file}"
        assert not test or f"def {test}(" in files[file], f"{document} names {file}::{test}"
