"""What the documents name is there: proofs, commands with their options, make's targets, links, pictures."""

import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from amiko import bench, cli

ROOT = Path(__file__).parents[2]
PROOF = re.compile(r"`(?:tests/)?(?:\w+/)*(test_\w+\.py)(?:::(test_\w+))?`")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *(path for path in ROOT.glob("deploy/**/*") if path.is_file())]
)
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", ["threats.md", "guarantees.md"])
def test_each_proof_that_is_named_exists(document: str) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    named = PROOF.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))
    assert len(named) > 5
    for file, test in named:
        assert file in files, f"{document} names {file}"
        assert not test or f"def {test}(" in files[file], f"{document} names {file}::{test}"


def _parts(text: str) -> list[str]:
    """Each command of a Markdown text: in its code, inline and fenced."""
    lines = [line for language, block in FENCED.findall(text) if not language for line in block.splitlines()]
    inline = INLINE.findall(FENCED.sub("", text))
    return [part.strip() for line in [*lines, *inline] for part in re.split(r"; |&&|\|", line)]


def _words(line: str, program: str) -> list[str] | None:
    """What follows the program's name on a command line; None where it is another program's."""
    line = re.sub(r"^(?:ExecStart=|(?:[A-Z_]+=\S* )*)", "", re.sub(r"[\[\]]|#.*|…|\$\(.*?\)", "", line).strip())
    words = shlex.split(line) if line.count('"') % 2 == 0 and line.count("'") % 2 == 0 else line.split()
    return words[1:] if words and Path(words[0]).name == program else None


@cache
def _program(called: str) -> TyperGroup:
    return get_command(cli.build(called))


def command_of(words: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """The command, and what is handed to it. AssertionError where there is none of that name."""
    assert words[0] in cli.COMMANDS, f"no command {words[0]}"
    found = _program(words[0])
    while isinstance(found, TyperGroup) and words and not words[0].startswith("-"):
        assert words[0] in found.commands, f"no command {words[0]}"
        found, words = found.commands[words[0]], words[1:]
    return found, words


def _check(words: list[str], *, whole: bool) -> None:
    if words in ([], ["--help"], ["--version"]) or words[0].startswith("-"):
        return
    found, given = command_of(words)
    known = {name for parameter in found.params for name in parameter.opts} | {"--help", "--debug"}
    assert {word for word in given if word.startswith("--")} <= known, words
    if found.name == "bench" and given and not given[0].startswith("-"):
        assert given[0] in bench.BENCHMARKS, given[0]
    if whole and not isinstance(found, TyperGroup):
        found.make_context(str(found.name), [word for word in given if word != "--debug"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_each_command_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for part in _parts(text) if path.suffix == ".md" else text.splitlines():
        if (words := _words(part, "amiko")) is not None:
            _check(words, whole=False)
        if (words := _words(part, "make")) is not None:
            asked = {word for word in words if not re.match(r"[A-Z]+=", word)}
            assert asked <= TARGETS, part
        if (words := _words(part, "python")) is not None and words[:1] == ["-m"]:
            assert importlib.util.find_spec(words[1]), part
            assert all((ROOT / word.split("::")[0]).exists() for word in words[2:] if word.startswith("tests/")), part


def test_commands_in_documents_are_looked_for_where_they_are() -> None:
    readme = _parts((ROOT / "README.md").read_text(encoding="utf-8"))
    assert sum(_words(part, "amiko") is not None for part in readme) > 25


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.suffix == ".md"], ids=name_of)
def test_each_link_leads_somewhere(path: Path) -> None:
    for target, _ in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{name_of(path)} links to {target}"


def test_each_picture_is_shown() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS if path.suffix == ".md")
    shown = {Path(target).name for target, _ in LINK.findall(texts)}
    assert {path.name for path in (ROOT / "docs").glob("*.png")} <= shown


def _commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in cli.COMMANDS:
        command, _ = command_of([name])
        inner = command.commands if isinstance(command, TyperGroup) else {}
        found += [(name, one) for one in inner] or [(name,)]
    return found


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_each_commands_help_teaches_by_an_example_that_it_takes(command: tuple[str, ...]) -> None:
    found, _ = command_of(list(command))
    examples = INLINE.findall((found.help or "").rpartition("Example")[2])
    called = [words for line in examples for part in line.split("; ") if (words := _words(part, "amiko")) is not None]
    assert any(words[: len(command)] == list(command) for words in called)
    for words in called:
        _check(words, whole=True)
