use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', dao => 'sqlite');
run_tests();

my $job = '/jobs?cp=app&mainClass=value&context=c1';
sub keyed { my ($key, @request) = @_; http(@request[0 .. 2], 'Idempotency-Key' => $key) }
sub runs { http('POST', '/jobs?cp=app&mainClass=runs&context=c1&sync=true')->{json}{result} }

# At once: one job, whoever comes first.

my $runs = runs();
my @racers = map { http_start('POST', "$job&sync=true", '{"value": 5}', 'Idempotency-Key' => 'race') } 1 .. 6;
my @answers = map { http_finish($_) } @racers;
is(scalar(grep { $_->{json}{result} == 5 } @answers), 6, 'each of six requests at once has the result');
is(scalar keys %{{map { $_->{json}{jobId} => 1 } @answers}}, 1, 'of one job');
is(runs(), $runs + 2, 'which ran once');

# A job that was refused by its validation.

my $invalid = '/jobs?cp=app&mainClass=invalid&context=c1';
is(keyed('invalid', 'POST', $invalid)->{status}, 400, 'a job that is not valid');
my $again = keyed('invalid', 'POST', $invalid);
is($again->{status}, 400, 'is refused again');
is($again->{json}{status}, 'VALIDATION FAILED', 'in the same words');

# Which context a job runs in counts, and which binaries.

is(keyed('where', 'POST', $job)->{status}, 202, 'a job in a context');
context('c2');
is(keyed('where', 'POST', '/jobs?cp=app&mainClass=value&context=c2')->{status}, 422,
   'is not one in another');
is(keyed('where', 'POST', '/jobs?cp=app&mainClass=noop&context=c1')->{status}, 422, 'nor of another class');

# Users have keys of their own.

my @ids = map { http('POST', $job, '', 'Idempotency-Key' => 'mine', 'X-User' => $_)->{json}{jobId} } qw(joe ann joe);
is($ids[0], $ids[2], 'the key of a user');
isnt($ids[0], $ids[1], 'is not that of another');

# Contexts.

is(keyed('ctx', 'POST', '/contexts/k1?a=1')->{status}, 200, 'a context with a key');
my $id = http('GET', '/contexts/k1')->{json}{id};
is(keyed('ctx', 'POST', '/contexts/k1?a=1')->{status}, 200, 'is not refused because it exists');
is(http('GET', '/contexts/k1')->{json}{id}, $id, 'it is the same');
is(scalar(grep { /^k/ } @{http('GET', '/contexts')->{json}}), 1, 'and the only one');
is(keyed('other', 'POST', '/contexts/k1?a=1')->{json}{result}, 'context k1 exists', 'another key is another one');
for ('/contexts/k2?a=1', '/contexts/k1?a=2') {
    my $answer = keyed('ctx', 'POST', $_);
    is($answer->{status}, 422, "a key for $_, too");
    is($answer->{json}{result}, "Idempotency-Key 'ctx' was used for another request", 'is named');
}
is(keyed('ctx', 'POST', '/contexts/k1?a=1', 'b = 1')->{status}, 422, 'the body counts');
is(keyed('ctx', 'POST', $job)->{status}, 202, 'a key for a context is not one for a job');

# After a restart.

my $before = keyed('kept', 'POST', "$job&sync=true", '{"value": "before"}')->{json}{jobId};
stop_launcher();
start_launcher();
wait_for('the launcher is back', sub { http('GET', '/healthz')->{status} == 200 });
wait_for('its contexts have ended', sub { !@{http('GET', '/contexts')->{json} // [1]} });
my $after = keyed('kept', 'POST', "$job&sync=true", '{"value": "before"}');
is($after->{json}{jobId}, $before, 'a restart forgets no key');
is($after->{json}{result}, 'before', 'nor what came of it');
is(keyed('kept', 'POST', "$job&sync=true", '{"value": "after"}')->{status}, 422, 'nor what it was for');

__DATA__

=== TEST 1: a job with a key
--- config
location / { sparkjob main; sparkjob_user $http_x_user; }
--- init
main::upload('app');
main::context('c1?max-jobs-per-context=16');
--- more_headers
Idempotency-Key: first
--- request
POST /jobs?cp=app&mainClass=value&context=c1
{"value": 1}
--- error_code: 202
--- json
{"jobId": "~^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", "status": "STARTED", "...": 1}
--- save
job jobId


=== TEST 2: is the same job again
--- init
main::wait_job('%{job}', 'FINISHED');
--- more_headers
Idempotency-Key: first
--- request
POST /jobs?cp=app&mainClass=value&context=c1
{"value": 1}
--- error_code: 202
--- json
{"jobId": "%{job}", "status": "STARTED", "...": 1}


=== TEST 3: whose result can be waited for
--- more_headers
Idempotency-Key: first
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": 1}
--- json
{"jobId": "%{job}", "result": 1}


=== TEST 4: with another body it is refused
--- more_headers
Idempotency-Key: first
--- request
POST /jobs?cp=app&mainClass=value&context=c1
{"value": 2}
--- error_code: 422
--- json
{"status": "ERROR", "result": "Idempotency-Key 'first' was used for another request"}


=== TEST 5: another key, another job
--- more_headers
Idempotency-Key: second
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": 2}
--- json
{"jobId": "~^(?!%{job})", "result": 2}


=== TEST 6: no key, none either
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": 1}
--- json
{"jobId": "~^(?!%{job})", "result": 1}


=== TEST 7: a key of 255 characters
--- more_headers eval
'Idempotency-Key: ' . 'k' x 255
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": 3}
--- json
{"jobId": "<id>", "result": 3}


=== TEST 8: one of 256
--- more_headers eval
'Idempotency-Key: ' . 'k' x 256
--- request
POST /jobs?cp=app&mainClass=value&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "~Idempotency-Key was malformed:\\n'k+' is not 1 to 255 visible ASCII characters"}


=== TEST 9: one with a blank
--- more_headers
Idempotency-Key: two words
--- request
POST /jobs?cp=app&mainClass=value&context=c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'two words' is not"}


=== TEST 10: an empty one
--- raw_request eval
"POST /jobs?cp=app&mainClass=value&context=c1 HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key:\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- json
{"status": "ERROR", "result": "~Idempotency-Key was malformed"}


=== TEST 11: two of them
--- more_headers
Idempotency-Key: a
Idempotency-Key: b
--- request
POST /contexts/c2
--- error_code: 400
--- json
{"status": "ERROR", "result": "There is more than one Idempotency-Key header"}


=== TEST 12: letters beyond ASCII
--- more_headers eval
"Idempotency-Key: sch\xc3\xb6n"
--- request
POST /contexts/c2
--- error_code: 400
--- json
{"status": "ERROR", "result": "~is not 1 to 255"}
