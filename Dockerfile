# A server of predictors: no TensorFlow, no PyTorch, nobody's rights, a root that is only read.
#
#   docker build -t ktrain-sentiment .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8080:8080 -e SENTIMENT_API_KEY \
#       -v "$PWD/runs/reviews/predictor:/predictor:ro" ktrain-sentiment

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements/serve.txt requirements/
RUN python3 -m venv /app \
    && /app/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY ktrain_sentiment ktrain_sentiment
# What installs and builds stays here: a server that is broken into has no use for it.
RUN /app/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /app/bin/python -m pip uninstall --yes setuptools pip

FROM python:3.12-slim-bookworm
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65534:65534
WORKDIR /tmp
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["/app/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health')"]
ENTRYPOINT ["ktrain-sentiment", "serve"]
CMD ["/predictor", "--host", "0.0.0.0"]
