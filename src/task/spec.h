/* spec.h - what leat and leat-task tell each other: the order for one attempt of a command, and how it ended.
 *
 * The order goes over a socket and is never on disk: it holds the environment and the secrets to be masked. The result is a small
 * text, "key value" in each line and "end" as the last one, both on the socket and in a file, so that a torn one is known. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

enum { LT_TASK_SOCKET = 3, LT_TASK_SPEC_MAX = 8 << 20, LT_TASK_RESULT_MAX = 4096 };

/* One attempt of a command. */
typedef struct lt_task_spec {
    lt_text base; /* path: "BASE.result" is made */
    lt_text lock; /* file: who holds its lock lives; shared by all attempts of the task */
    lt_text log;  /* file that output is appended to */
    int64_t log_limit_bytes;
    lt_text cwd;
    lt_text mark,
        task_mark; /* LEAT_ATTEMPT and LEAT_TASK in the environment: by them processes are found again */
    int64_t timeout_us;      /* 0: none */
    int64_t grace_us;        /* between SIGTERM and SIGKILL */
    int64_t memory_bytes;    /* 0: no limit */
    int64_t cpu_thousandths; /* of a core; 0: no limit */
    int64_t process_limit;   /* 0: none */
    lt_text cgroup;          /* a delegated folder of cgroup v2, or empty */
    lt_texts args, env, secrets;
} lt_task_spec;

void lt_task_spec_write(const lt_task_spec *spec, lt_buf *out);
/* Texts are copied into the arena, with a NUL behind. LT_INVALID: not such a text. */
LT_MUST_CHECK lt_status lt_task_spec_read(lt_text text, lt_arena *arena, lt_task_spec *out,
                                          lt_err *err);

typedef enum lt_task_end {
    LT_END_EXITED,    /* by itself, `code` */
    LT_END_SIGNALLED, /* by `signal`, which was not ours */
    LT_END_TIMEOUT,   /* ended by us, as all below */
    LT_END_CANCELLED,
    LT_END_MEMORY,
    LT_END_PROCESSES,
    LT_END_NOT_STARTED, /* `code` is the errno */
    LT_END_BUSY,        /* another attempt of the task lives */
} lt_task_end;

typedef struct lt_task_result {
    lt_task_end end;
    int64_t code, signal;
    int64_t started_at_us, ended_at_us;
    int64_t peak_bytes, cpu_us;
    int64_t left;  /* processes that were still there when the command had ended, and were ended */
    int64_t stuck; /* of these, how many even SIGKILL did not end */
    int64_t log_bytes, log_dropped; /* of output; what was left out of the log */
} lt_task_result;

void lt_task_result_write(const lt_task_result *result, lt_buf *out);
/* LT_INVALID: torn, or not a result. */
LT_MUST_CHECK lt_status lt_task_result_read(lt_text text, lt_task_result *out, lt_err *err);
