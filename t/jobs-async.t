use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

# The list, which only several jobs show.

my @ids = map {
    http('POST', "/jobs?cp=app&mainClass=noop&context=c1")->{json}{jobId}
} 1 .. 5;
wait_job($_, 'FINISHED') for @ids;

my $all = http('GET', '/jobs')->{json};
is_deeply([map { $_->{jobId} } @$all[0 .. 4]], [reverse @ids],
          'jobs are listed newest first');
my $two = http('GET', '/jobs?limit=2')->{json};
is_deeply([map { $_->{jobId} } @$two], [@ids[4, 3]], 'a limit takes the newest');
my $one = http('GET', '/jobs?status=KILLED&limit=1')->{json};
is_deeply([map { $_->{status} } @$one], ['KILLED'],
          'the limit counts jobs of the status only');
is(scalar(grep { $_->{status} ne 'FINISHED' }
          @{http('GET', '/jobs?status=finished')->{json}}), 0,
   'a status is compared without case');
is(scalar(grep { exists $_->{result} && $_->{status} eq 'FINISHED' } @$all), 0,
   'results are left out of the list');
is(scalar(grep { !ref $_->{result} && $_->{status} eq 'ERROR' } @$all), 0,
   'errors are in the list');

my @more = map { http_start('POST', "/jobs?cp=app&mainClass=noop&context=c1&sync=1") }
           1 .. 3;
http_finish($_) for @more;
for my $i (1 .. 15) {
    my @some = map { http_start('POST', "/jobs?cp=app&mainClass=noop&context=c1&sync=1") }
               1 .. 3;
    http_finish($_) for @some;
}
is(scalar @{http('GET', '/jobs')->{json}}, 50, 'the list has 50 jobs by default');
cmp_ok(scalar @{http('GET', '/jobs?limit=1000')->{json}}, '>', 50,
       'and more when asked for');

# A new id begins with the time, so that new jobs are neighbours in the index
# of ids, however many are recorded.

for my $id (@ids) {
    my ($high, $low, $version) = $id =~ /^(\w{8})-(\w{4})-(\w)/;
    my $seconds = (hex($high) * 65536 + hex($low)) / 1000;
    is($version, 7, 'an id is a UUID of version 7');
    cmp_ok(abs($seconds - time), '<', 600, 'and has the time in it');
}

# A driver that dies takes its jobs along, and nothing else.

my $dies = http('POST', '/jobs?cp=app&mainClass=exit&context=c2', '{"code": 0}');
my $beside = http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 300}');
my $lost = wait_job($dies->{json}{jobId}, 'ERROR');
like($lost->{result}{message}, qr/^Unexpected termination of context \Q$lost->{contextId}\E/,
     'a job of a lost context says so, also after System.exit(0)');
like($lost->{result}{errorClass}, qr/ContextTerminatedException$/,
     'with the API\'s error class');
wait_for('the lost context is in its final state', sub {
    http('GET', '/contexts/c2')->{json}{state} eq 'ERROR'
});
ok(wait_job($beside->{json}{jobId}, 'FINISHED'),
   'a job of another context does not notice');

# A job that cannot be killed is given up, and the user told that it goes on.

context('stubborn?max-jobs-per-context=1');
my $stuck = http('POST', '/jobs?cp=app&mainClass=hang&context=stubborn')->{json}{jobId};
is(http('DELETE', "/jobs/$stuck")->{json}{status}, 'KILLED',
   'killing a job that ignores it is answered');
like(http('GET', "/jobs/$stuck")->{json}{result}{message}, qr/not stopped/,
     'its report tells that its thread goes on');
is(http('POST', '/jobs?cp=app&mainClass=noop&context=stubborn')->{status}, 503,
   'so that its slot stays taken');
is(http('DELETE', '/contexts/stubborn')->{status}, 200, 'its context can be stopped');

# A context that is stopped takes its jobs along.

my $running = http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 60000}');
is(http('DELETE', '/contexts/c1')->{status}, 200, 'a context with a job is stopped');
my $ended = wait_job($running->{json}{jobId}, 'KILLED');
is(ref $ended->{result}, 'HASH', 'its job has ended with a reason');

__DATA__

