"""The JSON that stands in the header of our safetensors files, changed."""

import json
import struct


def safetensors_with(content: bytes, change: dict[str, object] | str) -> bytes:
    """A file's content with other values in its own JSON, or with another text in its place."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    ((key, text),) = header["__metadata__"].items()
    header["__metadata__"][key] = change if isinstance(change, str) else json.dumps({**json.loads(text), **change})
    changed = json.dumps(header).encode()
    changed += b" " * (-len(changed) % 8)
    return struct.pack("<Q", len(changed)) + changed + content[8 + size :]
