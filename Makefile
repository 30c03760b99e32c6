# The commands of a developer. `make test` is the one that counts: it installs
# what is missing (as root, on Debian) and runs every test there is.

# How long each fuzz test runs in `make fuzz`, and in `make soak`.
FUZZTIME ?= 10s
SOAKTIME ?= 10m
# What benchmarks to run, and how: `make bench BENCH=PutManifest`.
BENCH ?= .
BENCHFLAGS ?= -benchmem

.PHONY: build deps test check race bench bench-discovery fuzz soak

# The binary, ./lading.
build:
	go build -o lading ./cmd/lading

# What the tests need: PostgreSQL, docker, and the tools of tools/go.mod.
deps:
	scripts/deps

# Every test, on both catalogs and with the real clients. Results are not
# cached: a test that runs a program is not run again by Go when that changes.
test: deps
	scripts/with-postgres go test -count=1 -timeout=15m ./...

# Form, vet, staticcheck, govulncheck, generated files; then the short tests
# under the race detector.
check: deps
	scripts/check
	$(MAKE) race

race: deps
	scripts/with-postgres go test -race -short -count=1 -timeout=20m ./...

bench: deps
	scripts/with-postgres go test -run='^$$' -bench='$(BENCH)' $(BENCHFLAGS) -timeout=60m ./...

bench-discovery: deps
	scripts/with-postgres go test -run='^$$' -bench='$(BENCH)' $(BENCHFLAGS) -timeout=60m \
		./internal/journal/... ./internal/catalog/... ./internal/discover/...

fuzz:
	scripts/fuzz $(FUZZTIME)

# The long forms: hours rather than minutes.
soak: deps
	LADING_SOAK=$(SOAKTIME) scripts/with-postgres go test -count=1 -timeout=12h ./...
	scripts/fuzz $(SOAKTIME)