=== TEST 1: an accepted job is reported before it ends
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1');
main::context('c2');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 202
--- json
{"jobId": "<id>", "startTime": "<time>", "classPath": "noop", "context": "c1",
 "contextId": "<id>", "duration": "Job not done yet", "status": "STARTED"}
--- save
job jobId
context contextId


=== TEST 2: its report has the result once it has ended
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "noop", "context": "c1",
 "contextId": "%{context}", "duration": "<duration>", "status": "FINISHED",
 "result": true}


=== TEST 3: contextId is the id of the context
--- request
GET /contexts/c1
--- json
{"id": "%{context}", "...": 1}


=== TEST 4: the list has the report without the result
--- request
GET /jobs
--- json
[{"jobId": "%{job}", "startTime": "<time>", "classPath": "noop", "context": "c1",
  "contextId": "%{context}", "duration": "<duration>", "status": "FINISHED"}]


=== TEST 5: the deprecated parameters mean the same
--- request
POST /jobs?appName=app&classPath=echo&context=c1
{"a": 1}
--- error_code: 202
--- json
{"jobId": "<id>", "classPath": "echo", "status": "STARTED", "...": 1}
--- save
job jobId


=== TEST 6: the configuration is kept as it was posted
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}/config
--- response_body
{
    "a": 1
}


=== TEST 7: a job without a configuration has an empty one
--- init
main::http('POST', '/jobs?cp=app&mainClass=noop&context=c1&sync=true');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 8: and it can be asked for
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}/config
--- json
{}


=== TEST 9: an unknown job
--- request
GET /jobs/7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID 7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001"}


=== TEST 10: an id that is no UUID is unknown, too, and quoted
--- request
GET /jobs/no%22job
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID no\"job"}


=== TEST 11: an unknown job has no configuration
--- request
GET /jobs/7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001/config
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID 7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001"}


=== TEST 12: an unknown job cannot be killed
--- request
DELETE /jobs/7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID 7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001"}


=== TEST 13: a job that has ended cannot be killed
--- request
DELETE /jobs/%{job}
--- error_code: 404
--- json
{"status": "ERROR", "result": "No running job with ID %{job}"}


=== TEST 14: a job that sleeps
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1
{"ms": 60000}
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 15: is RUNNING in its report
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "sleep", "context": "c1",
 "contextId": "%{context}", "duration": "Job not done yet", "status": "RUNNING"}


=== TEST 16: and in the list, where it can be selected
--- request
GET /jobs?status=running
--- json
[{"jobId": "%{job}", "status": "RUNNING", "...": 1}]


=== TEST 17: its configuration can be asked for while it runs
--- request
GET /jobs/%{job}/config
--- json
{"ms": 60000}


=== TEST 18: it can be killed
--- request
DELETE /jobs/%{job}
--- json
{"status": "KILLED"}


=== TEST 19: a killed job says so
--- init
main::wait_job('%{job}', 'KILLED');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "sleep", "context": "c1",
 "contextId": "%{context}", "duration": "<duration>", "status": "KILLED",
 "result": {"message": "Job %{job} killed",
            "errorClass": "spark.jobserver.JobManagerActor$JobKilledException",
            "stack": "<string>"}}


=== TEST 20: it cannot be killed twice
--- request
DELETE /jobs/%{job}
--- error_code: 404
--- json
{"status": "ERROR", "result": "No running job with ID %{job}"}


=== TEST 21: a job that throws is accepted first
--- request
POST /jobs?cp=app&mainClass=throw&context=c1
{"message": "no \"luck\"\n"}
--- error_code: 202
--- json
{"jobId": "<id>", "status": "STARTED", "...": 1}
--- save
job jobId


=== TEST 22: its report has the error, with the stack as one string
--- init
main::wait_job('%{job}', 'ERROR');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "throw", "context": "c1",
 "contextId": "%{context}", "duration": "<duration>", "status": "ERROR",
 "result": {"message": "no \"luck\"\n", "errorClass": "java.lang.RuntimeException",
            "stack": "~\\n\\tat "}}


=== TEST 23: the list has the error, too
--- request
GET /jobs?limit=1
--- json
[{"jobId": "%{job}", "status": "ERROR",
  "result": {"message": "no \"luck\"\n", "errorClass": "<string>", "stack": "<string>"},
  "...": 1}]


