# Every target works in a fresh clone: what it needs is made first.
GO ?= go
LINT_VERSION := v2.15.0
LINT := bin/golangci-lint

.PHONY: help demo setup test race sanitize check lint bench rules generate fuzz soak ulp conformance jax-check mlx-check

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## build the engine (once; a second run does nothing)
	@$(GO) run ./cmd/adjoint setup

demo: setup ## train a small convolutional network on handwritten digits
	@$(GO) run ./examples/digits -out out/digits

test: setup ## run every test
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 $(GO) vet ./internal/engine/... ./plugins/sdk/...
	$(GO) test ./...

# What these test runs in programs of its own, which the race detector does not see.
APART := /examples/|/cmd/|/plugins/certify$$|/fast/emulate$$|/conformance/programs$$|/internal/scaffold$$
race: setup ## run the tests under the race detector
	$(GO) test -race $$($(GO) list ./... | grep -vE '$(APART)')

# A goroutine that ends inside a traced function abandons frames of C++ with what they own, so these tests run without
# the check for leaks. LeakSanitizer fails on the thread-local storage of programs with many threads unless it is told
# not to follow it; a small quarantine lets the tests of memory use pass, and a request that cannot be met the one of
# the error for it.
ASAN := quarantine_size_mb=4:allocator_may_return_null=1:intercept_tls_get_addr=0
ABANDON := Goexit|Behaviour08
sanitize: ## run the tests with the native libraries under the address, leak and undefined-behaviour sanitizers (Linux)
	$(GO) run -asan ./cmd/adjoint setup
	ASAN_OPTIONS=$(ASAN):detect_leaks=1 $(GO) test -asan -count=1 -skip '$(ABANDON)|ChainsOfAHundredThousand' \
	  ./internal/engine ./core/... ./transforms/... ./conformance
	ASAN_OPTIONS=$(ASAN):detect_leaks=0 $(GO) test -asan -count=1 -run '$(ABANDON)' ./core ./transforms/compile
	ASAN_OPTIONS=$(ASAN):detect_leaks=0 $(GO) test -asan -count=1 -run 'KernelIsAnOp|Gradients|Batches|CallPanics' ./plugins

conformance: setup ## check every op: eager, compiled, gradients, batches
	$(GO) run ./cmd/adjoint conformance

jax-check: ## compare the stored derivatives of JAX with what JAX computes
	@[ -x out/jax/bin/python ] || python3 -m venv out/jax
	@out/jax/bin/pip install -q --disable-pip-version-check -r conformance/jax/testdata/requirements.txt
	@out/jax/bin/python -B conformance/jax/testdata/make.py --check

MLX_CHECK := transforms/compile/testdata
mlx-check: setup ## have MLX Python run what is exported, and read what it exports
	@[ -x out/mlx/bin/python ] || python3 -m venv out/mlx
	@out/mlx/bin/pip install -q --disable-pip-version-check -r $(MLX_CHECK)/requirements.txt
	MLX_PYTHON=$(CURDIR)/out/mlx/bin/python $(GO) test -tags mlxpython -run MLXPython ./transforms/compile ./conformance

check: $(LINT) ## formatting, vet, lint, generated files
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run ./internal/gen -check
	$(LINT) run ./...
	$(GO) mod verify

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

lint: check

rules: setup ## write docs/RULES.md anew
	$(GO) test ./conformance -run TestTheRulesAreFresh -rewrite -count=1

generate: ## write the generated files anew
	$(GO) run ./internal/gen

bench: setup ## measure Adjoint beside MLX Python and JAX
	./benchmarks/run.sh

FUZZTIME ?= 30s
fuzz: setup ## fuzz every decoder for FUZZTIME each
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test $$p -list '^Fuzz' 2>/dev/null | grep '^Fuzz'); do \
	    echo "== $$p $$f"; $(GO) test $$p -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	  done; \
	done

SOAK ?= 30m
soak: setup ## train with plugins that are killed, hang and restart at random, for SOAK
	ADJOINT_SOAK=$(SOAK) $(GO) test ./plugins -run '^TestSoak$$' -count=1 -v -timeout 0

OPS ?= all
ulp: setup ## measure the errors of OPS (exp,log or all) on every float32 (STEP=16: one of 16; RANGE=3f000000-3f800000), and write docs/ACCURACY.md
	ADJOINT_ULP=$(OPS) ADJOINT_ULP_STEP=$(STEP) ADJOINT_ULP_RANGE=$(RANGE) $(GO) test ./conformance/accuracy \
	  -run '^(TestCasts|TestErrorsAreBounded|TestThePageIsFresh)$$' -count=1 -v -timeout 0 -rewrite
