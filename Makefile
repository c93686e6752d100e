# Each line is a command that one could type. `run`, `test` and `lint` share one profile and one set of
# features, so that Lance is compiled once for all of them.

FEATURES := --features kv-lance/cli
KV := cargo run --quiet $(FEATURES) --bin kv --

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16

.PHONY: setup
setup: ## Finds protoc for Lance's build scripts
	@scripts/setup

.PHONY: run
run: setup ## A tour: this repository's files in a new store in ./demo-store
	cargo build $(FEATURES) --bin kv
	$(KV) tour --source . --into ./demo-store

.PHONY: test
test: setup ## Every test
	cargo test --workspace $(FEATURES)

.PHONY: lint
lint: setup ## Format, dependencies and clippy
	cargo fmt --all --check
	scripts/check-dependencies
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings

.PHONY: docs
docs: setup ## The API's documentation
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps $(FEATURES)

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

.PHONY: clean-demo
clean-demo: ## Removes ./demo-store
	rm -rf demo-store
