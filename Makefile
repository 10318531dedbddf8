# make run    the fraud demo: needs Go, nothing else
# make test   everything a release needs
# make check  the quick part of it, no broker
# make help   the other targets

SHELL       := /bin/sh
GO          ?= go
BIN         := $(CURDIR)/bin
CACHE       := $(CURDIR)/.cache
LINT_VERSION = v2.15.0
LINT        := $(CACHE)/golangci-lint-$(LINT_VERSION)
TALLY       := $(CACHE)/tally
SUM         := $(CACHE)/testsum
STEP         = $(SUM) -tally $(TALLY)
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
DIR         ?= testdata/conformance
FUZZTIME    ?= 30s
MINUTES     ?= 20
KILLS       ?= 0
FAULT       ?=
SEEDS       ?= 10000
SEED        ?=
DEMO_FLAGS  ?=
# packages of a kind, or of two, as scripts/without-race.txt has them
kind         = $(shell sed -nE 's/^($(1)) //p' scripts/without-race.txt)
BENCH_FLAGS ?=
HISTORY     := benchmarks/history
BENCHMARKS   = $(GO) test ./benchmarks -run '^$$' -bench Queries -cpu 1 -benchtime 0.3s -count 6 -timeout 20m
BENCHSTAT_VERSION = v0.0.0-20260908200009-22c9c6c9d4da

.DEFAULT_GOAL := build
.PHONY: help run build test check conformance bench bench-peers bench-kafka bench-scale bench-windows bench-backtest bench-instances open-state bench-page page-load bench-instructions bench-history bench-compare fuzz sim sim-mutants torture torture-mutants flink-answers release site generate example-functions lint tools clean

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

run: build ## the fraud demo; DEMO_FLAGS='--duration 20s' stops by itself
	@$(BIN)/cepd demo fraud $(DEMO_FLAGS)

build: ## bin/cepd, static
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/cepd ./cmd/cepd

# All is compiled as make build does it, so that it is compiled once, and once more for
# the race detector, which needs cgo. golangci-lint has the analyzers of go vet, but
# leaves out what is generated.
test: export CGO_ENABLED = 0
test: export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) -trimpath)
test: tools build ## everything a release needs, with a real Kafka broker
	@rm -f $(TALLY)
	@scripts/need-java.sh
	@scripts/need-browser.sh
	@scripts/need-postgres.sh
	@scripts/need-s3.sh
	-@$(STEP) -step 'generated code is current' scripts/generate.sh --check
	-@$(STEP) -step gofmt scripts/gofmt.sh
	-@$(STEP) -step 'vet of generated code' $(GO) vet ./query/parse/gen
	-@$(STEP) -step golangci-lint $(LINT) run
	-@$(STEP) -step licences scripts/licences.sh
	@$(GO) list $(call kind,alone|process) >$(CACHE)/without-race
	-@$(BESIDE) >$(CACHE)/beside.log 2>&1 & \
	  echo '== go test -race; the others go on beside it, and are shown after it'; \
	  CGO_ENABLED=1 $(GO) test -race -tags pebblegozstd -vet=off -timeout 30m -json $$($(GO) list ./engine ./... | grep -vxFf $(CACHE)/without-race) | $(STEP); \
	  wait; cat $(CACHE)/beside.log
	-@$(STEP) -step 'demo, 20 s' $(BIN)/cepd demo fraud --duration 20s
	@$(STEP) -total

# What goes on beside the race detector waits a lot.
BESIDE = { echo '== go test without the race detector: processes, packages without goroutines, all of many cases'; \
	    $(GO) test -vet=off -timeout 30m -json $(call kind,process) $(call kind,both|alone) | $(STEP); \
	  echo '== what it is shipped with: chart, container, unit'; (cd deploy/check && $(GO) test -json ./...) | $(STEP); \
	  $(STEP) -step 'documentation site' scripts/site.sh --check; }

check: tools ## the quick part of test: no broker, no race detector
	@rm -f $(TALLY)
	-@$(STEP) -step gofmt scripts/gofmt.sh
	-@$(STEP) -step vet $(GO) vet ./...
	-@$(STEP) -step golangci-lint $(LINT) run
	-@echo '== go test -short'; $(GO) test -short -json ./... | $(STEP)
	@$(STEP) -total

conformance: ## DIR=path: the cases of a folder in the format of testdata/conformance
	@$(GO) run ./tools/conformance $(DIR)

bench: ## cepd's own workloads: tables, and benchmarks/results
	@$(GO) run ./benchmarks/cmd/bench $(BENCH_FLAGS)

bench-peers: ## the same on other engines: Java, Maven; PEERS_RUNS, PEERS_SCALE, PEERS_ONLY
	@$(GO) run ./benchmarks/cmd/peers

