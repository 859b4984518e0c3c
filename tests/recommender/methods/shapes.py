"""Published models the tests of these methods are written on."""

from __future__ import annotations

from recommender.methods.model_memory import ModelShape

LLAMA_8B = ModelShape(8.03e9, 32, 8, 128, attention_heads=32)
LLAMA_70B = ModelShape(70.6e9, 80, 8, 128, attention_heads=64)
LLAMA_405B = ModelShape(405e9, 126, 8, 128, attention_heads=128)
LLAMA_2_7B = ModelShape(6.74e9, 32, 32, 128, attention_heads=32)
QWEN_14B = ModelShape(14.8e9, 40, 8, 128, attention_heads=40)
QWEN_32B = ModelShape(32.8e9, 64, 8, 128, attention_heads=64)
