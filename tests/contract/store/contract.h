/* contract.h - one test body for every back end of the store.
 *
 *     static void check_a_fact(lt_store *store) { ... }
 *     LT_CONTRACT(a_fact)
 */
#pragma once
#include "store/store.h"
#include "support/store_help.h"
#include "support/test.h"

#define LT_CONTRACT(fact)                                                                          \
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
