# What to type. Every target does its own set-up (scripts/setup.sh says what it
# installs); `make help` lists them.

SHELL := /bin/bash
comma := ,
GO ?= go
GOLANGCI_VERSION := v2.15.0
GORELEASER_VERSION := v2.15.0
# The packager in that goreleaser.
NFPM_VERSION := v2.45.2
TOOLS := $(CURDIR)/.tools
# Debian keeps mkfs.ext4 and debugfs where users do not look.
export PATH := $(PATH):/usr/sbin:/sbin
FUZZTIME ?= 3s
SCHEDULES ?= 1000
# Tests wait for processes and servers more than they compute, so more of them run than there are processors.
PACKAGES_AT_ONCE := $(shell echo $$((2 * $$(nproc))))
SCRIPTS_AT_ONCE := $(shell echo $$((3 * $$(nproc))))

.PHONY: help try demo test check bench soak setup build lint unit race scripts pages pictures site rig simulate fuzz nocgo package fleet packages snapshot release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing (Debian packages), and nothing else
	@scripts/setup.sh

build: ## build bin/zarya
	@[ "$(CGO_ENABLED)" = 0 ] || pkg-config --exists libusb-1.0 || { echo "libusb is missing: sudo apt-get install libusb-1.0-0-dev pkg-config, or CGO_ENABLED=0 make build without USB" >&2; exit 1; }
	@$(GO) build -o bin/zarya ./cmd/zarya

try: ## see it work: sixteen virtual tablets, a minute; installs only what that needs
	@scripts/setup.sh try
	@$(MAKE) --no-print-directory build
	@bin/zarya try --count 16

demo: setup build ## sixteen virtual tablets: flashed, booted, provisioned, recorded
	@scripts/demo.sh

test: setup lint nocgo race scripts ## every test
# Those that wait for a browser, containers or QEMU run beside those that compute.
	@scripts/side-by-side.sh "pages site package fleet rig" "simulate fuzz"
	@echo "all tests passed"

check: setup build lint unit ## the fast loop: build, vet, lint, unit tests

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) ## gofmt, go vet, golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	@$(GO) vet ./...
	@$< run ./...

$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	@echo "building golangci-lint $(GOLANGCI_VERSION) into .tools/ (once; two minutes)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@

unit: ## the tests, without the race detector
	@$(GO) test ./...

race: ## the packages' tests with the race detector, their coverage, and whole runs raced
	@ZARYA_UPTIME_JOBS=160 ZARYA_SIM_DAYS=4 ZARYA_SIM_SCHEDULES=30 $(GO) test -p $(PACKAGES_AT_ONCE) -race -cover -timeout 60m $$($(GO) list ./... | grep -Ev '/(cmd/zarya|bench/fleet)$$')
	@$(GO) test -race -timeout 60m -run '^Test(Nested|Signals|Closed|Memory)' ./cmd/zarya
	@$(GO) test -race -parallel $(SCRIPTS_AT_ONCE) -timeout 60m -run '^TestScripts$$/^(run|flash|faults|identity|lock)$$' ./cmd/zarya

scripts: ## every verb by its scripts, the processes' tests, and a programme's simulation, which has nothing to race
	@$(GO) test -parallel $(SCRIPTS_AT_ONCE) -timeout 60m ./cmd/zarya ./bench/fleet

simulate: ## SCHEDULES fault schedules of sixteen tablets, and days without a restart
	@ZARYA_SIM_SCHEDULES=$(SCHEDULES) $(GO) test -count=1 -timeout 60m -run '^TestSim|^TestWhole' ./flash
	@$(GO) test -count=1 -timeout 60m -run '^TestMonth$$|^TestDays$$' ./internal/station

pages: setup ## the station's page in a real browser
	@scripts/pages.sh

