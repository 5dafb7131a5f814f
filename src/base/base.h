/* base.h - what every file may use: attributes, cleanup, counts.
 *
 * Three lives of memory: the block (LT_AUTO), the job (lt_arena), the program (struct lt_app). Out of memory ends the
 * process with a message, so every size that comes from outside is checked against a limit before it is allocated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LT_MUST_CHECK __attribute__((warn_unused_result))
#define LT_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define LT_NORETURN __attribute__((noreturn))
#define LT_UNUSED __attribute__((unused))

#define LT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LT_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LT_MAX(a, b) ((a) > (b) ? (a) : (b))

#define LT_KIB ((size_t)1024)
#define LT_MIB (1024 * LT_KIB)
#define LT_GIB (1024 * LT_MIB)

/* A variable that is freed when its block ends: `LT_AUTO(lt_buf) out = {.limit = LT_MIB};`
 * Works for every type T that has a `T_cleanup(T *)`; LT_OWNED makes one. Does not run on exit() or abort(). */
#define LT_AUTO(type) __attribute__((cleanup(type##_cleanup))) type

/* Name a type whose value is released by `release(value)`, so that LT_AUTO(name) works. `release` takes NULL. */
#define LT_OWNED(name, type, release)                                                              \
    typedef type name;                                                                             \
    LT_UNUSED static inline void name##_cleanup(name *value)                                       \
    {                                                                                              \
        release(*value);                                                                           \
    }

/* Hand an owned pointer out of an LT_AUTO variable: `*out = LT_TAKE(made);` */
#define LT_TAKE(pointer)                                                                           \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* Memory from the heap; never NULL (the process ends with a message when there is none). */
void *lt_xmalloc(size_t size);
void *lt_xcalloc(size_t count, size_t size);
void *lt_xrealloc(void *old, size_t size);
/* Like lt_xrealloc(old, count * size), and ends the process if the product overflows. */
void *lt_xrealloc_array(void *old, size_t count, size_t size);
char *lt_xstrdup(const char *string);
char *lt_xstrndup(const char *start, size_t len);
void lt_free(void *memory); /* NULL is fine */

/* A heap string. */
LT_OWNED(lt_chars, char *, lt_free)

/* printf into a new heap string; the caller frees it. */
char *lt_format(const char *format, ...) LT_PRINTF(1, 2);

void lt_fd_close(int fd); /* -1 is fine; keeps errno */
LT_OWNED(lt_fd, int, lt_fd_close)
