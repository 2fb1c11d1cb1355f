# The commands of this project. `make demo` shows it at work; `make test` proves it.

BUILD ?= build
# Cargo's part of the CMake builds shares this directory, so that nothing is built twice.
TARGET := $(CURDIR)/target
# For so long the soak goes on.
MINUTES ?= 30
PREFIX ?= /usr/local
CMAKE_FLAGS ?=
# Cargo's features that are off by default.
OPTIONAL := asio,http,metrics,prometheus
# The suites that a backend could make fail. They run on every one that works here.
CONTRACT := activity actor actor_mail async_actor backend bad_input busy_poll closing deferred file_event foreign_loop fork \
	iteration lifetimes load post readiness run_exit scaled_timer schedulable signal slow_callbacks stats stress task \
	timer tracked watchdog worker worker_stop
# Those in which threads meet, and that ThreadSanitizer can run: not the suites that crash, or that stop a thread by a
# signal, which it delivers late; nor those that need the example programs.
THREADED := $(CONTRACT) actor_supervision launch libevent load_driver metrics pool_observer pool_policy pool_scaling \
	pool_submit scaled_timer_model server_state stream waiting_in_a_foreign_loop worker_options worker_shutdown

CPP_SOURCES := $(shell git ls-files 'include/mcp/*.h' 'cpp/*' 'tests/*.cc' 'tests/*.h' 'tests/*.c' \
	'examples/*.cc' 'examples/*.h' 'examples/*.c' 'bench/*.cc' 'bench/*.h' 'src/*.cc' 'src/*.h' 2>/dev/null)

# With the argument --check, or none: all packages, and the guardian, which is in none.
format_rust = for manifest in Cargo.toml bench/*/Cargo.toml; do \
	cargo fmt --manifest-path $$manifest $(1) || exit 1; done && rustfmt --edition 2024 $(1) guardian/main.rs

.PHONY: help
help:
	@echo 'make demo           build, install into target/, and run the examples on real input'
	@echo 'make test           all tests: Rust, C, C++, package, formatting, lints, instruction counts'
	@echo 'make bench          our figures beside those of libevent, libuv, asio, actors (actix, kameo, ractor), bare system calls'
	@echo 'make bench-guard    the instructions of our hot paths, against those recorded; make bench-guard-record records'
	@echo 'make install        install the library (PREFIX=$(PREFIX)); make uninstall removes it again'
	@echo 'make soak           the suites of the contract again and again on every backend, for MINUTES=$(MINUTES)'
	@echo 'make test-asan      the C, C++ and Rust tests of a default build under AddressSanitizer (needs a nightly toolchain)'
	@echo 'make test-tsan      the Rust tests in which threads meet, under ThreadSanitizer (needs a nightly toolchain)'
	@echo 'make test-valgrind  the C and C++ tests under valgrind'
	@echo 'make test-loom      the models of the lock-free parts'
	@echo 'make test-real-servers  MCP servers that others wrote, installed into target/ and managed'
	@echo 'make check-bsd-mac  what can be checked of macOS and the BSDs on another system'
	@echo 'make check-windows  the tests on Windows: built by MinGW-w64, run under wine'
	@echo 'make header         generate include/mcp_event.h anew'
	@echo 'make format         format all sources'

.PHONY: demo
demo:
	@scripts/demo.sh

.PHONY: test test-tools test-format test-rust test-cpp
test: test-tools test-format test-rust test-cpp bench-guard

test-tools:
	@scripts/ensure-tools.sh build test format
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
		|| rustup component add rustfmt clippy

test-format: test-tools
	@$(call format_rust,--check)
	clang-format --dry-run --Werror $(CPP_SOURCES)

test-rust: test-tools
	cargo clippy --quiet --locked --all-targets --features $(OPTIONAL) -- --deny warnings
	cargo clippy --quiet --locked --lib -- --deny warnings
	cargo clippy --quiet --locked --lib --no-default-features -- --deny warnings
	cargo clippy --quiet --locked --lib --no-default-features --features asio,metrics,prometheus -- --deny warnings
	cargo test --quiet --locked --features $(OPTIONAL)
	@for backend in $$(cargo run --quiet --locked --features $(OPTIONAL) --example backends -- --names); do \
		echo "the contract on $$backend" && \
		MCP_EVENT_BACKEND=$$backend cargo test --quiet --locked --features $(OPTIONAL) $(addprefix --test ,$(CONTRACT)) \
		|| exit 1; \
	done

test-cpp: test-tools
	cmake -S . -B $(BUILD)/test -G Ninja -DMCP_EVENT_CARGO_TARGET_DIR=$(TARGET) \
		-DMCP_EVENT_PROMETHEUS=ON $(CMAKE_FLAGS)
	cmake --build $(BUILD)/test
	ctest --test-dir $(BUILD)/test --output-on-failure --parallel 2

.PHONY: soak
soak:
	@scripts/soak.sh $(OPTIONAL) $(MINUTES) $(CONTRACT)

.PHONY: test-asan
test-asan:
	@scripts/test-asan.sh

.PHONY: test-tsan
test-tsan:
	@scripts/test-tsan.sh $(THREADED)

.PHONY: test-valgrind
test-valgrind:
	@scripts/ensure-tools.sh build test valgrind
	cmake -S . -B $(BUILD)/valgrind -G Ninja -DMCP_EVENT_CARGO_TARGET_DIR=$(TARGET)
	cmake --build $(BUILD)/valgrind
	ctest --test-dir $(BUILD)/valgrind --output-on-failure --test-action memcheck \
		--overwrite MemoryCheckCommandOptions='--leak-check=full --errors-for-leak-kinds=definite --error-exitcode=1 --child-silent-after-fork=yes'

.PHONY: test-loom
test-loom:
	CARGO_PROFILE_RELEASE_LTO=off RUSTFLAGS='--cfg mcp_event_loom' cargo test --release --lib --target-dir $(TARGET)/loom loom_

.PHONY: check-bsd-mac
check-bsd-mac:
	@scripts/check-bsd-mac.sh

.PHONY: test-real-servers
test-real-servers:
	@scripts/test-real-servers.sh

.PHONY: check-windows
check-windows:
	@scripts/check-windows.sh

.PHONY: bench
bench:
	@bench/run.sh $(BENCH_FLAGS)

.PHONY: bench-guard bench-guard-record
bench-guard:
	@bench/guard.sh

bench-guard-record:
	@bench/guard.sh --record

.PHONY: install uninstall
install:
	@scripts/ensure-tools.sh build
	cmake -S . -B $(BUILD)/install -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(abspath $(PREFIX)) \
		-DMCP_EVENT_CARGO_TARGET_DIR=$(TARGET) -DMCP_EVENT_BUILD_TESTS=OFF $(CMAKE_FLAGS)
	cmake --build $(BUILD)/install
	cmake --install $(BUILD)/install

uninstall:
	cmake --build $(BUILD)/install --target uninstall

.PHONY: header format
header:
	MCP_EVENT_UPDATE_HEADER=1 cargo test --quiet --test header

format:
	@$(call format_rust,)
	clang-format -i $(CPP_SOURCES)
