from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.data.recording import RecordingConfig
from twospeed.training.adversarial.config import AdversarialConfig
from twospeed.training.adversarial.critic import Critic
from twospeed.training.adversarial.learning import Adversarial
from twospeed.training.adversarial.rollouts import RollOuts
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import WorldSource
from twospeed.training.data.walks import draw_walks
from twospeed.training.data.windows import LatentWindows
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.denoiser import interpolated
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.worldmodel.asking.guidance import Guidance
from twospeed.worldmodel.asking.questions import SlowReading
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.sampler import sample

RECORDING = RecordingConfig(
    world="rooms", episodes=8, chunks=5, frame_size=16, episodes_per_shard=4
)
CONFIG = AdversarialConfig(
    chunks=3,
    sampling_steps=(3,),
    critic_first=2,
    critic_width=8,
    loop=LoopConfig(steps=6, learning_rate=1e-3, warmup_steps=1, checkpoint_minutes=0.0),
)
SLOW = SlowLearningConfig(batch_size=2)


@pytest.fixture
def windows(model, tmp_path):
    return LatentWindows(
        fill_cache(WorldSource(config=RECORDING), model.autoencoder, tmp_path / "latents")
    )


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def walks_of(model, windows, seed=0, **options):
    sizes = {"walks": 2, "chunks": 3, "past_frames": 4, "new_frames": 4} | options
    return draw_walks(windows, draws(seed), text_encoder=model.text_encoder, **sizes)


def learning_of(model, windows, config=CONFIG, slow_loss=lambda generator: torch.zeros(())):  # noqa: ARG005
    return Adversarial(model, windows, SLOW, config, slow_loss)


