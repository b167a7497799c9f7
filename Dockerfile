# Whisper and Kokoro in one image; compose.yaml runs it, docs/containers.md says how.
# The base is pinned by tag. Where the same bytes are wanted for ever, append its digest to both FROM lines that name it.

FROM python:3.13-slim-trixie AS engines
RUN python -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
WORKDIR /source
# Without the code, so that a change of it does not bring the engines again. Wheels alone: nothing is compiled.
COPY pyproject.toml ./
RUN python -m venv /opt/voicemode \
    && /uv/bin/uv pip install --no-cache --no-build --compile-bytecode --python /opt/voicemode \
        --requirement pyproject.toml --extra local

FROM engines AS wheel
COPY README.md LICENSE hatch_build.py ./
COPY voicemode voicemode
RUN /uv/bin/uv build --no-cache --wheel --out-dir /dist

FROM python:3.13-slim-trixie
# socat carries the ports of the host to the engines. Its version is Debian's: old ones leave the archive.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends socat \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /tmp --no-create-home voicemode \
    && install --directory --owner voicemode --group voicemode /models
COPY --from=engines /opt/voicemode /opt/voicemode
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/voicemode/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl
# ONNX Runtime would tell Microsoft that it was started.
ENV ORT_DISABLE_TELEMETRY=1 \
    PATH=/opt/voicemode/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    VOICEMODE_BASE_DIR=/tmp/voicemode \
    VOICEMODE_MODELS_DIR=/models
USER 10001:10001
ENTRYPOINT ["voicemode"]
