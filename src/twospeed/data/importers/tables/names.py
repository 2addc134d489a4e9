"""How tables name videos: by path, by file name, with or without ending, in any way of writing.

The ways of writing are those of the systems that people move their files between: letters with
accents as one sign or two, slashes or backslashes, a path below the folder or a whole one.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from twospeed.core.fields import shown
from twospeed.core.video_header import ENDINGS
from twospeed.data.importers.account import Account
from twospeed.data.importers.files import files_of
from twospeed.data.importers.tables.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Videos:
    """The videos below a folder, by every name that they may have."""

    roots: tuple[PurePath, ...]
    """Every way to write the folder."""

    by_name: dict[str, list[Path]] = field(default_factory=dict)
    by_loose_name: dict[str, set[str]] = field(default_factory=dict)
    """Their file names without case and double spaces -> their paths below the folder."""

    def named(self, name: str) -> list[Path]:
        """Return the files that a name may mean."""
        return next((self.by_name[it] for it in self._spellings(name) if it in self.by_name), [])

    def _spellings(self, name: str) -> Iterator[str]:
        for text in (name, _normal(name), _normal(name.replace("\\", "/"))):
            path = PurePath(text)
            yield path.as_posix()
            for root in self.roots:
                if path.is_relative_to(root):
                    yield path.relative_to(root).as_posix()

    def like(self, name: str) -> str | None:
        """Return the one video whose name differs in folders, case or spaces alone."""
        found = self.by_loose_name.get(_loose(name), set())
        return next(iter(found)) if len(found) == 1 else None


def videos_below(folder: Path) -> Videos:
    """Return the videos below a folder; hidden ones do not count."""
    roots = {PurePath(_normal(str(it))) for it in (folder.absolute(), folder.resolve())}
    videos = Videos(roots=(folder.absolute(), *sorted(roots)))
    found = files_of(folder.rglob("*"), folder, ENDINGS, Account())
    for path in found:
        relative = path.relative_to(folder)
        videos.by_loose_name.setdefault(_loose(path.name), set()).add(relative.as_posix())
        for name in {path.stem, path.name, relative.with_suffix("").as_posix()}:
            videos.by_name.setdefault(_normal(name), []).append(path)
    whole: dict[str, list[Path]] = {}
    for path in found:
        whole.setdefault(_normal(path.relative_to(folder).as_posix()), []).append(path)
    videos.by_name.update(whole)
    videos.by_name.update({path.relative_to(folder).as_posix(): [path] for path in found})
    return videos


def video_of(row: Row, videos: Videos, account: Account) -> Path | None:
    """Return the file of the video that a row names, or say why there is none."""
    name = row.values["video"]
    found = videos.named(name)
    if not found:
        like = videos.like(name)
        hint = f": is it {like!r}?" if like else ""
        line = f"{row.where}: there is no video {shown(name)}{hint}; skipped"
        account.say(line, kind="rows whose video is not there, skipped")
    elif len(found) > 1:
        folders = ", ".join(sorted(path.parent.name for path in found))
        line = f"{row.where}: there is a video {shown(name)} in each of {folders}: name it so"
        account.say(f"{line}; skipped", kind="rows whose name several videos have, skipped")
    return found[0] if len(found) == 1 else None


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _loose(name: str) -> str:
    last = _normal(name).replace("\\", "/").rpartition("/")[2]
    return " ".join(last.casefold().split())
