"""An exception from a rule has its reason beside it."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXCEPTION = re.compile(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z-]+\])(?P<reason>.*)$", re.MULTILINE)


def test_each_line_that_is_let_pass_says_why() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listed.stdout.split()] or [
        path for path in ROOT.rglob("*.py") if ".venv" not in path.parts
    ]
    found = [
        (path.relative_to(ROOT), match.group())
        for path in files
        if path.is_file() and path != Path(__file__)
        for match in EXCEPTION.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 50
    assert [one for one in found if not re.search(r"(?: - |\]  # )\w", one[1])] == []


def test_each_rule_that_is_left_out_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ruff = tomllib.loads(text)["tool"]["ruff"]["lint"]
    assert ruff["select"] == ["ALL"]
    for line in text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pylint]")].splitlines():
        if re.search(r'"[A-Z]+\d*"', line) and '"ALL"' not in line and not line.endswith("= ["):
            assert "#" in line, line