pictures: setup build ## make the pictures of the documentation anew: board, page, labels, recording
	@ZARYA_PICTURES=docs/pictures scripts/pages.sh
	@ZARYA_UPDATE=1 $(GO) test ./internal/board ./internal/label -run Documentation >/dev/null
	@scripts/record.sh

site: setup ## the documentation as a static site with a search, and the station's sheets as PDF, in bin/site
	@scripts/site.sh

rig: setup build ## tablets on a real USB bus, in a virtual machine
	@scripts/rig.sh
	@scripts/rig.sh scripts/rig-station.sh
	@scripts/rig.sh scripts/rig-suite.sh

fuzz: ## each fuzzer for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

nocgo: ## it builds without cgo, for macOS and Windows, and without virtual tablets
	@CGO_ENABLED=0 $(GO) build ./...
	@GOOS=darwin CGO_ENABLED=0 $(GO) build ./...
	@GOOS=windows CGO_ENABLED=0 $(GO) build ./...
	@CGO_ENABLED=0 $(GO) vet -tags novirtual ./cmd/zarya

bench: setup build ## our speed beside AOSP fastboot's, in one run
	@$(GO) run ./bench $(BENCH)
	@scripts/rig.sh bench/usb.sh | grep bench

soak: setup build ## the full counts: an hour of schedules and fuzzing, a fleet's day of 2,000 tablets
	@$(MAKE) --no-print-directory simulate SCHEDULES=20000
	@$(MAKE) --no-print-directory fuzz FUZZTIME=120s
	@$(GO) test -race -timeout 60m ./cmd/zarya
	@ZARYA_UPTIME_JOBS=10000 $(GO) test -count=1 -timeout 30m -run '^TestMonth$$' ./internal/station
	@ZARYA_SIM_DAYS=1000 $(GO) test -count=1 -timeout 60m -run '^TestDays$$' ./internal/station
	@ZARYA_STATION_TABLETS=950 $(GO) test -count=1 -timeout 30m -run '^TestStationIsKilled' ./cmd/zarya
	@ZARYA_FLEET_DAY=20x100 $(GO) test -count=1 -timeout 60m -run '^TestADayOfAFleet$$' ./cmd/zarya

packages: setup $(TOOLS)/goreleaser-$(GORELEASER_VERSION) ## build the packages and use them in a clean Debian
	@scripts/setup.sh packages
	@scripts/packages.sh all $(TOOLS)/goreleaser-$(GORELEASER_VERSION)

package: setup $(TOOLS)/nfpm-$(NFPM_VERSION) ## build this machine's .deb and use it in a clean Debian
	@scripts/setup.sh deb
	@scripts/packages.sh deb $(TOOLS)/nfpm-$(NFPM_VERSION)

fleet: package ## follow docs/fleet.md on clean Debian machines: as root, in podman
	@scripts/setup.sh fleet
	@scripts/fleet-page.sh $(TOOLS)/nfpm-$(NFPM_VERSION)

snapshot: setup $(TOOLS)/goreleaser-$(GORELEASER_VERSION) ## build all that a release has, into dist/, and publish nothing
	@scripts/setup.sh packages
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(TOOLS)/goreleaser-$(GORELEASER_VERSION) release --snapshot --clean --skip=publish$(if $(ZARYA_RELEASE_KEY),,$(comma)sign)

release-check: $(TOOLS)/goreleaser-$(GORELEASER_VERSION) ## whether this clone can be released, and as which version
	@scripts/release-check.sh $<

$(TOOLS)/goreleaser-$(GORELEASER_VERSION):
	@echo "building goreleaser $(GORELEASER_VERSION) into .tools/ (once; ten minutes)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	@mv $(TOOLS)/goreleaser $@

$(TOOLS)/nfpm-$(NFPM_VERSION):
	@echo "building nfpm $(NFPM_VERSION) into .tools/ (once; a minute)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	@mv $(TOOLS)/nfpm $@

clean: ## remove what was built
	@rm -rf bin dist
