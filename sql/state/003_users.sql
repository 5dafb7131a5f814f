-- Who may use the server, how they are known again, and what they changed.
create table users (
    name text primary key,
    password_hash text not null,
    role text not null check (role in ('viewer', 'operator', 'editor', 'admin')),
    must_change integer not null,
    disabled integer not null default 0,
    created_at_us integer not null,
    signed_in_at_us integer not null default 0
) strict, without rowid;

create table logins (
    token_hash text primary key,
    user text not null references users (name) on delete cascade,
    csrf text not null,
    began_at_us integer not null,
    expires_at_us integer not null,
    idle_us integer not null,
    used_at_us integer not null
) strict, without rowid;
create index logins_of_user on logins (user);

create table tokens (
    id text primary key,
    token_hash text not null unique,
    user text not null references users (name) on delete cascade,
    label text not null,
    role text not null check (role in ('viewer', 'operator', 'editor', 'admin')),
    pipelines text not null,
    created_at_us integer not null,
    expires_at_us integer not null, -- 0: never
    used_at_us integer not null default 0,
    revoked_at_us integer not null default 0
) strict, without rowid;
create index tokens_of_user on tokens (user);

-- Sign-ins that failed, by name ("u:ada") and by address ("a:127.0.0.1").
create table sign_in_failures (
    key text primary key,
    count integer not null,
    last_at_us integer not null
) strict, without rowid;

create table audit (
    sequence integer primary key autoincrement,
    at_us integer not null,
    by text not null,
    source text not null,
    action text not null,
    subject text not null,
    detail text not null
) strict;
create index audit_at on audit (at_us);
