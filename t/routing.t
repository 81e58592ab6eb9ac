use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
launcher('other');
run_tests();

my $get = http('GET', '/jobs');
my $head = http('HEAD', '/jobs');
is($head->{headers}{'content-length'}, $get->{headers}{'content-length'},
   'HEAD tells the length of what GET would answer') if defined $get->{headers}{'content-length'};
is($head->{body}, '', 'and sends none of it');

__DATA__

=== TEST 1: the API sits at the root
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone other 1m unix:$TEST_NGINX_SPARKJOB_OTHER;
--- config
location /         { sparkjob main; }
location /spark/   { sparkjob main; }
location /bare     { sparkjob main; }
location /two/deep/ { sparkjob other; }
location /plain/   { return 200 "plain\n"; }
--- init
main::upload('app');
--- request
GET /healthz
--- json
{"status": "SUCCESS"}


=== TEST 2: and below a prefix
--- request
GET /spark/healthz
--- json
{"status": "SUCCESS"}


=== TEST 3: and below one that is written without its last slash
--- request
GET /bare/healthz
--- json
{"status": "SUCCESS"}


=== TEST 4: and below a deeper one, on another launcher
--- request
GET /two/deep/healthz
--- json
{"status": "SUCCESS"}


=== TEST 5: locations of one zone are one server
--- request
POST /spark/contexts/c1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 6: seen from each of them
--- request
GET /bare/contexts
--- json
["c1"]


=== TEST 7: locations of two zones are two servers
--- request
GET /two/deep/contexts
--- json
[]


=== TEST 8: each has names of its own
--- request
POST /two/deep/contexts/c1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 9: and binaries
--- request
GET /two/deep/binaries
--- json
{}


=== TEST 10: a job goes to the launcher of its location
--- request
POST /two/deep/jobs?cp=app&mainClass=noop&context=c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName app not found"}


=== TEST 11: other locations are left alone
--- request
GET /plain/healthz
--- response_body
plain


=== TEST 12: an unknown path
--- request
GET /nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 13: the root of the API
--- request
GET /
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 14: the root of a prefix
--- request
GET /spark/
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 15: the prefix alone
--- request
GET /bare
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 16: what only begins like the prefix
--- request
GET /barehealthz
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 17: a path that is too long is not the list
--- request eval
["GET /jobs/a/b/c", "GET /contexts/a/b", "GET /binaries/a/b", "GET /jars/a/b",
 "GET /healthz/a"]
--- error_code eval
[404, 404, 404, 404, 404]
--- json eval
[('{"status": "ERROR", "result": "<string>"}') x 5]


=== TEST 18: neither is a path with a slash at its end
--- request eval
["GET /jobs/", "GET /contexts/", "GET /binaries/", "GET /jars/", "GET /healthz/"]
--- error_code eval
[404, 404, 404, 404, 404]


=== TEST 19: nor what begins or ends like a route
--- request eval
["GET /jobsx", "GET /xjobs", "GET /job", "GET /Jobs", "GET /jobs/a/configs"]
--- error_code eval
[404, 404, 404, 404, 404]


=== TEST 20: an encoded slash belongs to the name
--- request
GET /contexts/a%2Fb
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find context with name a/b"}


=== TEST 21: below a prefix, too
--- request
GET /spark/contexts/a%2fb
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find context with name a/b"}


=== TEST 22: nginx's view of the path counts: dots, doubled slashes, encoded letters
--- request eval
["GET /plain/../jobs", "GET /plain/../spark/./jobs", "GET //spark//jobs",
 "GET /%6Aobs", "GET /%73park/jobs"]
--- error_code eval
[200, 200, 200, 200, 200]
--- json eval
[('[]') x 5]


=== TEST 23: a wrong method tells the right ones
--- request
PUT /jobs
--- error_code: 405
--- response_headers_like
Allow: GET, (HEAD, )?POST, DELETE
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 24: on a resource with three
--- request
PUT /binaries/app
--- error_code: 405
--- response_headers_like
Allow: (?=.*\bGET\b)(?=.*\bPOST\b)(?=.*\bDELETE\b)[A-Z, ]+
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 25: with one
--- request
POST /healthz
--- error_code: 405
--- response_headers_like
Allow: GET(, HEAD)?
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 26: a method that nobody has
--- request
FROB /jobs
--- error_code: 405
--- response_headers_like
Allow: GET, (HEAD, )?POST, DELETE
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 27: an unknown path has no methods
--- request
DELETE /nope
--- error_code: 404
--- response_headers
! Allow
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 28: HEAD is GET without the body
--- request
HEAD /contexts/c1
--- response_headers_like
Content-Type: application/json.*
--- response_body eval
""


=== TEST 29: HEAD of what is not there
--- request
HEAD /contexts/nope
--- error_code: 404
--- response_body eval
""


=== TEST 30: HEAD of what has no GET
--- request
HEAD /jars/app
--- error_code: 405
--- response_body eval
""


=== TEST 31: a POST can ask for another method
--- request
POST /two/deep/contexts/c1?_method=DELETE
--- json
{"status": "SUCCESS", "result": "Context stopped"}


=== TEST 32: with other parameters beside it
--- request
POST /two/deep/contexts?reset=reboot&_method=PUT
--- json
{"status": "SUCCESS", "result": "Context reset"}


=== TEST 33: a GET cannot
--- request
GET /contexts/c1?_method=DELETE
--- json
{"name": "c1", "state": "RUNNING", "...": 1}


=== TEST 34: nor can a POST ask for a method that nobody has
--- request
POST /contexts/c1?_method=FROB
--- error_code_like: ^40[05]$
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 35: a body that nobody asked for does not spoil the connection
--- pipelined_requests eval
["POST /nope\nsome body", "PUT /jobs\nsome body", "GET /contexts\nsome body",
 "POST /binaries/app\nno zip", "GET /healthz"]
--- error_code eval
[404, 405, 200, 415, 200]


=== TEST 36: a parameter is found by its whole name
--- request
GET /jobs?xlimit=x&limitx=y&mylimit=z
--- json
[]


=== TEST 37: and by its decoded name and value
--- request
GET /jobs?%6Cimit=%78
--- error_code: 400
--- json
{"status": "ERROR", "result": "~limit"}


=== TEST 38: a plus is a blank in a query
--- request
POST /jobs?cp=no+pe&mainClass=noop&context=c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName no pe not found"}