def changed(before, after):
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def copied(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_a_walk_is_chunks_in_a_row_with_the_actions_that_led_to_them(model, windows):
    walks = walks_of(model, windows)
    assert walks.latents_BCTHW.shape[2] == 4 + 3 * 4
    assert (walks.past_frames, walks.chunk_frames, len(walks.text_GBND)) == (4, 4, 3)
    episodes = [torch.from_numpy(it.latents_TCHW.astype("float32")) for it in windows.train]
    actions = [it.actions for it in windows.train]
    for number, walk in enumerate(walks.latents_BCTHW.transpose(1, 2)):
        (place,) = [
            (episode, start)
            for episode, latents in enumerate(episodes)
            for start in range(len(latents) - 15)
            if torch.equal(latents[start : start + 16], walk)
        ]
        episode, first = place[0], (place[1] + 3) // 4
        said = model.text_encoder.encode(actions[episode][first : first + 3])
        torch.testing.assert_close(walks.text_GBND[:, number], said)


def test_what_is_seen_is_every_chunk_after_the_frame_before_it(model, windows):
    walks = walks_of(model, windows)
    seen = walks.seen().unflatten(0, (3, 2))
    for chunk in range(3):
        start = 3 + 4 * chunk
        assert torch.equal(seen[chunk], walks.latents_BCTHW[:, :, start : start + 5])


def test_walks_longer_than_every_episode_are_refused(model, windows):
    with pytest.raises(ConfigError, match="cannot be cut"):
        walks_of(model, windows, chunks=9)


@pytest.mark.parametrize("guidance", [0.0, 1.5])
def test_a_roll_out_goes_on_from_what_was_generated_as_use_does(model, windows, guidance):
    model.configure(guidance=guidance, guided_from=600, sampling_steps=1)
    walks = walks_of(model, windows)
    config = replace(CONFIG, sampling_steps=(1,))
    made = RollOuts(model, config)(walks, draws(5), learns=False).unflatten(0, (3, 2))
    generator, past = draws(5), walks.past_BCPHW
    none = model.text_encoder.encode([""]).expand(2, -1, -1)
    for chunk, text in enumerate(walks.text_GBND):
        torch.randint(1, (1,), generator=generator)
        noise = torch.randn(past.shape, generator=generator)
        torch.randint(1, (1,), generator=generator)
        reading = SlowReading(Reading.of(model.denoiser, past, text))
        with torch.no_grad():
            new = sample(
                Guidance(reading, none, scale=guidance, guided_from=600),
                noise,
                past_BCTHW=past,
                steps=model.schedule.steps(1, (past.shape[1], 8, *past.shape[3:])),
            )
        torch.testing.assert_close(made[chunk], torch.cat([past[:, :, -1:], new], dim=2))
        past = new


def test_the_gradient_goes_through_one_judged_step_of_each_chunk(model, windows):
    walks, calls, ours = walks_of(model, windows), [], model.denoiser

    def denoiser(noisy, level, text):
        answer = ours(noisy, level, text)
        calls.append((answer.requires_grad, int(level[0, -1])))
        return answer

    model.denoiser = denoiser
    config = replace(CONFIG, sampling_steps=(4,), judged_below=500)
    assert RollOuts(model, config)(walks, draws()).requires_grad
    assert [level for _, level in calls] == 3 * [1000, 750, 500, 250]
    for chunk in range(3):
        learned = [level for learns, level in calls[4 * chunk : 4 * chunk + 4] if learns]
        assert len(learned) == 1
        assert learned[0] <= 500


def test_the_critic_learns_alone_at_first_and_what_is_made_for_memory_never(model, windows):
    learning = learning_of(model, windows)
    learning.loss(0, draws()).backward()
    assert all(it.grad is None for it in model.denoiser.parameters())
    assert all(it.grad is not None for it in learning.both["critic"].parameters())
    learning.loss(2, draws()).backward()
    told = {name for name, it in model.denoiser.named_parameters() if it.grad is not None}
    assert told
    assert not any(name.startswith(("recall", "text_in")) for name in told)


def test_the_denoiser_moves_the_critic_by_its_own_loss_alone(model, windows):
    grads = []
    for weight in (0.0, 100.0):
        learning = learning_of(model, windows, replace(CONFIG, weight=weight))
        learning.loss(2, draws()).backward()
        grads.append([it.grad.clone() for it in learning.both["critic"].parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_against_a_critic_that_stands_still_the_scores_of_what_is_made_rise(model, windows):
    walks, critic = walks_of(model, windows), Critic(model.denoiser.config.latent_channels, 16, 8)
    roll_outs = RollOuts(model, replace(CONFIG, sampling_steps=(2,)))
    optimizer = torch.optim.Adam(model.denoiser.parameters(), 1e-3)
    text = walks.text_GBND.flatten(0, 1)

    def score():
        return critic(roll_outs(walks, draws()), text).mean()

    before = float(score().detach())
    for _ in range(10):
        optimizer.zero_grad()
        (-score()).backward()
        optimizer.step()
    assert float(score().detach()) > before + 0.05


def test_a_critic_tells_noise_from_what_is_true(model, windows):
    walks = walks_of(model, windows)
    true, text = walks.seen(), walks.text_GBND.flatten(0, 1)
    noise = torch.randn(true.shape, generator=draws())
    critic = Critic(true.shape[1], 16, 8)
    optimizer = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        (critic(noise, text) - critic(true, text)).mean().backward()
        optimizer.step()
    assert (critic(true, text) > critic(noise, text)).all()


def test_the_weights_end_on_the_way_to_what_was_learned():
    begun = {"weight": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    learned = {"weight": torch.tensor([4.0, 2.0]), "count": torch.tensor(5)}
    ends = interpolated(begun, learned, 0.25)
    assert ends["weight"].tolist() == [1.0, 2.0]
    assert ends["count"] == 5


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(model, windows, whole_after_kills):
    start = copied(model.denoiser)

    def train(out, killing):
        model.denoiser.load_state_dict(start)
        learning = learning_of(model, windows)
        return run_loop(learning.both, killing(learning.loss), CONFIG.loop, out=out).state_dict()

    whole = whole_after_kills(train, 4)
    assert changed({f"denoiser.{name}": it for name, it in start.items()}, whole)
