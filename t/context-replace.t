use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', driver => {stop_timeout => 8});
launcher('pre', contexts => {standing => {'script.stop' => 'slow:300'}});
run_tests();

# The name is taken while the old context stops.

context('turn?script.stop=slow:2000');
my $slow = http_start('PUT', '/contexts/turn');
wait_for('the old one stops', sub {
    http('GET', '/contexts/turn')->{json}{state} =~ /STOPPING|STARTED/
});
is(http('POST', '/contexts/turn')->{json}{result}, 'context turn exists',
   'a name stays taken while its context is replaced');
is(http_finish($slow)->{status}, 200, 'the new one starts');
is(http('GET', '/contexts/turn')->{json}{state}, 'RUNNING', 'and runs');
is(scalar @{[drivers()]}, 4, 'each context has one driver');

# A reset starts what the configuration wants again.

wait_for('the predefined context runs', sub { @{http('GET', '/pre/contexts')->{json} // []} });
http('POST', '/pre/contexts/other');
my $old = http('GET', '/pre/contexts/standing')->{json}{id};
is(http('PUT', '/pre/contexts?reset=reboot')->{json}{result}, 'Context reset', 'a reset');
is_deeply(http('GET', '/pre/contexts')->{json}, ['standing'], 'starts the predefined context again');
isnt(http('GET', '/pre/contexts/standing')->{json}{id}, $old, 'which is a new one');
is(http('PUT', '/pre/contexts?reset=reboot&sync=false')->{json}{result}, 'Context reset requested',
   'a reset that is not waited for');
ok(wait_for('all have stopped', sub { !@{http('GET', '/pre/contexts')->{json}} }), 'only stops them');

# Asynchronous ones.

my $answer = http('POST', '/contexts/late?async=true&script.start=slow:5000');
is($answer->{status}, 202, 'a context that is asked for only');
is($answer->{headers}{location}, '/contexts/late', 'says where to look');
is(http('GET', '/contexts/late')->{json}{state}, 'STARTED', 'it is known then');
is(http('POST', '/contexts/late?async=true')->{status}, 400, 'its name is taken');
ok(wait_for('it runs', sub { http('GET', '/contexts/late')->{json}{state} eq 'RUNNING' }),
   'it runs in the end');

$answer = http('PUT', '/contexts/late?async=true');
is($answer->{status}, 202, 'it can be replaced like that, too');
json_like($answer->{body}, '{"status": "SUCCESS", "result": "Context initialization started"}',
          'in the same words');
ok(wait_for('it runs again', sub { http('GET', '/contexts/late')->{json}{state} eq 'RUNNING' }),
   'and runs again');


# One that is replaced without waiting, while the old one does not stop.

context('stuck?script.stop=slow:5000');
my $stuck = http('GET', '/contexts/stuck')->{json}{id};
for my $key ('again', 'again', 'another') {
    $answer = http('PUT', '/contexts/stuck?async=true', '', 'Idempotency-Key' => $key);
    is($answer->{status}, 202, "a replacement ($key) that is asked for only");
    is($answer->{headers}{location}, '/contexts/stuck', 'says where to look');
}
is(http('GET', '/contexts/stuck')->{json}{id}, $stuck, 'at once: it is still the old one that is known');
is(http('POST', '/contexts/stuck')->{json}{result}, 'context stuck exists', 'and the name is taken');
ok(wait_for('the new one runs', sub {
    my $context = http('GET', '/contexts/stuck')->{json};
    $context->{id} ne $stuck && $context->{state} eq 'RUNNING'
}), 'the new one runs in the end');

is(http('POST', '/contexts/fails?async=true&script.start=fail')->{status}, 202,
   'one that will fail is not known to');
my $failed = wait_for('it has failed', sub {
    my $context = http('GET', '/contexts/fails')->{json};
    $context->{state} eq 'ERROR' && $context
});
like($failed->{reason}, qr/does not start/, 'its reason is told by GET');

__DATA__

=== TEST 1: a context that was not there is created
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone pre 1m unix:$TEST_NGINX_SPARKJOB_PRE;
--- config
location / { sparkjob main; }
location /pre/ { sparkjob pre; }
--- request
PUT /contexts/c1?max-jobs-per-context=1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 2: it has an id
--- request
GET /contexts/c1
--- json
{"id": "<id>", "state": "RUNNING", "...": 1}
--- save
first id


=== TEST 3: with the resources that were asked for
--- init
main::upload('app');
main::http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 60000}');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 503
--- json
{"status": "NO SLOTS AVAILABLE", "result": "Too many running jobs (1) for job context 'c1'"}


=== TEST 4: replaced by one with others
--- request
PUT /contexts/c1?max-jobs-per-context=3
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 5: it is another one, under the same name
--- request
GET /contexts/c1
--- json
{"id": "~^(?!%{first})", "name": "c1", "state": "RUNNING", "...": 1}


=== TEST 6: there is only one of that name
--- request
GET /contexts
--- json
["c1"]


=== TEST 7: that takes as many jobs as it should
--- init
main::http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 60000}') for 1 .. 2;
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- json
{"jobId": "<id>", "result": true}


=== TEST 8: the body's settings count here, too
--- request
PUT /contexts/c2
{"spark": {"context-settings": {"script.start": "fail"}}}
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR", "result": {"message": "the context does not start", "...": 1}}


=== TEST 9: one that fails leaves its name free
--- request
POST /contexts/c2
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 10: a name starts with a letter
--- request
PUT /contexts/1abc
--- error_code: 400
--- json
{"status": "ERROR", "result": "context name must start with letters"}


=== TEST 11: async is a boolean
--- request
PUT /contexts/c3?async=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'async' was malformed:\\n'maybe' is not a valid Boolean value"}


=== TEST 12: when it is created, too
--- request
POST /contexts/c3?async=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'async'"}


=== TEST 13: a synchronous one may be asked for by name
--- request
POST /contexts/c3?async=false
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 14: a reset, which starts no context that is not in the configuration
--- request
PUT /contexts?reset=reboot
--- json
{"status": "SUCCESS", "result": "Context reset"}


=== TEST 15: none is left
--- request
GET /contexts
--- json
[]


=== TEST 16: three contexts
--- init
main::context("c$_") for 1 .. 3;
--- request
GET /contexts
--- json
["c1", "c2", "c3"]
