/* contract.h - one test body for every back end of the store.
 *
 *     static void check_a_fact(lt_store *store) { ... }
 *     LT_CONTRACT(a_fact)         what every kind of store does
 *     LT_CONTRACT_INDEX(a_fact)   what only stores with an index of their own do: keys, events, documents, retention
 *
 * On S3 each bucket of the store is one there; a file about datasets defines LT_CONTRACT_PLACE as a bucket and a prefix. */
#pragma once
#include "store/store.h"
#include "support/s3_side.h"
#include "support/store_help.h"
#include "support/test.h"

#ifndef LT_CONTRACT_PLACE
#define LT_CONTRACT_PLACE "s3://"
#endif

#define LT_CONTRACT_INDEX(fact)                                                                    \
    Test(store_local, fact)                                                                        \
    {                                                                                              \
        LT_AUTO(lt_store_ref) store = lt_test_store(lt_test_folder());                             \
        check_##fact(store);                                                                       \
    }                                                                                              \
    Test(store_mem, fact)                                                                          \
    {                                                                                              \
        LT_AUTO(lt_store_ref) store = lt_test_store(NULL);                                         \
        check_##fact(store);                                                                       \
    }
#define LT_CONTRACT(fact)                                                                          \
    LT_CONTRACT_INDEX(fact)                                                                        \
    Test(store_s3, fact)                                                                           \
    {                                                                                              \
        LT_AUTO(lt_s3_side_ref) side = lt_s3_side_start();                                         \
        LT_AUTO(lt_store_ref) store = lt_s3_side_open(side, LT_CONTRACT_PLACE);                    \
        check_##fact(store);                                                                       \
    }
