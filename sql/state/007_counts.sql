-- How many runs each pipeline has in each status, so that nobody who watches has to count a long history.
create table run_counts (
    pipeline text not null,
    status text not null,
    number integer not null,
    primary key (pipeline, status)
) strict, without rowid;
insert into run_counts select pipeline, status, count(*) from runs group by pipeline, status;

create trigger run_is_counted after insert on runs begin
    insert into run_counts (pipeline, status, number) values (new.pipeline, new.status, 1)
    on conflict (pipeline, status) do update set number = number + 1;
end;

create trigger run_is_counted_otherwise after update of status on runs when old.status <> new.status begin
    update run_counts set number = number - 1 where pipeline = old.pipeline and status = old.status;
    insert into run_counts (pipeline, status, number) values (new.pipeline, new.status, 1)
    on conflict (pipeline, status) do update set number = number + 1;
end;

create trigger run_is_not_counted after delete on runs begin
    update run_counts set number = number - 1 where pipeline = old.pipeline and status = old.status;
    delete from run_counts where pipeline = old.pipeline and status = old.status and number = 0;
end;
