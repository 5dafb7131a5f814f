#!/usr/bin/env bash
# usage: postgres.sh start DIR [GUARD_PID] | stop DIR
#
# start: a new PostgreSQL 15 in DIR (made if missing; must be empty), on a unix socket in DIR only; prints its URL. With LEAT_PG_PORT=N it is
# on 127.0.0.1:N too, for clients that are told no socket. Nothing is
# synced to disk: it is for tests. It stops by itself, and DIR goes, when the process GUARD_PID ends (default: nobody watches).
# stop: at once; DIR is removed.
# Exit 0; 77 when PostgreSQL 15 is not installed; 1 otherwise, with the reason on stderr.
set -euo pipefail
export LC_ALL=C
bin=/usr/lib/postgresql/15/bin

die() {
    printf 'postgres.sh: %s\n' "$*" >&2
    exit 1
}

# PostgreSQL refuses to run as root
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all "$@"
    else
        "$@"
    fi
}

start() {
    local dir=$1 guard=${2:-}
    if [ ! -x $bin/initdb ]; then
        echo "postgres.sh: PostgreSQL 15 is not installed ($bin/initdb)" >&2
        exit 77
    fi
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ ${#dir} -le 80 ] || die "'$dir' is too long for a socket's path"
    [ ! -e "$dir/data" ] || die "'$dir' holds a database already"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    local self
    self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
    cd "$dir"
    as_owner $bin/initdb -D "$dir/data" -U postgres --auth=trust --encoding=UTF8 --no-locale --no-sync \
        --no-instructions >"$dir/initdb.log" 2>&1 </dev/null || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
    cat >>"$dir/data/postgresql.conf" <<-CONF
	listen_addresses = '${LEAT_PG_PORT:+127.0.0.1}'
	port = ${LEAT_PG_PORT:-5432}
	unix_socket_directories = '$dir'
	fsync = off
	full_page_writes = off
	synchronous_commit = off
	max_wal_size = 4GB
	shared_buffers = 128MB
	max_connections = 60
	CONF
    as_owner $bin/pg_ctl -D "$dir/data" -s -w -t 60 -l "$dir/server.log" start >/dev/null 2>&1 </dev/null ||
        { cat "$dir/server.log" >&2; die "the server did not start"; }
    if [ -n "$guard" ]; then
        setsid "$self" guard "$dir" "$guard" >/dev/null 2>&1 </dev/null &
    fi
    echo "postgresql://postgres@/postgres?host=$dir${LEAT_PG_PORT:+&port=$LEAT_PG_PORT}"
}

stop() {
    local dir=$1
    [ -d "$dir/data" ] || return 0
    cd /
    as_owner $bin/pg_ctl -D "$dir/data" -s -m immediate -w stop >/dev/null 2>&1 </dev/null || true
    rm -rf "$dir"
}

case ${1:-} in
start) start "${2:?a folder}" "${3:-}" ;;
stop) stop "${2:?a folder}" ;;
guard) # what start leaves running
    tail --pid="$3" -f /dev/null
    stop "$2"
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 1
    ;;
esac