bench-kafka: ## end to end on a real broker: Java, Maven, a C compiler
	@$(GO) run ./benchmarks/cmd/kafka $(BENCH_FLAGS)

bench-scale: ## keys, window, rules, cores, skew: tables, and benchmarks/results
	@$(GO) run ./benchmarks/cmd/scale $(BENCH_FLAGS)

bench-windows: ## TUMBLE, HOP and SESSION of 10 million keys under a budget: peak memory, rate
	@$(GO) run ./benchmarks/cmd/windows $(BENCH_FLAGS)

bench-backtest: ## a pattern on a topic by a server, beside back-tests of the topic and of files: Java, Maven
	@$(GO) run ./benchmarks/cmd/backtest $(BENCH_FLAGS)

open-state: ## GIB=1: builds state of so many GiB and measures how long opening it takes
	$(GO) run ./tools/openstate -gib $(or $(GIB),1) -dir $(or $(DIR),/tmp)

bench-instances: ## how long it takes to list and filter 10,000 and a million open matches
	@$(GO) test ./engine -run '^$$' -bench BenchmarkInstances -benchtime 2s

bench-page: ## tables and plots of docs/benchmarks from benchmarks/results
	@cd benchmarks/plot && $(GO) run . ../results ../../docs/benchmarks

page-load: ## how the web page responds under RATE=120000 events per second: frames, long tasks, calls
	@scripts/need-browser.sh
	@$(GO) test ./internal/e2e/page -run 'TestPage$$' -count 1 -v -rate $(or $(RATE),120000)

bench-instructions: ## instructions per event: needs Valgrind
	@mkdir -p $(CACHE)
	@$(GO) build -o $(CACHE)/instructions ./benchmarks/cmd/instructions
	@$(CACHE)/instructions

bench-history: ## keeps the Go benchmarks of this commit in benchmarks/history
	@mkdir -p $(HISTORY)
	@$(BENCHMARKS) | tee $(HISTORY)/$$(date -u +%Y-%m-%d)-$$(git rev-parse --short HEAD).txt

bench-compare: ## the Go benchmarks against the last of benchmarks/history, or OLD=file
	@mkdir -p $(CACHE)
	@$(BENCHMARKS) >$(CACHE)/benchmarks.txt
	@$(GO) run golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION) $(or $(OLD),$(lastword $(sort $(wildcard $(HISTORY)/*.txt)))) $(CACHE)/benchmarks.txt

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

sim: ## SEEDS=n: the engine through faults in simulated time; SEED=s: that one in detail
	@$(GO) run ./tools/sim -seeds $(SEEDS) -seed '$(SEED)'

sim-mutants: ## plants bugs and says which of them the simulation finds
	@$(GO) run ./tools/simmutants

flink-answers: ## asks Flink SQL the queries of internal/differential anew: Java, Maven
	@scripts/need-java.sh
	@$(GO) run ./tools/flinkanswers

site: ## dist/site: the documentation, searchable without a server: Python 3.10 with venv, npm
	@scripts/site.sh '$(VERSION)'

release: ## dist: archives of all systems, chart, documentation; after the checks of licences and vulnerabilities
	@VERSION='$(VERSION)' scripts/release.sh

torture: ## MINUTES=n KILLS=n SEED=s FAULT=name: real faults on three brokers under load; logs of a failure in .cache/torture
	@scripts/need-java.sh
	@$(GO) test ./internal/e2e/torture -v -count 1 -timeout 0 -run 'TestTorture$$' -torture.minutes $(MINUTES) -torture.kills $(KILLS) \
	  -torture.fault '$(FAULT)' -torture.keep $(CACHE)/torture $(if $(SEED),-torture.seed $(SEED))
torture-mutants: ## plants bugs and says whether the faults find them
	@scripts/need-java.sh
	@$(GO) test ./internal/e2e/torture -v -count 1 -timeout 0 -run TestPlantedBugs -torture.bugs

generate: ## the parser from its grammar, the web page from its source: needs Java and Maven, Node 20 and npm
	@scripts/need-java.sh
	@scripts/need-browser.sh
	@scripts/generate.sh

example-functions: ## the WebAssembly module of examples/functions: needs Rust with the target wasm32-unknown-unknown
	@cd examples/functions && cargo build --release --target wasm32-unknown-unknown
	@cp examples/functions/target/wasm32-unknown-unknown/release/risk.wasm examples/functions/functions.wasm

lint: tools ## golangci-lint
	@$(LINT) run

tools: $(LINT)
	@$(GO) build -o $(SUM) ./tools/testsum

$(LINT):
	@mkdir -p $(CACHE)
	@echo 'installing golangci-lint $(LINT_VERSION)'
	@GOBIN=$(CACHE) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(CACHE)/golangci-lint $@

clean: ## removes what the targets made
	@rm -rf $(BIN) $(CACHE) dist
