# The commands of a developer. `make test` is the one that counts: it installs
# what is missing (as root, on Debian) and runs every test there is.

# How long each fuzz test runs in `make fuzz`, and in `make soak`.
FUZZTIME ?= 10s
SOAKTIME ?= 10m
# Which Go benchmarks `make microbench` runs: `make microbench BENCH=Parse`.
BENCH ?= .
# Flags for internal/bench: `make bench BENCHFLAGS='-tags 10000'`.
BENCHFLAGS ?=

.PHONY: build image deps test check race bench bench-access bench-discovery bench-retype bench-watch microbench fuzz soak

# The binary, ./lading.
build:
	go build -o lading ./cmd/lading

# The container image, lading:latest, with docker or buildah.
image:
	scripts/image

# What the tests need: PostgreSQL, docker, skopeo, gpg, and the tools of
# tools/go.mod.
deps:
	scripts/deps

# Every test, on both catalogs and with the real clients. Results are not
# cached: Go does not see when a program that a test runs has changed.
test: deps
	scripts/with-postgres go test -count=1 -timeout=20m ./...

# The clients that take long to build, or are much to install, beside those of
# `make test`; a table of what each did. Needs root.
test-clients:
	scripts/test-clients $(CLIENTS)

# Form, vet, staticcheck, govulncheck, generated files; then the short tests
# under the race detector.
check: deps
	scripts/check
	$(MAKE) race

race: deps
	scripts/with-postgres go test -race -short -count=1 -timeout=30m ./...

# How fast manifests are put, on both catalogs, with full durability.
bench: deps
	go run ./internal/bench put $(BENCHFLAGS)
	LADING_TEST_POSTGRES_SYNC=1 scripts/with-postgres \
		sh -c 'go run ./internal/bench put -url "$$LADING_TEST_POSTGRES" $(BENCHFLAGS)'

# How fast listings, deltas and conditional requests are answered.
bench-discovery: deps
	go run ./internal/bench discovery $(BENCHFLAGS)
	LADING_TEST_POSTGRES_SYNC=1 scripts/with-postgres \
		sh -c 'go run ./internal/bench discovery -url "$$LADING_TEST_POSTGRES" $(BENCHFLAGS)'

# What listings and deltas cost callers who may see little among a million
# repositories, with passwords and rules. SQLite.
bench-access:
	go run ./internal/bench access $(BENCHFLAGS)

# How fast manifests are typed again, in how much memory, and what it costs
# those who push: a million on SQLite, fewer on PostgreSQL.
bench-retype: deps
	go run ./internal/bench retype -n 100000 -multiply 10 $(BENCHFLAGS)
	LADING_TEST_POSTGRES_SYNC=1 scripts/with-postgres \
		sh -c 'go run ./internal/bench retype -url "$$LADING_TEST_POSTGRES" $(BENCHFLAGS)'

# How late events of streams are, what idle streams weigh, what stalled ones
# cost those who push, and a restart under ten thousand.
bench-watch: deps
	go run ./internal/bench watch $(BENCHFLAGS)

# The benchmarks of the parts.
microbench: deps
	LADING_TEST_POSTGRES_SYNC=1 scripts/with-postgres \
		go test -run='^$$' -bench='$(BENCH)' -benchmem -timeout=60m ./...

fuzz:
	scripts/fuzz $(FUZZTIME)

# The long forms of the tests, and every fuzz test for longer.
soak: deps
	LADING_LONG=1 scripts/with-postgres go test -count=1 -timeout=12h ./...
	scripts/fuzz $(SOAKTIME)
