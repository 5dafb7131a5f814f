create table home (
    id text not null
) strict;
insert into home values (lower(hex(randomblob(16))));

create table runs (
    id integer primary key autoincrement,
    command text not null,
    pipeline text not null,
    selection text not null,
    exclusion text not null,
    target text not null,
    vars_json text not null,
    clock_us integer not null,
    threads integer not null,
    full_refresh integer not null,
    retry_of integer not null,
    git_commit text not null,
    git_branch text not null,
    git_dirty integer not null,
    tree text not null,
    engine text not null,
    status text not null,
    message text not null default '',
    started_at_us integer not null,
    finished_at_us integer not null default 0,
    pid integer not null,
    pid_started integer not null -- with pid it names the process for good
) strict;
create index runs_running on runs (id) where status = 'running';

create table tasks (
    run_id integer not null references runs (id) on delete cascade,
    ordinal integer not null,
    id text not null,
    kind text not null,
    name text not null,
    status text not null,
    attempts integer not null default 0,
    started_at_us integer not null default 0,
    finished_at_us integer not null default 0,
    rows_in integer not null default -1,
    rows_out integer not null default -1,
    peak_bytes integer not null default 0,
    message text not null default '',
    hint text not null default '',
    result_json text not null default '',
    primary key (run_id, id)
) strict, without rowid;

create table attempts (
    token integer primary key autoincrement, -- grows for ever: what targets record
    run_id integer not null references runs (id) on delete cascade,
    task text not null,
    attempt integer not null,
    started_at_us integer not null,
    finished_at_us integer not null default 0,
    status text not null,
    message text not null default '',
    backend_pid integer not null default 0,
    backend_started text not null default ''
) strict;
create index attempts_of_task on attempts (run_id, task);
create index attempts_with_backend on attempts (token) where backend_pid <> 0;

create table pins (
    run_id integer not null references runs (id) on delete cascade,
    bucket text not null,
    prefix text not null,
    sequence integer not null,
    commit_id text not null,
    primary key (run_id, bucket, prefix)
) strict, without rowid;
