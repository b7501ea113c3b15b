#!/bin/sh
# Makes a throw-away Postgres cluster out of whatever binaries are installed and prints the folder of its socket, or an
# empty line if there can be none. Takes the cluster away when standard input ends, and with it whoever held the other
# end. The user is called meggy and needs no password.

if [ "$(id -u)" = 0 ]; then # Postgres refuses to run as root.
    user=nobody
    id postgres >/dev/null 2>&1 && user=postgres
    script=$(cat "$0")
    cd / || exit 1
    # su would stand in between and fall to the signals that this script ignores.
    if command -v setpriv >/dev/null; then
        exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups sh -c "$script"
    fi
    exec su -m -s /bin/sh "$user" -c "$script"
fi

trap '' HUP INT TERM
for folder in $(echo "$PATH" | tr : ' ') $(ls -dr /usr/lib/postgresql/*/bin 2>/dev/null); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then bin=$folder && break; fi
done
if [ -z "$bin" ]; then
    echo "Postgres is not installed: there are no initdb and pg_ctl (Debian has them in the package postgresql)" >&2
    echo
    exit 1
fi

home=$(mktemp -d "${TMPDIR:-/tmp}/postgres-for-tests-XXXXXX" 2>/dev/null || mktemp -d /tmp/postgres-for-tests-XXXXXX)
# Nothing here has to survive a power cut.
fast="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
if {
    "$bin/initdb" -D "$home/data" -U meggy -A trust -E UTF8 --locale=C --no-sync &&
        "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w \
            -o "-k $home -c listen_addresses= -c max_connections=300 $fast" start
} >"$home/making" 2>&1; then
    echo "$home"
    read -r _
    "$bin/pg_ctl" -D "$home/data" -m immediate stop >/dev/null 2>&1
else
    cat "$home/making" "$home/log" >&2
    echo
fi
rm -rf "$home"
