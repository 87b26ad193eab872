"""Checkpoints of Hugging Face's format: a directory, or a repository of the hub that was brought before.

Loading never goes to the network: `amiko networks pull` does, once. So a shop without a line starts, and what runs is
what was pulled. Nothing of a checkpoint is executed: `trust_remote_code` is never given, and pickled weights are
refused unless the settings allow them.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from domain.errors import NetworksError
from domain.settings import Network

#: What is brought of a repository.
FILES = ["*.json", "*.safetensors", "*.model", "merges.txt", "vocab.txt"]
PICKLED = ["*.bin"]
INSTALL = "install it: pip install 'amiko[hub]'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A checkpoint's files, looked at and found whole; nothing is loaded yet."""

    #: As the settings name it.
    name: str
    folder: Path
    config: dict[str, Any]
    #: The files with the weights.
    weights: tuple[Path, ...]
    allow_pickle: bool

    @property
    def family(self) -> str:
        return str(self.config["model_type"])

    def identity(self) -> str:
        """`family@` and 8 hex digits of a hash over weights and preprocessing: the same wherever the files lie."""
        digest = hashlib.sha256()
        for path in [*self.weights, *sorted(self.folder.glob("*processor_config.json"))]:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"{self.family}@{digest.hexdigest()[:8]}"

    def load(self, model: Any) -> nn.Module:
        """The weights as `model`, a class of transformers or the name of one; every one of its weights must be there.

        Raises NetworksError.
        """
        with explained(self.name):
            import transformers

            quiet(transformers)
            made_of = getattr(transformers, model)
            loaded, found = made_of.from_pretrained(
                self.folder,
                local_files_only=True,
                use_safetensors=not self.allow_pickle or None,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,
            )
            # transformers would go on with random ones
            if lacking := sorted({*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}):
                raise NetworksError(
                    f"{self.name}: the weights are of another architecture than config.json says ({self.family}):"
                    f" {len(lacking)} are missing or of another shape, the first {lacking[0]}"
                )
            module: nn.Module = loaded.eval()
        return module

    def tool(self, kind: str) -> Any:
        """Its image processor or tokenizer, `kind` the name of transformers' class. Raises NetworksError."""
        more = {"backend": "pil"} if kind == "AutoImageProcessor" else {}
        with explained(self.name):
            import transformers

            quiet(transformers)
            return getattr(transformers, kind).from_pretrained(self.folder, local_files_only=True, **more)


