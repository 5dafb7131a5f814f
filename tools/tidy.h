/* tidy.h - what clang-tidy is told about base/ and the failures of store/, in front of every file (tools/check).
 *
 * The analyzer does not see into other files: it would follow paths where a failure gives LT_OK, or where a vector with
 * room has no items, and report what happens there. */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include "store/reason.h"

#define lt_fail(err, status, ...) (lt_ignore(lt_fail(err, status, __VA_ARGS__)), (status))
#define lt_store_fail(...) (lt_ignore(lt_store_fail(__VA_ARGS__)), LT_INVALID)
#define lt_fail_errno(...) (lt_ignore(lt_fail_errno(__VA_ARGS__)), LT_IO)
#define lt_hint(...) (lt_ignore(lt_hint(__VA_ARGS__)), LT_IO)
#define lt_wrap(...) (lt_ignore(lt_wrap(__VA_ARGS__)), LT_IO)

#undef lt_push
#define lt_push(vec, item)                                                                         \
    do {                                                                                           \
        if ((vec)->len == (vec)->cap)                                                              \
            (vec)->items = lt_vec_grow((vec)->items, &(vec)->cap, sizeof(*(vec)->items));          \
        if (!(vec)->items)                                                                         \
            __builtin_unreachable();                                                               \
        (vec)->items[(vec)->len++] = (item);                                                       \
    } while (0)
