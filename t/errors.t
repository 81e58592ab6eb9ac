use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

# A context that is stopping takes no jobs.

context('stops?script.stop=slow:5000');
my $stop = http_start('DELETE', '/contexts/stops');
wait_for('the context is stopping', sub {
    http('GET', '/contexts/stops')->{json}{state} eq 'STOPPING'
});
my $refused = http('POST', '/jobs?cp=app&mainClass=noop&context=stops');
is($refused->{status}, 409, 'a context that is stopping takes no jobs');
json_like($refused->{body}, '{"status": "ERROR", "result": "Context stop in progress"}',
          'and says so');
http_finish($stop);

__DATA__

=== TEST 1: a job needs a binary
--- config
location / { sparkjob main; client_max_body_size 1k; }
--- init
main::upload('app');
main::context('c1');
main::context('tight?max-jobs-per-context=1');
--- request
POST /jobs?mainClass=noop&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "~To start the job appName or cp parameters should be configured!"}


=== TEST 2: an empty one is none
--- request
POST /jobs?cp=&mainClass=noop&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "~To start the job appName or cp parameters should be configured!"}


=== TEST 3: appName needs classPath
--- request
POST /jobs?appName=app&context=c1
{}
--- error_code: 400
--- json
{"status": "ERROR", "result": "~classPath parameter is missing!"}


=== TEST 4: cp needs mainClass
--- request
POST /jobs?cp=app&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "~mainClass parameter is missing!"}


=== TEST 5: an unknown binary
--- request
POST /jobs?appName=nope&classPath=noop&context=c1
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName nope not found"}


=== TEST 6: an unknown binary among others
--- request
POST /jobs?cp=app,nope&mainClass=noop&context=c1
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName nope not found"}


=== TEST 7: an unknown context
--- request
POST /jobs?cp=app&mainClass=noop&context=nope
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "context nope not found"}


=== TEST 8: an unknown class
--- request
POST /jobs?cp=app&mainClass=org.example.Nope&context=c1
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "classPath org.example.Nope not found"}


=== TEST 9: the old parameter names it, too
--- request
POST /jobs?appName=app&classPath=org.example.Nope&context=c1&sync=true
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "classPath org.example.Nope not found"}


=== TEST 10: a validation that finds a fault
--- request
POST /jobs?cp=app&mainClass=invalid&context=c1&sync=true
{}
--- error_code: 400
--- json
{"status": "VALIDATION FAILED",
 "result": {"message": "One(SparkJobInvalid(No input.string config param))",
            "errorClass": "java.lang.Throwable", "stack": "<string>"}}


=== TEST 11: is found in async mode, too
--- request
POST /jobs?cp=app&mainClass=invalid&context=c1
{}
--- error_code: 400
--- json
{"status": "VALIDATION FAILED", "result": {"errorClass": "java.lang.Throwable", "...": 1}}


=== TEST 12: a refused job is remembered as failed, if at all, and not as running
--- request
GET /jobs?status=running
--- json
[]


=== TEST 13: a job of another kind of context
--- request
POST /jobs?cp=app&mainClass=wrongtype&context=c1
{}
--- error_code: 400
--- json
{"status": "ERROR", "result": "Invalid job type for this context"}


=== TEST 14: a class that does not load
--- request
POST /jobs?cp=app&mainClass=loadfail&context=c1
{}
--- error_code: 400
--- json
{"status": "JOB LOADING FAILED",
 "result": {"message": "the class does not load",
            "errorClass": "java.lang.NoClassDefFoundError", "stack": "<string>"}}


=== TEST 15: a binary whose URL is malformed
--- request
POST /jobs?cp=app&mainClass=badurl&context=c1
{}
--- error_code: 400
--- json
{"status": "JOB LOADING FAILED: Malformed URL",
 "result": {"message": "unknown protocol: x",
            "errorClass": "java.net.MalformedURLException", "stack": "<string>"}}


