-- How far each trigger has come, and what it waits for.
create table triggers (
    pipeline text not null,
    name text not null,
    watches text not null, -- what it looks at, as the file says it; another one begins anew
    cursor text not null default '', -- what it has seen last; its meaning is that of the kind
    since_us integer not null, -- it looks since then
    events integer not null default 0, -- so many so far
    last_event text not null default '',
    last_event_at_us integer not null default 0,
    last_run integer not null default 0,
    trouble text not null default '', -- why it cannot look, or make a run
    trouble_since_us integer not null default 0,
    primary key (pipeline, name)
) strict, without rowid;

-- Things that a trigger knows: files, objects, datasets. What is here is no news.
create table trigger_items (
    pipeline text not null,
    trigger text not null,
    item text not null,
    stamp text not null,
    primary key (pipeline, trigger, item)
) strict, without rowid;
