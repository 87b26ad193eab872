"""Reading stores.yaml: `${NAME}` is taken from the environment, and what is wrong is told by file, key and value."""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.errors import SettingsError
from domain.settings import Settings

#: Of a settings file: a thousand stores of ten cameras have some 200,000.
MOST_VALUES = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check stores.yaml.

    Raises SettingsError with a line for each thing that is wrong: file, key, value, what was expected.
    Secrets are named, never shown.
    """
    document = _load(path)
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: expected the keys telegram and stores; README.md shows them")
    if _is_larger(document, MOST_VALUES):
        raise SettingsError(f"{path}: holds more than {MOST_VALUES:,} values, or contains itself; check its * and &")
    unset: list[str] = []
    try:
        document = _fill(document, environment, "", unset)
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deeply to be settings") from None
    if unset:
        raise SettingsError("\n".join(f"{path}: {line}" for line in unset))
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        lines = [_explain(details, document) for details in error.errors(include_url=False)]
        raise SettingsError("\n".join(f"{path}: {line}" for line in lines)) from None


def read_all(paths: Sequence[Path], environment: Mapping[str, str] = os.environ) -> Settings:
    """As `read_settings`, from several files: all of the first one, and the stores of the others.

    Raises SettingsError, also where a store stands in two of them.
    """
    first, *others = [read_settings(path, environment) for path in paths]
    where = {store.id: paths[0] for store in first.stores}
    stores = list(first.stores)
    for path, other in zip(paths[1:], others, strict=True):
        for store in other.stores:
            if store.id in where:
                raise SettingsError(
                    f"{path}: store id {store.id!r} stands in {where[store.id]} already; take another one"
                )
            where[store.id] = path
            stores.append(store)
        if other.model_copy(update={"stores": first.stores}) != first:
            raise SettingsError(
                f"{path}: beside the stores, everything must be as in {paths[0]}; repeat it or use one file"
            )
    return first.model_copy(update={"stores": stores})


def variables(paths: Sequence[Path]) -> set[str]:
    """The environment variables that the files name: their values are secrets. Files that can't be read have none."""
    found: set[str] = set()
    for path in paths:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found.update(_VARIABLE.findall(path.read_text(encoding="utf-8")))
    return found


def _fill(value: object, environment: Mapping[str, str], where: str, unset: list[str]) -> object:
    """The value with its variables' values; a line for each that has none is added to `unset`."""
    if isinstance(value, dict):
        return {
            key: _fill(item, environment, f"{where}.{key}" if where else str(key), unset) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_fill(item, environment, f"{where}.{number}", unset) for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def from_environment(match: re.Match[str]) -> str:
        name = match.group(1)
        if not environment.get(name):
            unset.append(f"{where}: the environment variable {name} is not set; set it: export {name}=…")
        return environment.get(name, "")

    return _VARIABLE.sub(from_environment, value)


def _load(path: Path) -> object:
    """What stands in a YAML file. Raises SettingsError."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; README.md shows a stores.yaml to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read: {error}") from error
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{path}{line}: is not YAML: {problem}; look at the indents and colons there") from error
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deeply to be settings") from None
    except (ValueError, AttributeError, TypeError) as error:
        # a date with a thirteenth month, a number of 5,000 digits: the library doesn't say where
        raise SettingsError(f"{path}: holds a value that can't be read: {error}; put it in quotes") from error


def _is_larger(value: object, most: int) -> bool:
    """Whether more values are in it than that; a YAML file of a few lines can name the same ones billions of times."""
    waiting, seen = [value], 0
    while waiting and seen <= most:
        seen += 1
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return seen > most


def _explain(error: ErrorDetails, document: object) -> str:
    # a key may hold what breaks a line
    parts = [str(part) for part in error["loc"]]
    key = ".".join(part if part.isprintable() else repr(part) for part in parts) or "(top)"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or check its spelling"
    if error["type"] == "missing":
        # a line of three numbers lacks the fourth
        return f"{key}: missing" + ("; a number too few" if isinstance(error["loc"][-1], int) else "")
    text = error["msg"].removeprefix("Value error, ")
    value = document
    for part in error["loc"]:
        try:
            value = value[part]  # type: ignore[index]  # whatever lies there: what can't be gone into ends the walk
        except (KeyError, IndexError, TypeError):
            break
    secret = {"token", "source"} & {str(part) for part in error["loc"]}
    told = "" if secret or isinstance(value, dict | list) else f": {value!r}"
    return f"{key}{told}: {text[0].lower()}{text[1:]}"
