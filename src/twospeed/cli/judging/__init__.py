"""Commands that judge: videos, memories, and what people say of them."""
