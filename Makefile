# Two commands do everything on a fresh Debian 12: `make run` and `make test`. Each installs what is missing (as root,
# or with sudo), builds, and does its job; both may be run again and again.
.PHONY: run test test-clients bench release install fuzz tsan clean help
.DEFAULT_GOAL := help

help:
	@echo "make run           build paired and show it at work on this repository"
	@echo "make test          build with ASan + UBSan and run every test"
	@echo "make test-clients  the real clients: Claude Code, conformance suite, inspector, ACP library, VS Code, Neovim, Emacs (heavy installs)"
	@echo "make bench         measure against baselines, on demand"
	@echo "make install       into PREFIX (default /usr/local; DESTDIR is honoured)"

run: release
	@./build/release/bin/paired demo

release:
	@./scripts/setup.sh build
	@cmake --preset release >/dev/null
	@cmake --build --preset release

test:
	@./scripts/setup.sh build test
	cmake --preset dev
	cmake --build --preset dev
	ctest --preset dev -LE clients

# What takes long and has no second thread, or is other tests' steps told as a story.
one_thread = ^(code/(secrets|syntax_same)|trees/same|privacy/leak|protocol/lsp_text|e2e/(cli_demo|review_copies))$$
tsan:
	@./scripts/setup.sh build test
	cmake --preset tsan
	cmake --build --preset tsan
	ctest --preset tsan -L 'unit|e2e' -LE clients -E '$(one_thread)'

# Against the build that users get (hardened release); the label keeps them out of `make test`.
test-clients:
	@./scripts/setup.sh build test clients
	cmake --preset ci
	cmake --build --preset ci
	ctest --preset ci -L clients --verbose

bench:
	@./scripts/setup.sh build test clients
	cmake --preset ci
	cmake --build --preset ci --target bench
	@./tests/bench/run.sh build/ci

fuzz:
	@./scripts/setup.sh build test fuzz
	cmake --preset fuzz
	cmake --build --preset fuzz
	@./scripts/fuzz.sh build/fuzz

PREFIX ?= /usr/local
install: release
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build
