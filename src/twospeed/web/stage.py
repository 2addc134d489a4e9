"""What each message of a page does, in the generator's thread, and what the page is told of it."""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.folders import check_place
from twospeed.core.video import Frames
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory
from twospeed.memory.memory_file import MemoryFile
from twospeed.web import messages, protocol
from twospeed.web.chunk import Done
from twospeed.web.edits import forget_share, merge_with, put_memory
from twospeed.web.frames import Shown
from twospeed.web.player import Player
from twospeed.web.protocol import json_of
from twospeed.web.recording import Recording
from twospeed.web.saving import open_session, save_session
from twospeed.web.session import Session
from twospeed.web.truth import Start, TrueWorld, start_of
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel

NOTE = "play.json"
"""Claims a run folder: in no other that holds files is anything written."""

MOST_SAVES = 100
"""Saved sessions in a run folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Observe:
    """Frames that were handed in: whole chunks, each learned under one command."""

    chunks: tuple[Frames, ...]
    text: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PutMemory:
    """A memory that was handed in."""

    file: MemoryFile


MemoryMaker = Callable[[int], FastWeights | None]
"""Makes the memory of a session of this seed; None where there is to be none."""

Act = protocol.Message | Observe | PutMemory


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """What all sessions of a server stand on."""

    model: WorldModel
    words: Words
    folder: Path
    """The run folder; nothing is written anywhere else."""

    first: str | Start
    """Where sessions begin: ``WORLD:SEED``, or a picture."""

    make_memory: MemoryMaker

    def begin(self, player: Player, message: protocol.Begin) -> None:
        """Begin a session, in the place of the one that was there.

        Raises:
            DataError, UnknownNameError, MissingExtraError: when it cannot begin there.
        """
        start, truth = self._start(message.first)
        memory = self.make_memory(message.seed) if message.memory else None
        session = Session(self.model, self.words, start, truth, memory=memory, seed=message.seed)
        self._put(player, session, f"a new walk from {start.label}")

    def perform(self, player: Player, act: Act) -> None:
        """Do what a message asks; when it fails the session is as it was before.

        Raises:
            TwospeedError: when it cannot be done.
        """
        if isinstance(act, protocol.Begin):
            self.begin(player, act)
            return
        if isinstance(act, protocol.Load):
            session = open_session(self._saved(act.name), self.model, self.words)
            self._put(player, session, f"went on from {act.name}")
            return
        session = session_of(player)
        before = session.moment()
        try:
            self._do(player, session, act)
        except Exception:
            if session.num_acts > before.num_acts:
                session.undo(session.num_acts - before.num_acts)
            session.go_back(before)
            raise

    def saves(self) -> list[str]:
        """Return the names of all saved sessions."""
        places = (self.folder / "saves").glob("*/session.json")
        return sorted(place.parent.name for place in places if _NAME.fullmatch(place.parent.name))

    def _do(self, player: Player, session: Session, act: Act) -> None:
        match act:
            case protocol.Say():
                self._say(player, session, act)
            case protocol.Undo(count=count):
                session.undo(count)
                self.tell(player, f"took back {count}", pictures=True)
            case protocol.Forget(share=share):
                forget_share(session, share)
                self.tell(player, f"forgot {share:.0%}")
            case protocol.Merge(name=name, share=share):
                merge_with(session, load_memory(self._saved(name) / "memory"), share)
                self.tell(player, f"blended {name} in, {share:.0%}")
            case protocol.Save(name=name):
                save_session(session, self._place(name))
                self.tell(player, f"saved as {name}")
            case protocol.Fork():
                name = f"fork-{secrets.token_hex(4)}"
                save_session(session, self._place(name))
                player.send(json_of("forked", name=name))
            case protocol.Record(on=on):
                self._record(player, on=on)
            case Observe():
                self._observe(player, session, act)
            case PutMemory(file=file):
                put_memory(session, file)
                self.tell(player, "another memory is in place")

    def _say(self, player: Player, session: Session, say: protocol.Say) -> None:
        if say.look:
            shown, done = session.look(say.text)
            self._show(player, shown, done.said.text, at=say.at)
            self._tell_done(player, session, done)
            return
        before, imagined = session.moment(), session.imagine(say.text)
        spent = {"infer": messages.milliseconds(imagined.seconds)}
        self._show(player, session.frames_of(imagined), imagined.said.text, at=say.at, ms=spent)
        done = session.learn(imagined, before)
        self._tell_done(player, session, done)

    def _observe(self, player: Player, session: Session, act: Observe) -> None:
        for chunk in act.chunks:
            shown, done = session.observe(chunk, act.text)
            self._show(player, shown, done.said.text)
            self._tell_done(player, session, done)

    def _show(
        self,
        player: Player,
        frames: Iterable[Shown],
        text: str,
        *,
        at: float = 0.0,
        ms: dict[str, float] | None = None,
    ) -> None:
        count, chunk = self.model.settings.chunk_frames, session_of(player).num_chunks
        for index, shown in enumerate(frames):
            player.last_sent += 1
            said = {"text": text, "at": at, "chunk": chunk, "index": index, "of": count}
            said["ms"] = ms or {}
            player.send(messages.frame_message(shown, number=player.last_sent, said=said))
            if player.recording is not None:
                player.recording.add(shown, text)

    def _tell_done(self, player: Player, session: Session, done: Done) -> None:
        seconds = done.record.seconds if done.record else 0.0
        player.send(messages.done_message(done, session, write_seconds=seconds))

    def tell(self, player: Player, note: str, *, pictures: bool = False) -> None:
        """Say how the session stands; with `pictures` also show it."""
        session = session_of(player)
        player.send(messages.state_message(session, saves=self.saves(), note=note))
        if pictures:
            player.last_sent += 1
            said = {"text": "", "at": 0.0, "chunk": session.num_chunks - 1, "index": 0, "of": 1}
            player.send(messages.frame_message(session.shown, number=player.last_sent, said=said))

    def _put(self, player: Player, session: Session, note: str) -> None:
        if player.session is not None:
            player.session.close()
        player.session, player.recording = session, None
        self.tell_all(player, note)

    def tell_all(self, player: Player, note: str) -> None:
        """Say how the session stands to a page that knows nothing of it."""
        session = session_of(player)
        whole = messages.plan_message(session), messages.thumbs_message(session)
        for message in filter(None, whole):
            player.send(message)
        self.tell(player, note, pictures=True)

    def _record(self, player: Player, *, on: bool) -> None:
        if on:
            player.recording = Recording()
            self.tell(player, "recording")
            return
        recording, player.recording = player.recording, None
        if recording is None:
            raise ConfigError("nothing is being recorded")
        name = f"walk-{secrets.token_hex(6)}.mp4"
        place = self.folder / "recordings" / name
        recording.write(place, frames_per_second=self.model.settings.frames_per_second)
        player.send(json_of("recorded", name=name, frames=len(recording)))

    def _start(self, first: str | None) -> tuple[Start, TrueWorld | None]:
        chosen = self.first if first is None else first
        if isinstance(chosen, Start):
            return chosen, None
        return start_of(chosen, self.model.settings.size)

    def _place(self, name: str) -> Path:
        """Return where a session of this name is saved."""
        if not _NAME.fullmatch(name):
            raise DataError(
                f"a name has up to 40 letters, digits, - and _ (no spaces), got {name[:60]!r}"
            )
        if name not in self.saves() and len(self.saves()) >= MOST_SAVES:
            raise DataError(f"{MOST_SAVES} sessions are saved already: remove some")
        place = self.folder / "saves" / name
        check_place(place)
        return place

    def _saved(self, name: str) -> Path:
        if name not in self.saves():
            known = ", ".join(self.saves()[:10]) or "none yet"
            raise DataError(f"no session is saved as {name[:60]!r}; saved: {known}")
        return self.folder / "saves" / name


def session_of(player: Player) -> Session:
    """Return the session of a page that has one.

    Raises:
        ConfigError: when it has none.
    """
    if player.session is None:
        raise ConfigError("no walk was begun: begin one first")
    return player.session
