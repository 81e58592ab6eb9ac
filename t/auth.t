use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: a location without users is open
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
limit_req_zone $http_x_key zone=req:1m rate=1r/m;
--- config
location / { sparkjob main; }

location /basic/ {
    auth_basic sparkjob;
    auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/htpasswd;
    sparkjob_user $remote_user;
    sparkjob main;
}

location /asked/ {
    auth_request /auth;
    auth_request_set $who $found;
    sparkjob_user $who;
    sparkjob main;
}

location = /auth {
    internal;
    set $found carol;
    if ($http_x_token = good) { return 204; }
    if ($http_x_token = bad)  { return 403; }
    return 401;
}

location /denied/  { deny all; sparkjob main; }
location /any/     { satisfy any; allow 127.0.0.1; deny all; auth_basic x;
                     auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/htpasswd;
                     sparkjob main; }
location /limited/ { limit_req zone=req; sparkjob main; }
location /small/   { client_max_body_size 10; sparkjob main; }
location /fixed/   { sparkjob_user dave; sparkjob main; }
location /page/    { error_page 403 =418 /teapot; deny all; sparkjob main; }
location = /teapot { return 418 "teapot\n"; }
location /other/   { deny all; }
--- user_files
>>> htpasswd
alice:{PLAIN}secret
--- init
main::upload('app');
main::context('c1');
--- request
GET /healthz
--- json
{"status": "SUCCESS"}


=== TEST 2: auth_basic asks for a user, in JSON
--- request
GET /basic/jobs
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="sparkjob"
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 3: a wrong password
--- request
GET /basic/jobs
--- more_headers
Authorization: Basic YWxpY2U6d3Jvbmc=
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="sparkjob"
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 4: the right one
--- request
GET /basic/contexts
--- more_headers
Authorization: Basic YWxpY2U6c2VjcmV0
--- json
["c1"]


=== TEST 5: the job knows its user
--- request
POST /basic/jobs?cp=app&mainClass=user&context=c1&sync=true
--- more_headers
Authorization: Basic YWxpY2U6c2VjcmV0
--- json
{"jobId": "<id>", "result": "alice"}


=== TEST 6: a user can be fixed by the configuration
--- request
POST /fixed/jobs?cp=app&mainClass=user&context=c1&sync=true
--- json
{"jobId": "<id>", "result": "dave"}


=== TEST 7: a client cannot name its user itself
--- request
POST /jobs?cp=app&mainClass=user&context=c1&sync=true&user=eve
--- more_headers
Authorization: Basic YWxpY2U6c2VjcmV0
--- json
{"jobId": "<id>", "result": ""}


=== TEST 8: HEAD without a user has no body
--- request
HEAD /basic/jobs
--- error_code: 401
--- response_body eval
""


=== TEST 9: a refused upload does not spoil the connection
--- pipelined_requests eval
["POST /basic/binaries/app\n" . "x" x 5000, "GET /healthz"]
--- error_code eval
[401, 200]


=== TEST 10: nothing was uploaded
--- request
GET /binaries
--- json
{"app": "<any>"}


=== TEST 11: auth_request refuses with 401
--- request
GET /asked/jobs
--- error_code: 401
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 12: and with 403
--- request
GET /asked/jobs
--- more_headers
X-Token: bad
--- error_code: 403
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 13: and lets through, with the user that it found
--- request
POST /asked/jobs?cp=app&mainClass=user&context=c1&sync=true
{}
--- more_headers
X-Token: good
--- json
{"jobId": "<id>", "result": "carol"}


=== TEST 14: deny
--- request
GET /denied/jobs
--- error_code: 403
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 15: deny holds for an upload, too
--- request
POST /denied/binaries/app
no zip
--- error_code: 403
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 16: satisfy any
--- request
GET /any/contexts
--- json
["c1"]


=== TEST 17: limit_req lets the first through
--- request
GET /limited/contexts
--- more_headers
X-Key: a
--- json
["c1"]


=== TEST 18: and not the second
--- request
GET /limited/contexts
--- more_headers
X-Key: a
--- error_code: 503
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 19: client_max_body_size
--- request
POST /small/jobs?cp=app&mainClass=noop&context=c1
{"a": "a long body"}
--- error_code: 413
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 20: client_max_body_size of a chunked body, whose length nobody knows before
--- raw_request eval
"POST /small/jobs?cp=app&mainClass=noop&context=c1 HTTP/1.1\r
Host: localhost\r
Connection: close\r
Transfer-Encoding: chunked\r
\r
20\r
{\"a\": \"a long body of 32 bytes\"}\r
0\r
\r
"
--- error_code: 413
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 21: an error_page of the configuration wins
--- request
GET /page/jobs
--- error_code: 418
--- response_body
teapot


=== TEST 22: errors of other locations stay nginx's own
--- request
GET /other/jobs
--- error_code: 403
--- response_body_like: <html>
