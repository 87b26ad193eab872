"""What architecture.md says of the house is so: its drawings, and who alone may do what."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "amiko", "bot", "deployments", "domain", "learning", "networks", "storage", "vision")
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SQL = re.compile(r"\b(SELECT\b.+\bFROM|INSERT\b.+\bINTO|UPDATE \S+ SET|DELETE FROM)\b", re.DOTALL)
WRITES = re.compile(r"(?:INSERT (?:OR \w+ )?INTO|UPDATE|DELETE FROM) (\w+)")


def drawing(heading: str) -> str:
    """The one below a heading."""
    return ARCHITECTURE.partition(f"\n## {heading}")[2].partition("```text\n")[2].partition("```")[0]


def texts(module: str) -> list[str]:
    """All strings in a module, but for docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def saying(pattern: str) -> set[str]:
    """The modules with a string that matches."""
    return {module for module in MODULES if any(re.search(pattern, text) for text in texts(module))}


def test_every_module_stands_in_the_drawing_of_the_house_and_no_other() -> None:
    drawn: dict[str, set[str]] = defaultdict(set)
    package = ""
    for line in drawing("The house").splitlines():
        if match := re.match(r"(\w+)/ ", line):
            package = match[1]
        drawn[package].update(re.findall(r"\w+", line))
    for package in PACKAGES:
        there = {Path(module).stem for module in MODULES if module.startswith(f"{package}/")} - {"__init__", "__main__"}
        assert there - drawn[package] == set(), "stand in no drawing"
    # a module that is gone is a word that no module has; `actors/` says whose modules they are
    words = {"camera", "dispatcher", "trainer", "stores", "registry", "all", "handlers", "sandbox", "texts"}
    for package in ("actors", "deployments", "learning", "storage", "vision", "networks", "domain", "bot"):
        there = {Path(module).stem for module in MODULES if module.startswith(f"{package}/")}
        assert drawn[package] - there - words - {package, "over", "networks", "knows", "nobody"} == set()


def test_each_step_of_the_way_is_there() -> None:
    steps = re.findall(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+", drawing("The way of the data"))
    assert len(steps) > 30
    for step in steps:
        parts = step.split(".")
        # the longest part that is a module; what remains are names in it
        known = max(n for n in range(1, len(parts) + 1) if (ROOT.joinpath(*parts[:n])).with_suffix(".py").exists()
                    or ROOT.joinpath(*parts[:n]).is_dir())  # fmt: skip
        path = ROOT.joinpath(*parts[:known])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree: ast.AST = MODULES[str(path.relative_to(ROOT))]
        for name in parts[known:]:
            found = [
                node
                for node in ast.iter_child_nodes(tree)
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
            ]
            assert found, f"{step}: {path.name} has no {name}"
            tree = found[0]


def test_files_that_the_architecture_names_are_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", ARCHITECTURE))
    assert len(named) > 15
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_sql_is_written_in_storage_alone() -> None:
    found = {module for module in MODULES if any(SQL.search(text) for text in texts(module))}
    assert found, "the pattern finds none"
    assert {module for module in found if not module.startswith("storage/")} == set()


def test_each_table_is_written_by_one_module() -> None:
    writers: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        if module.startswith("storage/"):
            for text in texts(module):
                for table in WRITES.findall(text):
                    writers[table].add(Path(module).stem)
    tables = {
        name
        for script in (ROOT / "storage" / "migrations").glob("*.sql")
        for name in re.findall(r"CREATE TABLE (\w+)", script.read_text(encoding="utf-8"))
    }
    assert "visits" in tables
    assert "notifications" in writers
    # a journal is a file of its own, with a table of that name; `moments` and `forgetting` say what they are for
    theirs = {"moments", "forgetting", "journal"}
    assert {table: who - theirs for table, who in writers.items() if table in tables and len(who - theirs) > 1} == {}


def test_names_by_which_processes_find_each_other_are_made_in_one_module() -> None:
    assert saying(r"^(PersonDetector|VisitorEncoder|DepartmentClassifier)$") == {"domain/names.py"}
    assert saying(r"^networks-") == set()
    assert saying(r"^camera/") == set()
    asking = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "get_actor"
    }
    # a replica knows the trainer alone, and none of the actors' modules
    assert asking == {"actors/clients.py", "deployments/classifier.py"}


def test_what_a_button_carries_is_made_and_read_in_one_module() -> None:
    making = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "callback_data"
    }
    assert making == {"bot/keyboards.py"}
    # handlers hand it on whole; the sandbox, which plays Telegram, splits a token
    assert {module for module in saying(r"^:$") if re.match(r"bot/(?!sandbox)", module)} == {"bot/keyboards.py"}
