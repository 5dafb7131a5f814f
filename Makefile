# Thin: CMakeLists.txt builds, tools/ works, this file names the ways in.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export DESTDIR PREFIX FUZZ_SECONDS
MAKEFLAGS += --no-print-directory

.PHONY: all setup demo test check fmt asan tsan cover fuzz bench conformance conformance-dbt conformance-dbt-adapter conformance-jinja install deb clean help

all: setup
	@tools/build default
	@if [ -x build/leat ]; then echo "built build/leat"; else echo "built build/"; fi

setup: # silent and quick when nothing is missing
	@tools/setup

demo: all
	@if [ -x examples/flights/demo ]; then examples/flights/demo; \
	else echo "demo: examples/flights/demo is not there yet" >&2; exit 1; fi

test: setup
	@tools/test

check: setup
	@tools/check

fmt: setup
	@git ls-files -co --exclude-standard -- 'src/*.[ch]' 'tests/*.[ch]' 'tools/*.[ch]' 'bench/*.[ch]' | xargs -r clang-format-14 -i

asan: setup
	@tools/test unit

tsan: setup
	@tools/test tsan

cover: setup
	@tools/cover

fuzz: setup
	@tools/fuzz

bench: all
	@if [ -x bench/run ]; then bench/run; else echo "bench: bench/run is not there yet" >&2; exit 1; fi

conformance-dbt: all # DBT=PATH of a dbt 1.x, else what was recorded of it
	@DBT="$(DBT)" tests/conformance/dbt/run

conformance-jinja: all # SEED=N, else another each time
	@tests/conformance/jinja/run $(if $(SEED),--seed $(SEED))

conformance: all # S3TESTS=DIR, a checkout of ceph/s3-tests
	@S3TESTS="$(S3TESTS)" tests/conformance/s3/run

conformance-dbt-adapter: all # DBT_PYTHON=PYTHON, which has dbt and dbt-tests-adapter
	@DBT_PYTHON="$(DBT_PYTHON)" tests/conformance/dbt-adapter/run

install: all
	@tools/install

deb: all
	@tools/deb

clean:
	@rm -rf build
	@echo "removed build/ (.deps/ stays; it is refilled from the cache by tools/setup)"

help:
	@echo "make          build build/leat (installs what is missing first)"
	@echo "make demo     run the example: data in, stored, loaded, modelled, tested"
	@echo "make test     unit, contract and fault tests under sanitizers, then end to end"
	@echo "make check    format, warnings of two compilers, clang-tidy, layers, banned calls"
	@echo "make fmt      format the C files"
	@echo "make asan     only the unit set, under ASan and UBSan"
	@echo "make tsan     the unit set under ThreadSanitizer"
	@echo "make cover    which lines the tests reach: build/cover/html"
	@echo "make fuzz     every fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make bench    measure: build/bench.json"
	@echo "make conformance-dbt DBT=PATH   our dbt projects with leat and with dbt, compared"
	@echo "make conformance-jinja [SEED=N]   random templates with leat and with Jinja 2, compared"
	@echo "make conformance S3TESTS=DIR   the public S3 test suite (a checkout of ceph/s3-tests)"
	@echo "make conformance-dbt-adapter DBT_PYTHON=PYTHON   the tests of dbt's adapters, with leat in the place of dbt"
	@echo "make install  to DESTDIR and PREFIX=$(PREFIX)"
	@echo "make deb      a Debian package in build/"
	@echo "make clean    remove build/"