def find(network: Network) -> Checkpoint:
    """The checkpoint that the settings name, its files checked. Raises NetworksError, with the remedy."""
    folder = _folder(network)
    config = _json(network.checkpoint, folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise NetworksError(
            f"{network.checkpoint}: its config.json names no model_type; it is no checkpoint of a network"
        )
    return Checkpoint(
        name=network.checkpoint,
        folder=folder,
        config=config,
        weights=_weights(network, folder),
        allow_pickle=network.allow_pickle,
    )


def is_directory(name: str) -> bool:
    """Whether the settings mean a directory: one that is there, or what can be nothing else."""
    return name.startswith(("/", ".", "~")) or Path(name).expanduser().is_dir()


def _folder(network: Network) -> Path:
    name = network.checkpoint
    if is_directory(name):
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise NetworksError(f"{name}: no such directory; networks in stores.yaml names it")
        return folder
    with explained(name):
        import huggingface_hub
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            return Path(
                huggingface_hub.snapshot_download(
                    name, revision=network.revision, local_files_only=True, allow_patterns=_patterns(network)
                )
            )
        except LocalEntryNotFoundError as error:
            at = f" at revision {network.revision}" if network.revision else ""
            raise NetworksError(
                f"{name}: not on this machine{at}; bring it: amiko networks pull --settings stores.yaml"
            ) from error
        except HFValidationError as error:
            raise NetworksError(f"{name}: {_first_line(error)}") from error


def pull(network: Network) -> Path:
    """Bring a repository of the hub into the hub's own cache (HF_HOME); the folder with its files.

    The last part of the folder's name is the commit, which `revision` in the settings can pin. Raises NetworksError.
    """
    name = network.checkpoint
    with explained(name):
        import huggingface_hub
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        elsewhere = (
            f"On a machine that can: hf download {name} --local-dir FOLDER; then name that folder in stores.yaml"
        )
        try:
            return Path(
                huggingface_hub.snapshot_download(name, revision=network.revision, allow_patterns=_patterns(network))
            )
        except GatedRepoError as error:
            raise NetworksError(
                f"{name}: its owners ask for consent: give it on its page, then: hf auth login"
            ) from error
        except RepositoryNotFoundError as error:
            raise NetworksError(
                f"{name}: the hub has no such repository: check its name, or log in: hf auth login"
            ) from error
        except RevisionNotFoundError as error:
            raise NetworksError(f"{name}: the repository has no revision {network.revision}") from error
        except HFValidationError as error:
            raise NetworksError(f"{name}: {_first_line(error)}") from error
        except (LocalEntryNotFoundError, OSError) as error:
            offline = huggingface_hub.constants.HF_HUB_OFFLINE
            why = "HF_HUB_OFFLINE forbids to ask the hub" if offline else "the hub can't be reached"
            raise NetworksError(f"{name}: {why}.\n{elsewhere}") from error


def quiet(transformers: Any) -> None:
    """Progress bars and advice for programmers are nothing for a shop's log."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Whatever goes wrong while a network is loaded becomes a NetworksError that names it."""
    try:
        yield
    except NetworksError:
        raise
    except ModuleNotFoundError as error:
        if error.name in {"transformers", "huggingface_hub"}:
            raise NetworksError(f"{name}: a network that is not embedded needs transformers; {INSTALL}") from error
        raise NetworksError(f"{name}: {_first_line(error)}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _too_large(name) from error
    except RuntimeError as error:
        if "allocate memory" in str(error) or "out of memory" in str(error):
            raise _too_large(name) from error
        raise NetworksError(f"{name}: can't be loaded: {_first_line(error)}") from error
    except Exception as error:
        raise NetworksError(f"{name}: can't be loaded: {_first_line(error)}") from error


def _too_large(name: str) -> NetworksError:
    return NetworksError(f"{name}: not enough memory to load it; take a smaller checkpoint or fewer replicas")


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)


def _patterns(network: Network) -> list[str]:
    return FILES + PICKLED if network.allow_pickle else FILES


def _json(name: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NetworksError(f"{name}: there is no {path.name} in {path.parent}; it is no checkpoint") from None
    except (OSError, ValueError) as error:
        raise NetworksError(f"{path}: is damaged ({_first_line(error)}); bring the checkpoint again") from error
    if not isinstance(document, dict):
        raise NetworksError(f"{path}: expected a JSON object; bring the checkpoint again")
    return document


def _weights(network: Network, folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = set(_json(network.checkpoint, index).get("weight_map", {}).values())
        files = [folder / str(name) for name in sorted(names)]
    else:
        files = [folder / "model.safetensors"]
    if files and all(path.is_file() for path in files):
        for path in files:
            _check_whole(path)
        return tuple(files)
    pickled = sorted(folder.glob("pytorch_model*.bin"))
    if pickled and network.allow_pickle:
        return tuple(pickled)
    if pickled:
        raise NetworksError(
            f"{network.checkpoint}: has no safetensors, and a pickled file can run anything when it is read;"
            " take another revision, or set allow_pickle: true if you trust it"
        )
    missing = next((path.name for path in files if not path.is_file()), "model.safetensors")
    raise NetworksError(f"{network.checkpoint}: there is no {missing} in {folder}; bring the checkpoint again")


def _check_whole(path: Path) -> None:
    """A safetensors file says in its header how long it is: one that was cut off is found without reading it all."""
    damaged = NetworksError(f"{path}: is cut off or damaged; bring the checkpoint again")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size:
                raise damaged
            header = json.loads(file.read(length))
        ends = [part["data_offsets"][1] for name, part in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged from error
    if size != 8 + length + max(ends, default=0):
        raise damaged
