-- How far the server has come with the schedule of a pipeline, and who has paused it.
create table schedules (
    pipeline text primary key,
    schedule text not null default '', -- as the file said it; another one begins anew
    at_s integer not null default 0, -- the last tick that has been seen to, by its moment and its wall time
    wall_s integer not null default 0,
    paused_at_us integer not null default 0, -- 0: not paused
    paused_by text not null default '',
    paused_why text not null default ''
) strict, without rowid;

-- Runs that the server begins, and takes up again when their process has died.
alter table runs add column supervised integer not null default 0;
create index runs_supervised on runs (id) where supervised = 1 and status in ('queued', 'running', 'lost');
create index runs_of_pipeline on runs (pipeline, id);
