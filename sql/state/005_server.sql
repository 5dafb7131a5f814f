-- What the server's lists and its stream of events ask for.
create index runs_by_status on runs (status, id);
create index runs_of_pipeline_by_status on runs (pipeline, status, id);
create index runs_asked on runs (asked_at_us);

-- What has changed, in order: the newest ten thousand, so that whoever was away for a while can go on where they were.
create table changes (
    sequence integer primary key autoincrement,
    at_us integer not null,
    kind text not null, -- run, task, schedule
    run_id integer not null default 0,
    task text not null default '',
    pipeline text not null default '',
    status text not null default ''
) strict;

create trigger changes_stay_few after insert on changes begin
    delete from changes where sequence <= new.sequence - 10000;
end;

create trigger run_is_new after insert on runs begin
    insert into changes (at_us, kind, run_id, pipeline, status)
    values (cast(unixepoch('subsec') * 1e6 as integer), 'run', new.id, new.pipeline, new.status);
end;

create trigger run_has_changed after update of status, wait_kind, wait_what, wait_detail on runs
when old.status <> new.status or old.wait_kind <> new.wait_kind or old.wait_what <> new.wait_what or old.wait_detail <> new.wait_detail
begin
    insert into changes (at_us, kind, run_id, pipeline, status)
    values (cast(unixepoch('subsec') * 1e6 as integer), 'run', new.id, new.pipeline, new.status);
end;

create trigger task_has_changed after update of status, wait_kind, wait_what, wait_detail on tasks
when old.status <> new.status or old.wait_kind <> new.wait_kind or old.wait_what <> new.wait_what or old.wait_detail <> new.wait_detail
begin
    insert into changes (at_us, kind, run_id, task, pipeline, status)
    values (cast(unixepoch('subsec') * 1e6 as integer), 'task', new.run_id, new.id,
        (select pipeline from runs where id = new.run_id), new.status);
end;

create trigger schedule_has_changed after update of paused_at_us on schedules when old.paused_at_us <> new.paused_at_us begin
    insert into changes (at_us, kind, pipeline, status)
    values (cast(unixepoch('subsec') * 1e6 as integer), 'schedule', new.pipeline, iif(new.paused_at_us, 'paused', 'going'));
end;
