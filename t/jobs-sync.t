use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher(max_jobs_per_context => 64);
run_tests();

# Many parked requests at once, over both workers.

my @parked = map {
    http_start('POST', '/jobs?cp=app&mainClass=sleep&context=c1&sync=true',
               '{"ms": ' . 10 * $_ . '}')
} 1 .. 40;
is(scalar(grep { my $a = http_finish($_); $a->{status} == 200 && $a->{json}{result} }
          @parked), 40, 'parked requests are all woken, each by its own job');

# The client goes away.

my $gone = http_start('POST', '/jobs?cp=app&mainClass=sleep&context=c1&sync=true',
                      '{"ms": 3000}');
my $job = wait_for('the job runs', sub {
    http('GET', '/jobs?limit=1&status=running')->{json}[0]
});
close $gone;
ok(wait_job($job->{jobId}, 'FINISHED'), 'a client that goes away leaves its job');

# Killed, or its driver dead, while somebody waits.

my $killed = http_start('POST', '/jobs?cp=app&mainClass=sleep&context=c1&sync=true',
                        '{"ms": 60000}');
$job = wait_for('the job runs', sub {
    http('GET', '/jobs?limit=1&status=running')->{json}[0]
});
http('DELETE', "/jobs/$job->{jobId}");
my $answer = http_finish($killed, 10);
is($answer->{json}{jobId}, $job->{jobId}, 'who waits for a job that is killed is answered');
like($answer->{json}{result}{errorClass}, qr/JobKilledException$/, 'with the reason');

my $died = http('POST', '/jobs?cp=app&mainClass=exit&context=c2&sync=true', '{"code": 1}');
is($died->{status}, 200, 'who waits for a job whose driver dies is answered');
json_like($died->{body}, '{"jobId": "<id>", "status": "ERROR", "result":
    {"message": "~^Unexpected termination of context", "errorClass": "~ContextTerminatedException$",
     "stack": "<string>"}}', 'with the reason');

# Requests that nginx holds while it reloads.

my $held = http_start('POST', '/jobs?cp=app&mainClass=sleep&context=c1&sync=true',
                      '{"ms": 4000}');
wait_for('the job runs', sub {
    http('GET', '/jobs?limit=1&status=running')->{json}[0]
});
kill 'HUP', master_pid();
is(http_finish($held)->{json}{result} ? 'true' : '', 'true',
   'a request that waits survives a reload');
is(http('GET', '/contexts/c1')->{status}, 200, 'the zone does, too');

__DATA__

=== TEST 1: a sync job answers with its result and no status
--- config
location / { sparkjob main; }
location /short/ { sparkjob main; sparkjob_sync_timeout 500ms; }
--- init
main::upload('app');
main::context('c1');
main::context('c2');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- json
{"jobId": "<id>", "result": true}
--- save
job jobId


=== TEST 2: its report is kept
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "noop", "context": "c1",
 "contextId": "<id>", "duration": "<duration>", "status": "FINISHED", "result": true}


=== TEST 3: sync=yes
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=yes
--- json
{"jobId": "<id>", "result": true}


=== TEST 4: sync=ON
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=ON
--- json
{"jobId": "<id>", "result": true}


=== TEST 5: sync=1
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=1
--- json
{"jobId": "<id>", "result": true}


=== TEST 6: sync=False
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=False
--- error_code: 202
--- json
{"status": "STARTED", "...": 1}


=== TEST 7: sync=no
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=no
--- error_code: 202
--- json
{"status": "STARTED", "...": 1}


=== TEST 8: sync=off and sync=0
--- request eval
["POST /jobs?cp=app&mainClass=noop&context=c1&sync=off",
 "POST /jobs?cp=app&mainClass=noop&context=c1&sync=0"]
--- error_code eval
[202, 202]


=== TEST 9: an empty sync counts as absent
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=
--- error_code: 202
--- json
{"status": "STARTED", "...": 1}


=== TEST 10: a sync that is no boolean is refused
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~sync"}


=== TEST 11: a job that throws is answered with 200 and its error
--- request
POST /jobs?cp=app&mainClass=throw&context=c1&sync=true
{"message": "bad luck"}
--- json
{"jobId": "<id>", "status": "ERROR",
 "result": {"message": "bad luck", "errorClass": "java.lang.RuntimeException",
            "stack": "~\\n\\tat "}}
--- save
job jobId


=== TEST 12: and reported as an error
--- request
GET /jobs/%{job}
--- json
{"status": "ERROR", "result": {"message": "bad luck", "...": 1}, "...": 1}


=== TEST 13: a validation that throws is a job's error, not a refusal
--- request
POST /jobs?cp=app&mainClass=validatethrows&context=c1&sync=true
--- json
{"jobId": "<id>", "status": "ERROR",
 "result": {"message": "validation threw", "errorClass": "<string>", "stack": "<string>"}}


=== TEST 14: in async mode, too
--- request
POST /jobs?cp=app&mainClass=validatethrows&context=c1
--- json
{"jobId": "<id>", "status": "ERROR",
 "result": {"message": "validation threw", "errorClass": "<string>", "stack": "<string>"}}


