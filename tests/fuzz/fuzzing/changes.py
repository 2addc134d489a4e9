"""How real files are changed: in the terms of their format, or blindly."""

import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

VALUES = (
    None, True, False, 0, -1, 1, 3, 0.5, 1e308, 10**18, 10**30, float("nan"), float("inf"),
    "", "x", "4", "(", "a" * 3000, "../../x", "/", "\0", "[/red]", "$\\frac{$", "\u65e5\u672c",
    [], {}, [[]], [None], {"a": 1}, [1, "2"], [[1, 2, 3]] * 5,
)  # fmt: skip
TEXTS = (
    "NaN", "-1", "1e999", "null", "[]", "{}", '""', "true", "9" * 6000, "[" * 3000, "2147483648",
    r'"\ud800"', "-0.0", "1" + "0" * 30,
)  # fmt: skip


def change_bytes(content, random):
    """Flip, cut, insert, repeat or blank some bytes, oftener near the beginning."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 3)):
        size = len(changed)
        if not size:
            break
        at = random.randrange(min(size, 400) if random.random() < 0.5 else size)
        to = min(size, at + random.choice((1, 2, 4, 16, 200)))
        kind = random.choice(("flip", "set", "cut", "end", "insert", "repeat", "blank"))
        if kind == "flip":
            changed[at] ^= 1 << random.randrange(8)
        elif kind == "set":
            changed[at] = random.choice((0, 1, 127, 128, 255))
        elif kind == "cut":
            del changed[at:to]
        elif kind == "end":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = bytes(random.randrange(256) for _ in range(random.randint(1, 8)))
        elif kind == "repeat":
            changed[at:at] = changed[at:to]
        else:
            changed[at:to] = bytes(to - at)
    return bytes(changed)


def change_text(content, random):
    """Put something else in the place of a number or a word."""
    tokens = list(re.finditer(rb"-?\d+(\.\d+)?|[A-Za-z_]+", content))
    if not tokens:
        return change_bytes(content, random)
    token = random.choice(tokens)
    other = random.choice(TEXTS).encode()
    return content[: token.start()] + other + content[token.end() :]


def change_json(content, random):
    """Put another value in the place of one, or take, rename or add one."""
    try:
        whole = json.loads(content)
    except ValueError:  # lines of JSON
        return change_text(content, random)
    places = list(_places(whole))
    if not places or random.random() < 0.2:
        return change_text(content, random)
    inside, key = random.choice(places)
    kind = random.choice(("set", "set", "set", "remove", "rename", "add"))
    if kind == "set" or isinstance(inside, list):
        inside[key] = random.choice(VALUES)
    elif kind == "add":
        inside[random.choice(("more", "a" * 2000, ""))] = random.choice(VALUES)
    else:
        value = inside.pop(key)
        if kind == "rename":
            inside[f"{key}x"] = value
    return json.dumps(whole).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, it in list(items):
        yield value, key
        if isinstance(it, dict | list):
            yield from _places(it)


def change_safetensors(content, random):
    """Change the header, or the JSON that a text of its metadata holds."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    said = header.get("__metadata__", {})
    if said and random.random() < 0.7:
        name = random.choice(sorted(said))
        said[name] = change_json(said[name].encode(), random).decode("utf-8", "replace")
        changed = json.dumps(header).encode()
    else:
        changed = change_json(content[8 : 8 + size], random)
    return len(changed).to_bytes(8, "little") + changed + content[8 + size :]


def change_tar(content, random):
    """Change a member, or what its header says."""
    changed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as old,
        tarfile.open(fileobj=changed, mode="w") as new,
    ):
        members = old.getmembers()
        chosen = random.choice(members)
        for member in members:
            inside = old.extractfile(member).read()
            if member is chosen:
                inside = change(inside, Path(member.name).suffix, random)
                member.size = len(inside)
                if random.random() < 0.2:
                    member.type = random.choice((b"0", b"1", b"2", b"3", b"5", b"6", b"S", b"x"))
                if random.random() < 0.1:
                    member.name = random.choice(("../../x.json", "/x.json", "x.mkv", ".json"))
            new.addfile(member, io.BytesIO(inside))
    return changed.getvalue()


def change_zip(content, random):
    """Change a member behind its checksum, as in a .npz."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        chosen = random.choice(old.namelist())
        for name in old.namelist():
            inside = old.read(name)
            if name == chosen:
                inside = random.choice((change_bytes, change_text))(inside, random)
            new.writestr(name, inside)
    return changed.getvalue()


STRUCTURES = {
    ".json": change_json, ".jsonl": change_text, ".csv": change_text, ".txt": change_text,
    ".safetensors": change_safetensors, ".tar": change_tar, ".npz": change_zip,
    ".npy": change_text,
}  # fmt: skip


def change(content, suffix, random):
    """Change the content of a file in the terms of its format, or blindly."""
    structured = STRUCTURES.get(suffix, change_bytes)
    if random.random() < 0.25:
        structured = change_bytes
    return structured(content, random)
