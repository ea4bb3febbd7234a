# The short way to everything; CMake does the work. `make help` lists the targets.

BUILD := build
JOBS  ?= $(shell nproc)
SEEDS ?= 2000
FUZZ_SECONDS ?= 60
BANK_SECONDS ?= 600

.PHONY: all help deps deps-checks demo test test-long sim fuzz lint format bank bench scaling compare install clean asan tsan coverage

all: deps ## build everything into build/bin
	@cmake --preset release >/dev/null
	@cmake --build $(BUILD) -j $(JOBS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

deps:
	@cmake/install-dependencies.sh

deps-checks:
	@cmake/install-dependencies.sh --checks

demo: all ## a real 3-node cluster: commands over partitions, a YCSB load, a node killed
	@docs/examples/demo.sh $(BUILD)/bin

test: deps-checks ## every test of the main job; ends with "N passed, N failed"
	@tests/run.sh $(BUILD)

sim: all ## SEEDS=2000 fresh seeds of the simulator, ten times as many of the multicast one
	@$(BUILD)/bin/kvsim --seeds $(SEEDS) --first $$(date +%s) --jobs $(JOBS)
	@$(BUILD)/bin/kvsim multicast --seeds $(SEEDS)0 --first $$(date +%s) --jobs $(JOBS)

test-long: all ## the tests that take too long for make test
	@ctest --test-dir $(BUILD) --output-on-failure -L long

fuzz: deps-checks ## every fuzzer for FUZZ_SECONDS=60
	@cmake --preset fuzz >/dev/null
	@cmake --build $(BUILD)/fuzz -j $(JOBS)
	@tests/fuzz/run.sh $(BUILD)/fuzz/fuzz $(FUZZ_SECONDS)

lint: deps-checks ## formatting, tidy rules, and a build with clang
	@for check in format size docs messages; do tests/tidy/check_$$check.sh || exit 1; done
	@cmake --preset clang >/dev/null
	@cmake --build $(BUILD)/clang -j $(JOBS)

format: ## format all code in place
	@git ls-files '*.c' '*.h' | xargs clang-format -i

bank: all ## BANK_SECONDS=600 of transfers while keys move and nodes die
	@KV_BIN=$(BUILD)/bin KV_BANK_SECONDS=$(BANK_SECONDS) bash tests/system/bank.sh

bench: all ## YCSB-A and pure puts at 1 and 64 clients on a 3-node cluster
	@bench/run.sh $(BUILD)/bin

scaling: all ## throughput on 1 to 8 partitions, every node under the same CPU quota (root)
	@bench/scaling.sh $(BUILD)/bin

compare: all ## beside ZooKeeper and Redis of Debian, in interleaved rounds (root)
	@bench/compare.sh $(BUILD)/bin

asan: deps-checks ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --preset asan-ubsan >/dev/null
	@cmake --build $(BUILD)/asan-ubsan -j $(JOBS)
	@ctest --test-dir $(BUILD)/asan-ubsan --output-on-failure -j $(JOBS) -LE long

tsan: deps-checks ## the tests under ThreadSanitizer
	@cmake --preset tsan >/dev/null
	@cmake --build $(BUILD)/tsan -j $(JOBS)
	@# libzmq is not instrumented: what TSan sees of its inside are no races of ours
	@TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
		ctest --test-dir $(BUILD)/tsan --output-on-failure -j $(JOBS) -LE long

coverage: deps-checks ## line coverage of the tests
	@cmake --preset coverage >/dev/null
	@cmake --build $(BUILD)/coverage -j $(JOBS)
	@ctest --test-dir $(BUILD)/coverage -j $(JOBS) -LE long >/dev/null || true
	@tests/coverage.sh $(BUILD)/coverage

install: all ## install into PREFIX=/usr/local
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

clean: ## remove build/
	@rm -rf $(BUILD)