=== TEST 15: the configuration of a sync job is kept
--- request
POST /jobs?cp=app&mainClass=echo&context=c1&sync=true
{"input.string": "a b c a b see"}
--- json
{"jobId": "<id>", "result": "{\"input.string\": \"a b c a b see\"}"}
--- save
job jobId


=== TEST 16: with its keys nested
--- request
GET /jobs/%{job}/config
--- response_body
{
    "input": {
        "string": "a b c a b see"
    }
}


=== TEST 17: a result of null
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": null}
--- json
{"jobId": "<id>", "result": null}


=== TEST 18: a result that is a number keeps its digits
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": 9007199254740993}
--- response_body_like: "result": ?9007199254740993}


=== TEST 19: a result that is a string
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": "\"\\\u00e9\u20ac\ud83d\ude00\u0000"}
--- json
{"jobId": "<id>", "result": "\"\\\u00e9\u20ac\ud83d\ude00\u0000"}


=== TEST 20: a nested result
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": {"b": [1, [], {}, {"c": [null, true, 1.5, "x"]}]}}
--- json
{"jobId": "<id>", "result": {"b": [1, [], {}, {"c": [null, true, 1.5, "x"]}]}}


=== TEST 21: a posted body is passed on byte for byte, whatever its type
--- request
POST /jobs?cp=app&mainClass=echo&context=c1&sync=true
a=b+c%20d&e
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- json
{"jobId": "<id>", "result": "a=b+c%20d&e"}


=== TEST 22: raw UTF-8 is, too
--- request eval
"POST /jobs?cp=app&mainClass=echo&context=c1&sync=true\na=\xc3\xa9\xe2\x82\xac"
--- json
{"jobId": "<id>", "result": "a=\u00e9\u20ac"}


=== TEST 23: a chunked body is
--- raw_request eval
"POST /jobs?cp=app&mainClass=echo&context=c1&sync=true HTTP/1.1\r
Host: localhost\r
Connection: close\r
Transfer-Encoding: chunked\r
\r
3\r
a=b\r
2\r
cd\r
0\r
\r
"
--- json
{"jobId": "<id>", "result": "a=bcd"}


=== TEST 24: a wait that expires keeps the job id and says where to look
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=1
{"ms": 2000}
--- error_code: 202
--- json
{"jobId": "<id>", "startTime": "<time>", "classPath": "sleep", "context": "c1",
 "contextId": "<id>", "duration": "Job not done yet", "status": "~^(STARTED|RUNNING)$"}
--- response_headers_like
Location: (?:http://[^/]+)?/jobs/[-0-9a-f]{36}
--- save
job jobId


=== TEST 25: the job goes on
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "status": "FINISHED", "result": true, "...": 1}


=== TEST 26: the location's timeout holds where the request has none
--- request
POST /short/jobs?cp=app&mainClass=sleep&context=c1&sync=true
{"ms": 1500}
--- error_code: 202
--- json
{"jobId": "<id>", "status": "~^(STARTED|RUNNING)$", "...": 1}
--- response_headers_like
Location: (?:http://[^/]+)?/short/jobs/[-0-9a-f]{36}
--- save
job jobId


=== TEST 27: the request's own wins
--- request
POST /short/jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=60
{"ms": 1000}
--- timeout: 60
--- json
{"jobId": "<id>", "result": true}


=== TEST 28: a timeout that is no integer is refused
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true&timeout=1.5
--- error_code: 400
--- json
{"status": "ERROR", "result": "~timeout"}


=== TEST 29: an empty one counts as absent
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true&timeout=
--- json
{"jobId": "<id>", "result": true}


=== TEST 30: a job without a context of its own
--- request
POST /jobs?cp=app&mainClass=noop&sync=true
--- json
{"jobId": "<id>", "result": true}


=== TEST 31: the settings of its context come from the body
--- request
POST /jobs?cp=app&mainClass=value&sync=true
{"value": 1, "spark.context-settings": {"script.start": "slow:100"}}
--- json
{"jobId": "<id>", "result": 1}


=== TEST 32: the query wins over the body
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"cp": ["nope"], "mainClass": "nope", "value": 5}
--- json
{"jobId": "<id>", "result": 5}


=== TEST 33: many requests on one connection
--- pipelined_requests eval
["POST /jobs?cp=app&mainClass=echo&context=c1&sync=true\none",
 "POST /jobs?cp=app&mainClass=echo&context=c1&sync=true\ntwo",
 "GET /jobs?limit=1"]
--- error_code eval
[200, 200, 200]
--- json eval
['{"jobId": "<id>", "result": "one"}', '{"jobId": "<id>", "result": "two"}',
 '[{"classPath": "echo", "...": 1}]']


=== TEST 34: without any patience the client is told where to look
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=0
{"ms": 1000}
--- error_code: 202
--- json
{"jobId": "<id>", "classPath": "sleep", "context": "c1", "status": "~^(STARTED|RUNNING)$",
 "...": 1}
--- response_headers_like
Location: (?:http://[^/]+)?/jobs/[-0-9a-f]{36}
--- save
job jobId


=== TEST 35: and finds the job there
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "result": true, "...": 1}
