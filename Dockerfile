# Pillion in a container: `pillion serve` (or any other command) as a user without rights.
#
#   docker build -t pillion .
#   docker run --rm -v pillion:/library -v "$HOME/Pictures:/files:ro" pillion index /files --no-wait
#   docker run -d --name pillion --init -p 127.0.0.1:8640:8640 -v pillion:/library -v "$HOME/Pictures:/files:ro" pillion
#
# The files are mounted read-only: Pillion only reads them. The user's number (1000) must be able to read them.

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make nasm python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends tesseract-ocr \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/pillion-*.whl)[documents,embeddings,heif,ocr,raw,serve,speech,video]" \
    && rm -rf /wheels
RUN useradd --uid 1000 --create-home pillion \
    && mkdir /library /files \
    && chown pillion:pillion /library
USER pillion
ENV PILLION_LIBRARY=/library PYTHONUNBUFFERED=1
VOLUME /library
EXPOSE 8640
STOPSIGNAL SIGTERM
ENTRYPOINT ["pillion"]
CMD ["serve", "--host", "0.0.0.0"]
