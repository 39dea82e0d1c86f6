# Two commands on a fresh Debian 12 machine, as root:
#   make demo   installs, builds, starts Bridle with real guests, shows it working, says where to look
#   make test   installs, builds, runs all tiers
# See `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
DEMO_ROOT ?= /var/lib/bridle-demo

.PHONY: help deps build demo demo-stop package test soak bench format tidy clean
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what is missing (Debian packages; QEMU from backports)
	@tools/install-deps

build: deps ## build the programs into build/release/bin
	@tools/build release

demo: build ## start Bridle with three real guests and show it working
	@tools/demo --root $(DEMO_ROOT)

demo-stop: ## end the demo; leaves nothing behind
	@tools/demo-stop --root $(DEMO_ROOT)

package: build ## the Debian package, looked at by lintian
	@tools/package

test: deps ## all test tiers, each with its time
	@tools/test

soak: build ## the same tests with the long counts
	@tools/test --soak

bench: build ## measure this host (bridle bench NAME)
	@build/release/bin/bridle bench machine

format: ## format the sources
	@clang-format-14 -i $$(git ls-files 'src/*.h' 'src/*.cc' 'fuzz/*.cc' 'bench/*.cc' 'tests/*.cc')

clean: ## remove what was built
	@rm -rf build
