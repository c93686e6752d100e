# Each line is a command that one could type. `run`, `test` and `lint` share one profile and one set of
# features, so that Lance is compiled once for all of them.

FEATURES := --features kv-lance/cli,kv-lance/metrics
KV := cargo run --quiet $(FEATURES) --bin kv --

# A workspace of its own, with Lance built once more; always the same features, so that it is once.
SURREALDB := --locked --manifest-path kv-surrealdb/Cargo.toml --features cli,core,mem,server,surrealkv
SURREALDB_CARGO := CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/surrealdb cargo
# Those of the other engines, and of the fuzz targets, compile no Lance.
PEERS_CARGO := CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/peers cargo
# What they do otherwise depending on the time of the day, so that it cannot be waived: see kv-bench/peers/README.md.
PEERS_SKIPPED := --skip giving_way --skip surrealkv::storms
FUZZ_CARGO := RUSTFLAGS='--cfg fuzzing' CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/fuzz cargo

# What `make check` does, a target for each.
STEPS := setup format dependencies documents packages clippy docs test examples peers fuzz-build surrealdb-check run

EXAMPLES := $(basename $(notdir $(wildcard kv-lance/examples/*.rs))) backend

BEGUN := $(shell date +%s)

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 24

.PHONY: setup
setup: ## Finds protoc for Lance's build scripts
	@scripts/setup

.PHONY: run
run: setup ## A tour: this repository's files in a new store in ./demo-store
	cargo build $(FEATURES) --bin kv
	$(KV) tour --source . --into ./demo-store

.PHONY: check
check: ## Everything that CI asks for, in its order
	@for step in $(STEPS); do \
		printf '\n=== %s (after %d s)\n' "$$step" "$$(($$(date +%s) - $(BEGUN)))"; \
		$(MAKE) --no-print-directory "$$step" || exit 1; \
	done
	@printf '\n=== passed (after %d s)\n' "$$(($$(date +%s) - $(BEGUN)))"

.PHONY: test
test: setup ## Every test
	cargo test --locked --workspace $(FEATURES)

.PHONY: examples
examples: setup ## Every example, each of which checks what it says; and that the faulty backend is found out
	cargo build --locked --workspace $(FEATURES) --examples
	@for example in $(EXAMPLES); do \
		echo "--- $$example"; cargo run --quiet --locked $(FEATURES) --example "$$example" || exit 1; \
	done
	@echo '--- broken'; ! cargo run --quiet --locked $(FEATURES) --example broken >/dev/null 2>&1

.PHONY: lint
lint: format dependencies documents clippy ## Format, dependencies, documents and clippy

.PHONY: format
format: ## Whether the sources are formatted
	cargo fmt --all --check
	cargo fmt --manifest-path kv-surrealdb/Cargo.toml --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path kv-bench/peers/Cargo.toml --check
	cargo fmt --manifest-path kv-bench/peers-worker/Cargo.toml --check

.PHONY: dependencies
dependencies: setup ## Licences and versions of dependencies, and the features that they are built with
	scripts/check-dependencies
	scripts/check-features

.PHONY: documents
documents: ## Width, links and decisions of the documents
	scripts/check-docs

.PHONY: packages
packages: setup ## Whether the packages could be published, but for building them
	scripts/check-packages

.PHONY: clippy
clippy: setup ## Clippy, warnings refused
	cargo clippy --locked --workspace --all-targets $(FEATURES) -- -D warnings

.PHONY: docs
docs: setup ## The API's documentation, warnings refused
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps $(FEATURES)

.PHONY: bench
bench: setup ## Micro-benchmarks; an optimised build
	cargo bench -p kv-bench

.PHONY: bench-ratchet
bench-ratchet: setup ## Counts instructions under valgrind and compares them with kv-bench/ratchet.json
	cargo run --release -p kv-bench -- ratchet

.PHONY: pylance
pylance: ## Reads ./demo-store with pylance and compares it with the files
	scripts/pylance demo-store .

.PHONY: outsiders
outsiders: setup ## Changes small stores' tables with pylance and LanceDB and looks at what kv makes of it
	cargo build $(FEATURES) --bin kv
	scripts/outsiders "$${CARGO_TARGET_DIR:-target}/debug/kv"

.PHONY: readers
readers: setup ## Publishes a small store and has pylance, LanceDB, Polars, DuckDB and Daft read it
	cargo build $(FEATURES) --bin kv
	scripts/readers "$${CARGO_TARGET_DIR:-target}/debug/kv"

.PHONY: audit
audit: ## Looks the dependencies up in RustSec's advisories; needs cargo-deny and the network
	scripts/audit

.PHONY: peers
peers: ## Certifies fjall, redb, LMDB and SurrealKV at level quick, and builds what compares them
	$(PEERS_CARGO) test --locked --manifest-path kv-bench/peers/Cargo.toml --test conformance -- $(PEERS_SKIPPED)
	$(PEERS_CARGO) build --locked --manifest-path kv-bench/peers-worker/Cargo.toml

.PHONY: fuzz-build
fuzz-build: ## Compiles the fuzz targets, with the compiler of the workspace: to run them takes a nightly one
	$(FUZZ_CARGO) build --locked --manifest-path fuzz/Cargo.toml --bins

.PHONY: kills
kills: setup ## Kills processes that write to a store, LOOPS of them, and looks at what they leave
	cargo run $(FEATURES) --bin kv-soak -- crash --loops $${LOOPS:-200}

.PHONY: soak
soak: setup ## Has clients work for MINUTES on a file system whose faults take turns; leaves a plot in ./soak
	MALLOC_ARENA_MAX=2 cargo run $(FEATURES) --bin kv-soak -- run --minutes $${MINUTES:-60} --out soak

.PHONY: surrealdb
surrealdb: setup ## SurrealDB on kv-lance: its tests, then a tour, and pylance; a build of its own
	$(SURREALDB_CARGO) test $(SURREALDB)
	rm -rf demo-tour demo-tour.rows
	$(SURREALDB_CARGO) run --quiet $(SURREALDB) --example surreal -- demo-tour
	scripts/surreal-pylance demo-tour

.PHONY: surrealdb-check
surrealdb-check: setup ## The shorter part of it, on kv-lance alone
	$(SURREALDB_CARGO) test $(SURREALDB) --lib --test sql
	$(SURREALDB_CARGO) test $(SURREALDB) --test conformance -- lance::

.PHONY: surrealdb-beta
surrealdb-beta: setup ## The same sources against SurrealDB 4.0.0-beta.1, and the conformance suite on it
	$(SURREALDB_CARGO) test --locked --manifest-path kv-surrealdb/beta/Cargo.toml --features core

.PHONY: surrealdb-lint
surrealdb-lint: setup ## Format and clippy of kv-surrealdb
	cargo fmt --manifest-path kv-surrealdb/Cargo.toml --check
	$(SURREALDB_CARGO) clippy $(SURREALDB) --all-targets -- -D warnings

.PHONY: surrealdb-core-tests
surrealdb-core-tests: setup ## surrealdb-core's own integration tests, on kv-lance and in memory
	kv-surrealdb/scripts/core-tests

.PHONY: clean-demo
clean-demo: ## Removes ./demo-store and what `make surrealdb` left
	rm -rf demo-store demo-tour demo-tour.rows
