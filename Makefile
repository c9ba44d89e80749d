# SRE Agent. 'make help' lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

YES ?=
NAME ?=
DATA ?=
SCORERS ?=
PYTHON ?= python3
RUNS ?=
SEED ?=
SWIFT_BUILD := swift build
PACKAGES := libhiredis-dev redis-server redis-sentinel prometheus prometheus-node-exporter protobuf-compiler curl iproute2 openssh-client openssl
LIBRARIES = $(filter-out TestSupport Proofs SafetyProofs KubeSimulator,$(shell sed -n \
  '/\.target.$$/{n;s/^[^"]*name: "\([A-Za-z]*\)".*/\1/p};s/.*\.target.name: "\([A-Za-z]*\)".*/\1/p' Package.swift))
PROTOC_GEN := .build/debug/protoc-gen-swift
PROVE_FLAGS = $(if $(filter fuzz,$(NAME)),--sanitize=address --scratch-path .build/address,-c release)
PROVE_FOLDER = $(if $(filter fuzz,$(NAME)),.build/address/debug,.build/release)

.PHONY: help deps build test lint format proto demo bench bench-peers docs prove sanitize clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

deps: ## Install the system packages that are missing (Debian)
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	command -v kubectl >/dev/null || missing="$$missing kubernetes-client"; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  if [ "$$(id -u)" = 0 ]; then as_root=""; else as_root="sudo"; fi; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  $$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

build: deps ## Build everything (debug)
	$(SWIFT_BUILD)

test: deps build ## Build and run the whole test suite
	$(SWIFT_BUILD) --product protoc-gen-swift
	$(SWIFT_BUILD) --build-tests
	@# The numeric suites and the proofs keep the threads of a small machine busy; by themselves they starve nobody. The
	@# others talk to servers and programs with deadlines: eight at a time, so that each gets its turn in time.
	swift test --skip-build --parallel --filter TimeSeriesTests
	swift test --skip-build --no-parallel --filter ProofTests
	swift test --skip-build --parallel --experimental-maximum-parallelization-width 8 --skip 'TimeSeriesTests|ProofTests'

lint: ## Check formatting and documentation of the sources
	swift format lint --strict --recursive Package.swift Sources Tests

format: ## Format the sources
	swift format format --in-place --recursive Package.swift Sources Tests

proto: deps ## Generate the Swift code of proto/ again
	$(SWIFT_BUILD) --product protoc-gen-swift
	protoc --proto_path=proto --plugin=$(PROTOC_GEN) --swift_opt=Visibility=Package --swift_opt=FileNaming=DropPath \
	  --swift_out=Sources/Contracts/WireFormat/Generated $$(find proto -name '*.proto')

demo: deps ## Walk one incident to its end (YES=1 signs the approval by itself)
	$(SWIFT_BUILD)
	.build/debug/sre-agent demo $(if $(YES),--yes)

bench: deps ## Measure: NAME=redis|decode|takeover|idle|approval|throughput, or detect|breach|forecast with DATA=DIR SCORERS=DIR
ifneq ($(filter redis decode takeover idle,$(firstword $(NAME))),)
	$(SWIFT_BUILD) -c release --product sre-bench-bus
	$(if $(filter decode,$(firstword $(NAME))),$(SWIFT_BUILD) -c release --product sre-bench-decode)
	$(if $(filter takeover,$(firstword $(NAME))),$(SWIFT_BUILD) -c release --product sre-prove)
	$(if $(filter idle,$(firstword $(NAME))),$(SWIFT_BUILD) -c release --product sre-analyzer)
	.build/release/sre-bench-bus $(NAME)
else ifeq ($(NAME),approval)
	$(SWIFT_BUILD) -c release
	.build/release/sre-prove approval $(if $(RUNS),--runs $(RUNS))
else
	$(SWIFT_BUILD) -c release --product sre-bench
	$(PYTHON) Tests/Benchmarks/Engines/bench.py $(or $(NAME),throughput) $(if $(DATA),--data "$(DATA)") \
	  $(if $(SCORERS),--scorers "$(SCORERS)")
endif

bench-peers: ## Measure river, PyOD, scikit-learn, statsmodels, statsforecast and prophet beside us (Tests/Benchmarks/Engines/requirements.txt)
	$(SWIFT_BUILD) -c release --product sre-bench
	$(PYTHON) Tests/Benchmarks/Engines/bench_peers.py

docs: ## Build the documentation of every library with DocC into .build/docs; a warning is an error
	@mkdir -p .build/docs
	swift package --allow-writing-to-directory .build/docs generate-documentation \
	  $(foreach library,$(LIBRARIES),--target $(library)) \
	  --symbol-graph-minimum-access-level package --warnings-as-errors --output-path .build/docs

prove: deps ## Run a proof in its full form (NAME=differential, RUNS=20000, SEED=1); writes .build/prove/NAME.json
	@# Decoders are fuzzed under the address sanitizer, in a build of its own.
	$(SWIFT_BUILD) $(PROVE_FLAGS) --product sre-prove
	$(PROVE_FOLDER)/sre-prove $(NAME) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

sanitize: deps ## Run the tests of the pure libraries under the thread sanitizer (a build of its own, minutes)
	$(SWIFT_BUILD) --sanitize=thread --scratch-path .build/thread --build-tests
	TSAN_OPTIONS=suppressions=$(CURDIR)/.tsan-suppressions \
	  swift test --skip-build --sanitize=thread --scratch-path .build/thread --no-parallel \
	  --filter 'ModelTests|WireFormatTests|BusTests|AuthorityTests|DecisionTests|RemediationTests|PerceptionTests'

clean: ## Remove everything that was built
	rm -rf .build .run
