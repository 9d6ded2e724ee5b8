#!/usr/bin/env bash
# The pages of two targets behind one nginx, each below a path of its own, in a real browser.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<<"--binary"

need curl nginx
with_browser
program

at_admin=unix:$work/one.sock start one --mode single --sample-interval 200ms --profile flask-locust
one=$pid
start two --mode single --sample-interval 200ms
two=$pid two_url=$url two_admin=$admin
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
daemon off;
user root;
pid $work/nginx.pid;
error_log $work/nginx.err;
events {}
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$port;
        proxy_set_header Host \$http_host;
        proxy_http_version 1.1;
        location /team/one/ { proxy_pass http://unix:$work/one.sock:/; }
        location /team/two/ { proxy_pass $two_admin/; }
        location /target/ { proxy_pass $two_url/; }
    }
}
CONF
nginx -c "$work/nginx.conf" &
pids+=($!)
await 20 curl -sf "http://127.0.0.1:$port/team/one/health" || { cat "$work/nginx.err" >&2; exit 1; }
result=0
steer scripts/test-prefix.cjs "http://127.0.0.1:$port" || result=1
end "$one"
end "$two"
exit "$result"
