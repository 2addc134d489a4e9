"""What a step of the sampler asks of the denoiser: questions, guidance."""
