# corten's house. `make help` lists the targets; each works on a fresh Debian 12 or newer and says what it lacks.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PREFIX ?= /usr
DESTDIR ?=
BUN = $(shell scripts/find-bun.sh)

SOURCES := $(shell find src -name '*.ts' ! -name '*.test.ts')
LAUNCH_C := $(wildcard src/launch/*.c)
LAUNCH_H := $(wildcard src/launch/*.h)
# What corten-runtime does itself (docs/decisions/0013); the rest is corten's.
FRONT_C := src/runtime/front.c $(addprefix src/launch/,proc.c remove.c text.c)
# No libc: launch talks to the kernel alone (docs/decisions/0002). gcc may still ask for memcpy and memset; launch.c has them.
LAUNCH_FLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pie -no-pie \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-tree-loop-distribute-patterns -nostdlib -static \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,noseparate-code -s
QUICKJS = $(firstword $(wildcard node_modules/@suchipi/quickjs/build/$(shell uname -m)-unknown-linux-gnu))
QUICKJS_VERSION = $(shell sed -n 's/.*"@suchipi\/quickjs": "\(.*\)".*/\1/p' package.json)
QUICK_FLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -static -Wl,--build-id=none -Wl,-z,noexecstack -s
# Splitting: without it a lazily loaded file still brings its node: modules into every start, which costs 8 ms.
# JIT policy 1000: the JIT's compiler threads cost a start 2 ms and win nothing in 20; long work switches it back (base/jit.ts).
# The files of the folder a root tool is started in are not its business: autoloading is off (docs/decisions/0001).
BUN_FLAGS := --compile --splitting --minify --bytecode --format=esm --target=bun --compile-jit-policy=1000 --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
	--no-compile-autoload-tsconfig --no-compile-autoload-package-json

.PHONY: help setup setup-build peers build check test e2e conformance bench fuzz fuzz-images demo install clean format need-bun

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

setup: ## npm packages, and the tools the tests need (apt-get, only what is missing)
	@scripts/setup.sh

setup-build: ## only what building needs
	@scripts/setup.sh build

peers: ## podman and docker for the bench; no service is started
	@scripts/setup.sh peers

build: build/corten build/corten-bun build/corten-runtime build/launch build/init build/hello/index.json ## build/corten and what lies beside it

need-bun:
	@[ -n "$(BUN)" ] || { echo "make: Bun is missing; run: make setup" >&2; exit 1; }
	@command -v gcc >/dev/null || { echo "make: gcc is missing; run: make setup" >&2; exit 1; }

# The program that every start is: bytecode in QuickJS, static (docs/decisions/0015). Written beside and renamed: a build never changes a
# program under those who are running it.
build/corten: $(SOURCES) src/quick/host.c scripts/build-quick.ts $(wildcard scripts/lib/*quick* scripts/lib/to-bytecode.js) package.json | need-bun
	$(BUN) scripts/build-quick.ts build/quick
	gcc $(QUICK_FLAGS) -DQUICKJS=$(QUICKJS_VERSION) -I$(QUICKJS)/include src/quick/host.c build/quick/chunks.S $(QUICKJS)/lib/quickjs-core.a -lm -o build/corten.new
	@mv build/corten.new $@

# The same programs for the commands that need Bun: HTTP, TLS, decompression, digests.
build/corten-bun: $(SOURCES) package.json | need-bun
	@mkdir -p build
	$(BUN) build $(BUN_FLAGS) src/main.ts --outfile build/corten-bun.new >/dev/null
	@mv build/corten-bun.new $@

build/corten-runtime: $(FRONT_C) $(LAUNCH_H) | need-bun
	@mkdir -p build
	gcc $(LAUNCH_FLAGS) $(FRONT_C) -o build/corten-runtime.new
	@mv build/corten-runtime.new $@

build/launch: $(LAUNCH_C) $(LAUNCH_H) | need-bun
	@mkdir -p build
	gcc $(LAUNCH_FLAGS) $(LAUNCH_C) -o build/launch.new
	@mv build/launch.new $@

build/init: src/init/init.c $(LAUNCH_H) | need-bun
	@mkdir -p build
	gcc $(LAUNCH_FLAGS) $< -o build/init.new
	@mv build/init.new $@

build/hello/index.json: src/hello/hello.c scripts/build-hello.ts | need-bun
	$(BUN) scripts/build-hello.ts build/hello

check: need-bun ## format, lint, types, layers, sizes, docs, generated files, C warnings
	@$(BUN) scripts/check.ts

format: need-bun ## writes the house format into all files
	@node_modules/.bin/biome check --write .

test: setup build ## sets up everything; unit and end-to-end tests (as root); ends with the line "N passed, N failed, N skipped"
	@$(BUN) scripts/test.ts

e2e: build ## one end-to-end file: make e2e FILE=run
	@$(BUN) scripts/test.ts test/e2e/$(FILE).test.ts

conformance: build ## the conformance tests alone, against corten-runtime, runc and crun
	@$(BUN) scripts/test.ts test/conformance

bench: build build/floor build/stopwatch build/since ## corten beside the floor, crun, runc, podman and docker (those that are installed)
	@$(BUN) bench/bench.ts $(ARGS)

# What launch does with plans that nobody would make, under the sanitizers; libFuzzer comes with Debian's clang (apt-get install clang).
# The corpus stays in build/fuzz/corpus, so that a run goes on where the last one ended; a finding is left as build/fuzz/finding-*.
SECONDS ?= 60
build/fuzz/plan: SANITIZERS := fuzzer,address,undefined
FUZZ_FLAGS = -g -O1 -std=gnu11 -ffreestanding -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -Wno-unused-function -include test/fuzz/kernel.h
FUZZ_C := $(filter-out src/launch/launch.c src/launch/text.c,$(LAUNCH_C)) test/fuzz/plan.c test/fuzz/kernel.c

build/fuzz/plan: $(LAUNCH_C) $(LAUNCH_H) $(wildcard test/fuzz/*)
	@command -v clang >/dev/null || { echo "make: clang is missing; run: apt-get install clang" >&2; exit 1; }
	@mkdir -p build/fuzz/corpus build/fuzz/seeds
	clang $(FUZZ_FLAGS) -DFUZZ_TEXT -c src/launch/text.c -o build/fuzz/text.o
	clang $(FUZZ_FLAGS) $(FUZZ_C) build/fuzz/text.o -o $@

# The same by gcc, with mutations of our own: what `make test` runs.
build/fuzz/alone: SANITIZERS := address,undefined
build/fuzz/alone: $(LAUNCH_C) $(LAUNCH_H) $(wildcard test/fuzz/*) | need-bun
	@mkdir -p build/fuzz/seeds
	gcc $(FUZZ_FLAGS) -DFUZZ_TEXT -c src/launch/text.c -o build/fuzz/text-alone.o
	gcc $(FUZZ_FLAGS) $(FUZZ_C) test/fuzz/alone.c build/fuzz/text-alone.o -o $@

fuzz: need-bun build/fuzz/plan ## fuzzes the plan decoder of launch: make fuzz SECONDS=60
	@$(BUN) test/fuzz/seeds.ts build/fuzz/seeds
	build/fuzz/plan -max_len=65536 -timeout=20 -rss_limit_mb=3000 -max_total_time=$(SECONDS) -print_final_stats=1 \
		-artifact_prefix=build/fuzz/finding- build/fuzz/corpus build/fuzz/seeds

fuzz-images: need-bun ## fuzzes what reads images, each part so long: make fuzz-images SECONDS=60, or one: PART=layers|archives|documents
	@$(BUN) test/fuzz/images.ts $(SECONDS) $(PART)

build/floor build/stopwatch build/since: build/%: bench/%.c
	@mkdir -p build
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static $< -o $@

demo: setup-build build ## sets up what the build needs; runs the hello image and shows what happened
	@$(BUN) scripts/demo.ts

install: build ## PREFIX=/usr DESTDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/corten $(DESTDIR)$(PREFIX)/share/corten
	install -m 755 build/corten $(DESTDIR)$(PREFIX)/bin/corten
	install -m 755 build/corten-runtime $(DESTDIR)$(PREFIX)/bin/corten-runtime
	install -m 755 build/corten-bun $(DESTDIR)$(PREFIX)/libexec/corten/corten-bun
	install -m 755 build/launch $(DESTDIR)$(PREFIX)/libexec/corten/launch
	install -m 755 build/init $(DESTDIR)$(PREFIX)/libexec/corten/init
	@for place in system:multi-user user:default; do \
		folder=$(DESTDIR)$(PREFIX)/lib/systemd/$${place%:*}; \
		mkdir -p "$$folder/$${place#*:}.target.wants"; \
		sed 's,@PREFIX@,$(PREFIX),' systemd/$${place%:*}/corten-restart.service >"$$folder/corten-restart.service"; \
		ln -sfn ../corten-restart.service "$$folder/$${place#*:}.target.wants/corten-restart.service"; \
	done
	sed 's,@PREFIX@,$(PREFIX),' systemd/system/corten-auto-update.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/corten-auto-update.service
	install -m 644 systemd/system/corten-auto-update.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/corten-auto-update.timer
	@for scope in system user; do \
		install -d $(DESTDIR)$(PREFIX)/lib/systemd/$$scope-generators; \
		ln -sfn ../../../bin/corten $(DESTDIR)$(PREFIX)/lib/systemd/$$scope-generators/corten-generator; \
	done
	install -D -m 644 systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/corten.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/corten docs/operator.md docs/quadlet.md docs/conformance.md README.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/corten/examples docs/examples/*
	rm -rf $(DESTDIR)$(PREFIX)/share/corten/hello
	cp -R build/hello $(DESTDIR)$(PREFIX)/share/corten/hello
	@for page in docs/man/*.[1-8]; do \
		[ -e "$$page" ] || continue; \
		install -D -m 644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done
	@for line in bash:corten:bash-completion/completions/corten bash:corten-runtime:bash-completion/completions/corten-runtime \
		zsh:corten:zsh/site-functions/_corten zsh:corten-runtime:zsh/site-functions/_corten_runtime \
		fish:corten:fish/vendor_completions.d/corten.fish fish:corten-runtime:fish/vendor_completions.d/corten-runtime.fish; do \
		IFS=: read -r shell program path <<<"$$line"; \
		file=$(DESTDIR)$(PREFIX)/share/$$path; \
		mkdir -p "$${file%/*}"; \
		build/corten completion "$$shell" "$$program" >"$$file" 2>/dev/null && [ -s "$$file" ] || rm -f "$$file"; \
	done

clean: ## removes build/
	rm -rf build
