"""The slow weights: text -> tokens, frames <-> latents, denoiser, masked diffusion, sampler.

May import core.
"""
