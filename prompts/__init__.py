"""Prompts: texts in catalogues, voices and recordings, and the audio that is built from them."""

import os

# onnxruntime, which runs neural voices, reports its use to its maker unless this is set
# before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
