"""Train a world model of the built-in rooms and take one step in it.

The recipe `rooms-tiny` takes seconds and gives a model that is good for nothing but to see that all
runs; `rooms-64` is the packaged one and takes about ten hours on two cores.

    python examples/train.py
"""

from dataclasses import replace
from pathlib import Path

from twospeed import Dream, FastWeights, WorldModel, make_world, train_world_model
from twospeed.recipes import RECIPES


def main(out: Path = Path("runs/tiny"), episodes: int = 16) -> Dream:
    """Train on episodes that are walked on the spot; the same call goes on where it was stopped."""
    recipe = RECIPES["rooms-tiny"]()
    recipe = replace(recipe, recording=replace(recipe.recording, episodes=episodes))
    trained = train_world_model(recipe, None, out)
    print(f"held-out loss {trained.figures.denoiser_loss:.2f}, model in {trained.folder}")
    model = WorldModel.from_pretrained(trained.folder)
    size = model.settings.frame_size
    first = make_world("rooms", frame_size=size).reset(seed=800_000).frame
    dream = Dream(model, first, memory=FastWeights(model))
    dream.step("turn left")
    return dream


if __name__ == "__main__":
    main()
