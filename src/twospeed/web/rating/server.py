"""The server of the rating page.

GET  /              the page
GET  /next?rater=   {"clip": NUMBER or null, "left": COUNT, "actions": [...]}
GET  /clip/NUMBER   the video; a number tells nothing of the memory that made it
POST /answer        {"rater": NAME, "clip": NUMBER, "values": {"quality": 0 to 1, ...}}

Clips come in an order of the rater's own; those with the fewest raters come first.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.files import read_json
from twospeed.core.random import seed_of
from twospeed.web.guard import Guard
from twospeed.web.rating.answers import Answers

STATIC = Path(__file__).parent / "static"

_MOST_BYTES = 4096
_LONGEST_NAME = 64


class Rating:
    """The clips of a run, and who has rated which.

    Args:
        run: folder of ``twospeed evaluate --protocol``; answers lie in its ``ratings.sqlite``.

    Raises:
        DataError: when there is no clip.
    """

    def __init__(self, run: Path) -> None:
        found = (run / "episodes").glob("*/*.mp4")
        self.clips = sorted(it for it in found if it.parent.name != "truth")
        if not self.clips:
            raise DataError(f"{run} holds no clips: run twospeed evaluate --protocol into it first")
        order = np.random.default_rng(seed_of("rating", len(self.clips)))
        self.clips = [self.clips[index] for index in order.permutation(len(self.clips))]
        self.answers = Answers(run / "ratings.sqlite")

    def name_of(self, number: int) -> str:
        """Return "arm/seed" of a clip."""
        return f"{self.clips[number].parent.name}/{self.clips[number].stem}"

    def next_for(self, rater: str) -> list[int]:
        """Return the clips that a rater has not rated, those with the fewest raters first."""
        pairs = {(who, clip) for who, clip, _, _ in self.answers.rows()}
        count = Counter(clip for _, clip in pairs)
        done = self.answers.done_by(rater)
        left = [it for it in range(len(self.clips)) if self.name_of(it) not in done]
        places = np.random.default_rng(seed_of("rater", rater)).permutation(len(self.clips))
        return sorted(left, key=lambda it: (count[self.name_of(it)], places[it]))

    def actions_of(self, number: int) -> list[str]:
        """Return the commands of a clip's generated chunks."""
        record = read_json(self.clips[number].with_suffix(".json"))
        frames, seen = len(record["frames"]["scene_cuts"]), record["first_judged"] - 1
        first = len(record["actions"]) * seen // (seen + frames)
        return [str(it) for it in record["actions"][first:]]


def rating_app(rating: Rating, *, host: str, token: str | None = None) -> ASGIApp:
    """Return the server as an ASGI application, guarded as the play page is.

    Args:
        rating: the clips.
        host: the address that is listened on.
        token: what others than this machine's user must know; None on loopback alone.
    """

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def following(request: Request) -> Response:
        left = rating.next_for(_rater(request.query_params.get("rater", "")))
        actions = rating.actions_of(left[0]) if left else []
        return JSONResponse(
            {"clip": left[0] if left else None, "left": len(left), "actions": actions}
        )

    async def clip(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(rating.clips):
            return PlainTextResponse("no such clip\n", status_code=404)
        return FileResponse(rating.clips[number], media_type="video/mp4", filename="clip.mp4")

    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            if len(body) > _MOST_BYTES:
                raise DataError("an answer is short")
            values = json.loads(body)
            name = rating.name_of(int(values["clip"]))
            given = {str(key): float(it) for key, it in values["values"].items()}
            rating.answers.put(_rater(values["rater"]), name, given)
        except TwospeedError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return PlainTextResponse("that is no answer\n", status_code=400)
        return JSONResponse({"kept": True})

    routes = [
        Route("/", page),
        Route("/next", following),
        Route("/clip/{number:int}", clip),
        Route("/answer", answer, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guard(Starlette(routes=routes), host=host, token=token)


def _rater(name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        raise DataError(f"a rater has a name of 1 to {_LONGEST_NAME} letters")
    return name
