# `make demo` shows the whole flow, `make test` proves it. Both do their own set-up.

.DEFAULT_GOAL := help
.PHONY: help demo test needs lint unit bench mutants deny pgo dashboards chart pictures clean
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
VENV  := $(CURDIR)/tests/.venv

# The tests start Python programs from here, and Node too when the machine has none or an old one.
export OTP_TEST_PYTHON := $(VENV)/bin/python
export PATH := $(VENV)/bin:$(PATH)

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Walk through fund, mail, wrong code, right code, balance; then stay up to try by hand. ARGS=--once ends.
	@$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- demo $(ARGS)

test: needs lint unit ## Install what the tests start, then check format, lints and behaviour.

needs:
	@scripts/install-test-needs.sh

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

unit:
	$(CARGO) test --locked

pgo: ## Count anew what runs often, for the release build (pgo/README.md). Some 20 minutes.
	@scripts/pgo.sh

bench: ## Measure the parts, then the whole beside its peers.
	$(CARGO) bench --locked
	@scripts/bench-whole.sh --idle 9000 $(ARGS)

FILES ?= src/domain/** src/policy/**

mutants: ## Change the pure modules one operator at a time; every change must fail a test. FILES=… takes only these.
	@$(CARGO) mutants --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-mutants
	CARGO_TARGET_DIR='$(CURDIR)/target/mutants' PROPTEST_CASES=64 $(CARGO) mutants --jobs 1 $(foreach file,$(FILES),--file '$(file)')

deny: ## Check licences, banned crates and sources; then advisories, whose database is fetched from GitHub.
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check --hide-inclusion-graph bans licenses sources
	$(CARGO) deny --locked check --hide-inclusion-graph advisories

dashboards: ## Write dashboards/*.json from dashboards/src.
	@python3 dashboards/src/generate.py

chart: ## Copy rules, dashboards and the shipped policy into the chart.
	@scripts/chart-files.sh

DRAW := dashboards/draw
DRAWN_FROM := $(CURDIR)/target/dashboards.json

# Not part of the tests: its packages are 400 MB, and the run takes minutes so that there is something to see.
pictures: needs ## Draw docs/pictures from a longer run of the dashboards' test; needs npm and Chromium.
	@[ -d $(DRAW)/node_modules ] || (cd $(DRAW) && npm ci --no-audit --no-fund --loglevel=error)
	@node $(DRAW)/types.mjs
	OTP_DASHBOARD_SCRAPES=240 OTP_DASHBOARD_DATA='$(DRAWN_FROM)' $(CARGO) test --locked --test it every_query_of_every_dashboard
	@node $(DRAW)/draw.mjs '$(DRAWN_FROM)' docs/pictures

clean: ## Remove what was built and installed here.
	$(CARGO) clean
	rm -rf tests/.venv tests/backends/node/node_modules examples/express-wallet/node_modules dashboards/draw/node_modules mutants.out mutants.out.old
