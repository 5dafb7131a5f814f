/* proc.h - what this process is, and other programs that it starts. */
#pragma once
#include "base/buf.h"

/* The most memory this process has held at once, in bytes (VmHWM), and what it holds now (VmRSS). 0 if unknown. */
size_t lt_proc_peak_bytes(void);
size_t lt_proc_resident_bytes(void);
/* When a process started: clock ticks after boot (/proc/PID/stat field 22) with a mark of the boot above bit 42. With the pid it names a process
 * for good, also after a restart of the machine.
 * 0 when there is no such process, or when it is dead and only its parent has not asked for it yet. */
uint64_t lt_proc_started(int pid);
/* The path of the running binary, a heap string. When it was replaced meanwhile, as an upgrade does, that of the new one. */
char *lt_proc_path(void);

/* A program to start. Its signals are as a fresh login has them: none ignored, none blocked, whatever holds here. */
typedef enum lt_apart { LT_APART_NOT, LT_APART_GROUP, LT_APART_SESSION } lt_apart;
typedef struct lt_spawn_fd {
    int ours; /* a descriptor of this process; -1 stands for /dev/null */
    int theirs;
} lt_spawn_fd;
typedef struct lt_spawn {
    const char *program; /* without a '/' it is looked up on PATH */
    char *const *argv;   /* ends with NULL */
    const char *folder;  /* NULL: ours */
    char *const *env;    /* "KEY=VALUE", ends with NULL; NULL: ours */
    lt_apart apart; /* a session of its own: neither Ctrl-C nor the end of a terminal reaches it */
    const lt_spawn_fd
        *fds; /* given in this order; others, unless they are closed on exec, are as here */
    size_t fds_len;
} lt_spawn;
/* Its pid, which the caller waits for. */
LT_MUST_CHECK lt_status lt_proc_spawn(const lt_spawn *spawn, int *pid, lt_err *err);

/* Run a program to its end with its output (stdout) appended to `out` (limit counts) and stderr dropped, stdin from
 * /dev/null. `argv` ends with NULL; argv[0] is looked up on PATH. *exit_code is 128 + N after a signal. */
LT_MUST_CHECK lt_status lt_proc_run(char *const argv[], lt_buf *out, int *exit_code, lt_err *err);

/* Open those of 0, 1, 2 that the caller has closed, so that no file of ours becomes one of them and is written to by mistake. Using
 * them still fails. First thing in main. */
void lt_hold_standard_fds(void);

/* The stop flag: set by SIGINT, SIGTERM and SIGHUP (unless that is ignored) once lt_stop_on_signals() was called; long work asks it. A second signal ends
 * the process at once. */
void lt_stop_on_signals(void);
bool lt_stop_asked(void);
void lt_stop_ask(void);    /* as a signal would */
void lt_stop_forget(void); /* a shell has stopped what ran and goes on */
int lt_stop_signal(void);  /* SIGINT or SIGTERM, 0 when none came */

/* Tell whoever looks after this service how it is: "READY=1", "STOPPING=1" (sd_notify(3): a datagram to $NOTIFY_SOCKET). Without one nothing
 * happens. */
void lt_service_tell(const char *state);