=== TEST 16: a configuration that does not parse
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
{"a": 
--- error_code: 400
--- json
{"status": "ERROR", "result": "~^Cannot parse config: ."}


=== TEST 17: all slots taken
--- init
main::http('POST', '/jobs?cp=app&mainClass=sleep&context=tight', '{"ms": 60000}');
--- request
POST /jobs?cp=app&mainClass=noop&context=tight
{}
--- error_code: 503
--- json
{"status": "NO SLOTS AVAILABLE",
 "result": "Too many running jobs (1) for job context 'tight'"}


=== TEST 18: a slot is free again when its job ends
--- init
my $job = main::http('GET', '/jobs?status=running&limit=1')->{json}[0];
main::http('DELETE', "/jobs/$job->{jobId}");
main::wait_job($job->{jobId}, 'KILLED');
--- request
POST /jobs?cp=app&mainClass=noop&context=tight&sync=true
{}
--- json
{"jobId": "<id>", "result": true}


=== TEST 19: a refused job takes no slot
--- request eval
[map { "POST /jobs?cp=app&mainClass=invalid&context=tight\n{}" } 1 .. 5]
--- error_code eval
[400, 400, 400, 400, 400]


=== TEST 20: nor does one that throws
--- request
POST /jobs?cp=app&mainClass=throw&context=tight&sync=true
{}
--- json
{"status": "ERROR", "...": 1}


=== TEST 21: as the next one shows
--- request
POST /jobs?cp=app&mainClass=noop&context=tight&sync=true
{}
--- json
{"jobId": "<id>", "result": true}


=== TEST 22: an ad-hoc context that does not start
--- request
POST /jobs?cp=app&mainClass=noop
{"spark.context-settings": {"script.start": "fail"}}
--- error_code: 500
--- json
{"status": "~^(ERROR|CONTEXT INIT FAILED)$",
 "result": {"message": "the context does not start",
            "errorClass": "org.apache.spark.SparkException", "stack": "<string>"}}


=== TEST 23: an ad-hoc context with a malformed URL
--- request
POST /jobs?cp=app&mainClass=noop
{"spark.context-settings": {"script.start": "badurl"}}
--- error_code: 400
--- json
{"status": "CONTEXT INIT ERROR: Malformed URL",
 "result": {"message": "unknown protocol: x",
            "errorClass": "java.net.MalformedURLException", "stack": "<string>"}}


=== TEST 24: an ad-hoc context whose driver dies
--- request
POST /jobs?cp=app&mainClass=noop&sync=true
{"spark.context-settings": {"script.start": "exit"}}
--- error_code: 500
--- json
{"status": "~^(ERROR|CONTEXT INIT FAILED)$",
 "result": {"message": "<string>", "errorClass": "<string>", "stack": "<string>"}}


=== TEST 25: a refusal in an ad-hoc context ends the context, too
--- request
POST /jobs?cp=app&mainClass=invalid
{}
--- error_code: 400
--- json
{"status": "VALIDATION FAILED", "result": "<any>"}


=== TEST 26: so that no context is left behind
--- init
main::wait_for('the ad-hoc contexts are gone', sub {
    @{main::http('GET', '/contexts')->{json}} == 2 && main::drivers() == 2
});
--- request
GET /contexts
--- json
["<string>", "<string>"]


=== TEST 27: a body that is too large is refused in JSON
--- request eval
"POST /jobs?cp=app&mainClass=noop&context=c1\n" . "x" x 2000
--- error_code: 413
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 28: a percent sign that encodes nothing in a query
--- request
POST /jobs?cp=app&mainClass=no%op&context=c1
{}
--- error_code: 404
--- json
{"status": "ERROR", "result": "~^classPath no"}


=== TEST 29: what clients write is escaped in errors
--- request
POST /jobs?cp=a%22%5C%00%0A%ff&mainClass=noop&context=c1
{}
--- error_code_like: ^40[04]$
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 30: a very long name is refused, not cut
--- request eval
"POST /jobs?cp=" . ("a" x 3000) . "&mainClass=noop&context=c1\n{}"
--- error_code_like: ^40[04]$
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 31: a force that is no boolean
--- request
DELETE /contexts/c1?force=perhaps
--- error_code: 400
--- json
{"status": "ERROR", "result": "~force"}


=== TEST 32: a sync that is no boolean, of a reset
--- request
PUT /contexts?reset=reboot&sync=perhaps
--- error_code: 400
--- json
{"status": "ERROR", "result": "~sync"}


=== TEST 33: neither has done anything
--- request
GET /contexts/c1
--- json
{"state": "RUNNING", "...": 1}


=== TEST 34: a timeout that is negative
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&timeout=-1
{}
--- error_code: 400
--- json
{"status": "ERROR", "result": "~timeout"}


=== TEST 35: a name whose bytes only look like UTF-8
--- request
POST /contexts/c%D7%D7
--- error_code: 400
--- json
{"status": "ERROR", "result": "The name in the path is not valid UTF-8"}


=== TEST 36: so a parameter
--- request
POST /jobs?cp=app&mainClass=%F1%F1%F1%F1&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "The mainClass is not valid UTF-8"}


=== TEST 37: so a setting
--- request
POST /contexts/c2?a=%E4%80
--- error_code: 400
--- json
{"status": "ERROR", "result": "The a is not valid UTF-8"}