=== TEST 24: killing it tells what became of it, under the API's odd key
--- request
DELETE /jobs/%{job}
--- json
{"status": "ERROR",
 "ERROR": {"message": "no \"luck\"\n", "errorClass": "java.lang.RuntimeException",
           "stack": "<string>"}}


=== TEST 25: an exception without a message
--- request
POST /jobs?cp=app&mainClass=throw&context=c1
{"message": null}
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 26: has null there
--- init
main::wait_job('%{job}', 'ERROR');
--- request
GET /jobs/%{job}
--- json
{"status": "ERROR", "result": {"message": null, "errorClass": "<string>", "stack": "<string>"},
 "...": 1}


=== TEST 27: a job that asks for no context gets one of its own
--- request
POST /jobs?cp=app&mainClass=sleep
{"ms": 300}
--- error_code: 202
--- json
{"jobId": "<id>", "context": "~^[0-9a-f]{8}[-0-9a-f]*-sleep$", "contextId": "<id>",
 "status": "STARTED", "...": 1}
--- save
job jobId
adhoc context


=== TEST 28: which ends with the job
--- init
main::wait_job('%{job}', 'FINISHED');
main::wait_for('the ad-hoc context is gone', sub {
    @{main::http('GET', '/contexts')->{json}} == 2
});
--- request
GET /jobs/%{job}
--- json
{"status": "FINISHED", "context": "%{adhoc}", "result": true, "...": 1}


=== TEST 29: an empty context parameter counts as absent
--- request
POST /jobs?cp=app&mainClass=noop&context=
--- error_code: 202
--- json
{"context": "~-noop$", "...": 1}
--- save
job jobId


=== TEST 30: several binaries make the class path, in order
--- init
main::wait_job('%{job}', 'FINISHED');
main::upload('lib');
--- request
POST /jobs?cp=lib,app&mainClass=cp&context=c1
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 31: as the driver sees it
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"result": ["lib", "app"], "...": 1}


=== TEST 32: a status that nobody has selects nothing
--- request
GET /jobs?status=bogus
--- json
[]


=== TEST 33: a limit of none
--- request
GET /jobs?limit=0
--- json
[]


=== TEST 34: an empty limit counts as absent
--- request
GET /jobs?limit=&status=KILLED
--- json
[{"status": "KILLED", "...": 1}]


=== TEST 35: a limit that is no number
--- request
GET /jobs?limit=x
--- error_code: 400
--- json
{"status": "ERROR", "result": "~limit"}


=== TEST 36: a limit that no integer holds
--- request
GET /jobs?limit=99999999999999999999
--- error_code: 400
--- json
{"status": "ERROR", "result": "~limit"}


=== TEST 37: a slow validation is part of the answer, in async mode, too
--- request
POST /jobs?cp=app&mainClass=slowvalidate&context=c1
{"ms": 300}
--- error_code: 202
--- json
{"jobId": "<id>", "status": "STARTED", "...": 1}


=== TEST 38: a validation that outlives the timeout keeps its job id
--- request
POST /jobs?cp=app&mainClass=slowvalidate&context=c1&timeout=1
{"ms": 2000}
--- error_code: 202
--- json
{"jobId": "<id>", "status": "~^(STARTED|RUNNING)$", "...": 1}
--- response_headers_like
Location: (?:http://[^/]+)?/jobs/[-0-9a-f]{36}
--- save
job jobId


=== TEST 39: and its job
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"result": true, "...": 1}


=== TEST 40: a class that makes its own context's name longer than names may be
--- request
POST /jobs?appName=app&classPath=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
--- error_code: 404
--- json
{"status": "ERROR", "result": "~^classPath x{300} not found$"}


=== TEST 41: and the next requests
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 202
--- json
{"status": "STARTED", "...": 1}


=== TEST 42: are answered
--- request
GET /contexts/c1
--- json
{"state": "RUNNING", "...": 1}


=== TEST 43: without any patience the job is submitted all the same
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&timeout=0
--- error_code: 202
--- json
{"jobId": "<id>", "classPath": "noop", "context": "c1", "status": "~^(STARTED|RUNNING|FINISHED)$",
 "...": 1}
--- save
job jobId


=== TEST 44: and runs
--- init
main::wait_job('%{job}', 'FINISHED');
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "result": true, "...": 1}
