# Needs go, make and git. Tests and builds run without a C compiler.
GO      ?= go
GOFMT   := "$$($(GO) env GOROOT)/bin/gofmt"
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Targets too heavy for `make test`. Each is named at its end, so that nobody takes silence for a pass.
HEAVY := test-crash test-worlds test-browser

export CGO_ENABLED := 0

.PHONY: test test-crash test-worlds test-browser screenshots recordings race demo build bench lint clean

test: ## format, vet, every test of the product
	@unformatted=$$($(GOFMT) -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) test -timeout 19m -skip '^TestCrash(Points|Twice)$$' ./...
	$(GO) test -timeout 19m -v -run '^TestCrash(Points|Twice)$$' ./cmd/quarterturn
	@for tool in sh openssl node python3; do command -v $$tool >/dev/null || echo "NOT RUN: the fingerprint recipe that needs $$tool"; done
	@for target in $(HEAVY); do echo "NOT RUN: $$target"; done

test-crash: ## every stop and fault at every call of every story, and every pair of them in 26 stories; make test runs the fresh story's effects and fixed samples
	$(GO) test -count=1 ./internal/crashtest
	QUARTERTURN_CRASH=all $(GO) test -count=1 -timeout 30m -v -run '^TestCrash' ./cmd/quarterturn

test-worlds: ## 3,000 random worlds of vendors, people and faults against the invariants; make test lives through 200 fixed ones
	QUARTERTURN_WORLDS=random $(GO) test -count=1 -timeout 30m -v -run '^TestInvariants' ./rotator -rapid.checks=3000

HEAVY += test-vendors
.PHONY: test-vendors
test-vendors: ## 100,000 lying vendors, lines and people: never a false death; make test lives through every kind once
	QUARTERTURN_VENDORS=all GOGC=400 $(GO) test -count=1 -timeout 60m -v -run '^TestVendors' ./rotator

.PHONY: test-hosts
test-hosts: ## redirects, other hosts, spellings, names that lead elsewhere and bad certificates, on every way out; make test does all of it too
	$(GO) test -count=1 -v ./test/hosts

HEAVY += test-age
.PHONY: test-age
test-age: ## every hour of 2024-2032 in every IANA zone against the 90-day rule; make test looks at every 397th
	QUARTERTURN_AGE=all $(GO) test -count=1 -timeout 30m -v ./test/age

HEAVY += test-bot
.PHONY: test-bot
test-bot: ## a person who knows only the printed Next: line, from every end state of the crash harness; BOT='STORY' or 'STORY/CALL#N POSITION' walks from those; make test from a few
	QUARTERTURN_BOT='$(or $(BOT),all)' GOGC=400 $(GO) test -count=1 -timeout 30m -v -run '^TestNextLine' ./cmd/quarterturn

HEAVY += test-mutation
.PHONY: test-mutation
test-mutation: ## thousands of small faults planted in decide, Accept and the ledger, one at a time; MUTATION=PATTERN plants those it names, and a run that was stopped goes on
	QUARTERTURN_MUTATION='$(or $(MUTATION),all)' $(GO) test -count=1 -timeout 3h -v -run '^TestMutants$$' ./test/mutate

HEAVY += test-model
.PHONY: test-model
test-model: ## every state that two runners, three consumers, three pairs, faults and people can lead to, more than 10^7 of them; make test searches a fixed sample
	QUARTERTURN_MODEL=all $(GO) test -count=1 -timeout 60m -v -run '^TestModel' ./rotator

HEAVY += test-leak
.PHONY: test-leak
test-leak: ## canary keys in 22 encodings looked for on all that leaves: 1,000 rotations with faults, every command, the real program under strace, planted leaks
	@command -v strace >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends strace; } || true
	$(GO) test -count=1 -run Scanner ./secret/secrettest
	QUARTERTURN_LEAK=all $(GO) test -count=1 -timeout 30m -v -run '^TestLeak' ./cmd/quarterturn

HEAVY += test-pastes
.PHONY: test-pastes
test-pastes: ## 100,000 wrong pastes of 70 classes and 10,000 legal ones at the real door; make test hands in a fixed sample
	QUARTERTURN_PASTES=all $(GO) test -count=1 -timeout 30m -v -run 'Pastes|Words|Plants' ./test/pastes

# FUZZTIME is how long each target runs; what it finds is kept under testdata/fuzz and then fails in make test, too.
FUZZTIME ?= 10s
HEAVY += fuzz
.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME; make test runs their seeds
	@n=0; bad=0; for p in $$(grep -rl --include='*_test.go' '^func Fuzz' [a-z]* | xargs -n1 dirname | sort -u); do p=./$$p; for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	n=$$((n+1)); echo "$$p $$f"; \
	$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || bad=$$((bad+1)); done; done; echo "$$n fuzz targets, $(FUZZTIME) each: $$bad failed"; test $$bad -eq 0

# A module of its own: what drives a browser is no part of the product. SHOW runs there with the program just built.
SHOW = $(GO) build -o bin/quarterturn ./cmd/quarterturn && cd test/show &&

test-browser: ## a person's clicks through the simulated portal, in Debian's chromium without a screen; installs it where it is missing
	@command -v chromium >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; }
	$(SHOW) $(GO) vet ./... && $(GO) test -count=1 . -quarterturn $(CURDIR)/bin/quarterturn $(IMAGES)

screenshots: IMAGES = -images $(CURDIR)/docs/images
screenshots: test-browser ## the same, and docs/images made again

recordings: ## docs/recordings made again: the real demo and a real rotate, at a terminal of their own
	$(SHOW) $(GO) run ./record -quarterturn $(CURDIR)/bin/quarterturn -out $(CURDIR)/docs/recordings

HEAVY += test-kill
.PHONY: test-kill
test-kill: ## 2,000 SIGKILLs of the program as it is shipped, and builds that are weakened and must be found; make test kills 12 times
	QUARTERTURN_KILL=all $(GO) test -count=1 -timeout 60m -v ./test/kill

race: ## the same tests under the race detector; needs a C compiler
	CGO_ENABLED=1 $(GO) test -race ./...

demo: ## the whole story on loopback
	$(GO) run ./cmd/quarterturn demo

build: ## bin/quarterturn, static
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/quarterturn ./cmd/quarterturn

bench: ## figures for docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem ./...

HEAVY += test-spin
.PHONY: test-spin
test-spin: ## the Promela model of a rotation, checked exhaustively by SPIN; make test compares its rows with decide
	@command -v spin >/dev/null && command -v gcc >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends spin gcc libc6-dev; }
	test/spin/run.sh

lint: ## golangci-lint from its own module; the first run builds it, which takes minutes
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

clean:
	rm -rf bin
