use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: every directive at every level where it may stand
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_sync_timeout 10s;
sparkjob_context_timeout 65s;
sparkjob_delete_timeout 15s;
sparkjob_launcher_timeout 5s;
sparkjob_user $remote_user;
--- config
sparkjob_sync_timeout 1m;
sparkjob_context_timeout 2m;
sparkjob_delete_timeout 500ms;
sparkjob_launcher_timeout 30s;
sparkjob_user "$remote_addr:$remote_user";
location / {
    sparkjob main;
    sparkjob_sync_timeout 1;
    sparkjob_context_timeout 1;
    sparkjob_delete_timeout 1;
    sparkjob_launcher_timeout 1;
    sparkjob_user me;
}
location /nested/ {
    location /nested/in/ { sparkjob main; }
}
--- request
GET /nested/in/contexts
--- json
[]


=== TEST 2: a zone may be used before it is defined, and by nobody
--- http_config
server {
    listen $TEST_NGINX_SPARKJOB_SECOND_PORT;
    location / { sparkjob main; }
}
sparkjob_zone unused 1m unix:$TEST_NGINX_SPARKJOB_DIR/unused.sock;
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
--- config
location / { sparkjob main; }
--- request
GET /contexts
--- json
[]


=== TEST 3: a zone that nobody has defined
--- config
location / { sparkjob nope; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*"nope"/]


=== TEST 4: a zone without a size
--- http_config
sparkjob_zone main;
--- config
--- must_die
--- suppress_stderr
--- error_log
[emerg]
invalid number of arguments in "sparkjob_zone" directive


=== TEST 5: a size that is none
--- http_config
sparkjob_zone main big unix:/tmp/x.sock;
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*size.*"big"|"big".*size/]


=== TEST 6: a size that holds nothing
--- http_config
sparkjob_zone main 1k unix:/tmp/x.sock;
--- config
--- must_die
--- suppress_stderr
--- error_log
[emerg]
too small


=== TEST 7: a launcher that is no Unix socket
--- http_config
sparkjob_zone main 1m 127.0.0.1:80;
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*127\.0\.0\.1:80/]


=== TEST 8: a Unix socket without a path
--- http_config
sparkjob_zone main 1m unix:;
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*unix:/]


=== TEST 9: a path that is too long for a socket
--- http_config eval
"sparkjob_zone main 1m unix:/" . "x" x 200 . ";"
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*xxx/]


=== TEST 10: a zone that is defined twice
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
sparkjob_zone main 1m unix:/tmp/y.sock;
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*"main"/]


=== TEST 11: a name that another module's zone has
--- http_config
limit_req_zone $remote_addr zone=main:1m rate=1r/s;
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*"main"/]


=== TEST 12: a zone that another module has, used as ours
--- http_config
limit_req_zone $remote_addr zone=req:1m rate=1r/s;
--- config
location / { sparkjob req; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr/\[emerg\].*"req"/]


=== TEST 13: a location with two servers
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location / { sparkjob main; sparkjob main; }
--- must_die
--- suppress_stderr
--- error_log
[emerg]
is duplicate


=== TEST 14: sparkjob outside a location
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
sparkjob main;
--- must_die
--- suppress_stderr
--- error_log
[emerg]
"sparkjob" directive is not allowed here


=== TEST 15: sparkjob_zone in a server
--- config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- must_die
--- suppress_stderr
--- error_log
[emerg]
"sparkjob_zone" directive is not allowed here


=== TEST 16: a timeout that is none
--- config
sparkjob_sync_timeout soon;
--- must_die
--- suppress_stderr
--- error_log
[emerg]
"sparkjob_sync_timeout" directive invalid value


=== TEST 17: a timeout twice
--- config
sparkjob_launcher_timeout 1s;
sparkjob_launcher_timeout 2s;
--- must_die
--- suppress_stderr
--- error_log
[emerg]
"sparkjob_launcher_timeout" directive is duplicate


=== TEST 18: a user of an unknown variable
--- config
sparkjob_user $no_such_variable;
--- must_die
--- suppress_stderr
--- error_log
[emerg]
unknown "no_such_variable" variable


=== TEST 19: sparkjob without a zone
--- config
location / { sparkjob; }
--- must_die
--- suppress_stderr
--- error_log
[emerg]
invalid number of arguments in "sparkjob" directive


=== TEST 20: a location of a regular expression has no prefix to strip
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location ~ ^/api { sparkjob main; }
--- must_die
--- suppress_stderr
--- error_log
[emerg]
regular expression


=== TEST 21: nor has a named one
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location @api { sparkjob main; }
--- must_die
--- suppress_stderr
--- error_log
[emerg]
named location


=== TEST 22: an exact location has its one route
--- config
location = /contexts { sparkjob main; }
--- request
GET /contexts
--- json
[]


=== TEST 23: limits of a worker
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN queued=1m parked=1 watchers=2 uploads=3;
--- config
location / { sparkjob main; }
--- request
GET /contexts
--- json
[]


=== TEST 24: limits that are none
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock watchers=0;
--- config
--- must_die
--- suppress_stderr
--- error_log
[emerg]
invalid parameter "watchers=0" of zone "main"


=== TEST 25: nor is this
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock queued=1x;
--- config
--- must_die
--- suppress_stderr
--- error_log
[emerg]
invalid parameter "queued=1x" of zone "main"


=== TEST 26: a limit that nobody knows
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock waiting=1;
--- config
--- must_die
--- suppress_stderr
--- error_log
[emerg]
invalid parameter "waiting=1" of zone "main"
