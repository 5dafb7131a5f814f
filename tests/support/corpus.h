/* corpus.h - a fuzzer's corpus as a unit test. The build generates one Test(fuzz, NAME_corpus_runs_clean) for each
 * tests/fuzz/NAME_fuzz.c, which calls this; nobody writes such a test by hand. */
#pragma once
#include "support/test.h"

/* What libFuzzer calls LLVMFuzzerTestOneInput. */
typedef int lt_fuzz_entry(const uint8_t *data, size_t size);

/* Feed every file of tests/fuzz/corpus/`name` to `entry`. Fails when there is none: a fuzzer comes with a corpus. */
void lt_test_corpus(const char *name, lt_fuzz_entry *entry);
