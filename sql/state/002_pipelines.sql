-- What a run was asked for, by whom it is done now, and what it waits for.
alter table runs add column run_key text not null default ''; -- who asks twice with one key gets one run
alter table runs add column params_json text not null default '{}';
alter table runs add column trigger_json text not null default '{}'; -- what asked for it: {"kind": "manual"}
alter table runs add column parent_run integer not null default 0;
alter table runs add column parent_task text not null default '';
alter table runs add column claim integer not null default 1; -- grows when another process takes the run over; the older one may not write any more
alter table runs add column asked_at_us integer not null default 0;
alter table runs add column wait_kind text not null default '';
alter table runs add column wait_what text not null default '';
alter table runs add column wait_detail text not null default '';
alter table runs add column wait_run integer not null default 0;
alter table runs add column wait_since_us integer not null default 0;
alter table runs add column wait_next_us integer not null default 0;
alter table runs add column wait_deadline_us integer not null default 0;
create unique index runs_by_key on runs (run_key) where run_key <> '';
create index runs_open on runs (pipeline) where status in ('queued', 'running');
create index runs_of_parent on runs (parent_run) where parent_run <> 0;

alter table tasks add column token integer not null default 0; -- of the attempt that may write
alter table tasks add column needs_json text not null default '[]';
alter table tasks add column parent text not null default ''; -- the for_each that made it
alter table tasks add column item_json text not null default ''; -- {"index": 0, "task": "x", "item": ...}
alter table tasks add column output_json text not null default '';
alter table tasks add column cause text not null default ''; -- why it was skipped ("upstream", "choice", "rule") or did not end ("lost")
alter table tasks add column wait_kind text not null default '';
alter table tasks add column wait_what text not null default '';
alter table tasks add column wait_detail text not null default '';
alter table tasks add column wait_run integer not null default 0;
alter table tasks add column wait_since_us integer not null default 0;
alter table tasks add column wait_next_us integer not null default 0;
alter table tasks add column wait_deadline_us integer not null default 0;
create index tasks_of_parent on tasks (run_id, parent) where parent <> '';

-- What people ask of a run: its process answers, and says what came of it.
create table requests (
    id integer primary key autoincrement,
    run_id integer not null references runs (id) on delete cascade,
    task text not null, -- empty: the whole run
    kind text not null, -- cancel, mark
    argument text not null default '',
    asked_by text not null,
    asked_at_us integer not null,
    done_at_us integer not null default 0,
    answer text not null default ''
) strict;
create index requests_open on requests (run_id) where done_at_us = 0;

create table approvals (
    run_id integer not null references runs (id) on delete cascade,
    task text not null,
    people_json text not null,
    roles_json text not null,
    message text not null,
    asked_at_us integer not null,
    deadline_us integer not null, -- 0: none
    decision text not null default '', -- approved, rejected
    decided_by text not null default '',
    comment text not null default '',
    decided_at_us integer not null default 0,
    primary key (run_id, task)
) strict, without rowid;

-- Who has, and who wants, places in a pool. Rows of runs that do not run count for nothing.
create table pool_places (
    pool text not null,
    run_id integer not null references runs (id) on delete cascade,
    task text not null,
    places integer not null,
    priority integer not null,
    asked_at_us integer not null,
    granted_at_us integer not null default 0, -- 0: wants
    primary key (pool, run_id, task)
) strict, without rowid;
