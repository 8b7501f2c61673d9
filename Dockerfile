# docker build -t qnetsim .
# docker run --rm -v "$PWD:/work" qnetsim compare nsfnet
FROM python:3.11-slim AS build
WORKDIR /source
COPY LICENSE MANIFEST.in README.md pyproject.toml setup.cfg setup.py ./
COPY qnetsim qnetsim
COPY models models
COPY scenarios scenarios
COPY traces traces
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
COPY constraints.txt /tmp/constraints.txt
# EXTRAS: "learn", "fast", "gurobi", "topohub", "xarray", "dask", "parquet" or "all"; the core alone unless given
ARG EXTRAS=""
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-compile -c /tmp/constraints.txt \
    "$(ls /wheels/*.whl)${EXTRAS:+[$EXTRAS]}"
WORKDIR /work
ENTRYPOINT ["qnetsim"]
CMD ["--help"]
