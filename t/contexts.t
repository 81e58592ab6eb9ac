use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', driver => {stop_timeout => 8});
launcher('other', driver => {start_timeout => 1});
launcher('few', max_contexts => 2);
run_tests();

# What only concurrent requests show, in the nginx of the last block.

my $slow = http_start('POST', '/contexts/starting?script.start=slow:3000');
my $started = wait_for('a context is starting', sub {
    my $answer = http('GET', '/contexts/starting');
    $answer->{status} == 200 && $answer->{json};
});
is($started->{state}, 'STARTED', 'a context that starts says so');
is_deeply(http('GET', '/contexts')->{json}, [],
          'a context that starts is not listed: it cannot take jobs');
is(http('POST', '/contexts/starting')->{status}, 400,
   'its name is taken from the first moment');
is(http_finish($slow)->{status}, 200, 'it starts');
is_deeply(http('GET', '/contexts')->{json}, ['starting'],
          'it is listed when its creator is answered');

my @racers = map { http_start('POST', '/contexts/race') } 1 .. 6;
my @codes = sort map { http_finish($_)->{status} } @racers;
is_deeply(\@codes, [200, (400) x 5], 'of many creations of one name one wins');

http('DELETE', "/contexts/$_") for qw(starting race);
is_deeply([drivers()], [], 'no driver outlives its context');

__DATA__

=== TEST 1: a server without contexts answers an array
--- config
location / { sparkjob main; }
--- request
GET /contexts
--- json
[]


=== TEST 2: a context is created
--- request
POST /contexts/c1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 3: and listed, by its name
--- request
GET /contexts
--- json
["c1"]


=== TEST 4: it is shown with all its members, times of no end as "Empty"
--- request
GET /contexts/c1
--- json
{"id": "<id>", "name": "c1", "startTime": "~^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$",
 "endTime": "Empty", "state": "RUNNING",
 "applicationId": "~^scripted-", "url": "http://127.0.0.1:4040", "library": "default", "master": "local[*]"}
--- save
id id


=== TEST 5: a name is given once
--- request
POST /contexts/c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "context c1 exists"}


=== TEST 6: a name starts with a letter, not with a digit
--- request
POST /contexts/1abc
--- error_code: 400
--- json
{"status": "ERROR", "result": "context name must start with letters"}


=== TEST 7: nor with an underscore
--- request
POST /contexts/_abc
--- error_code: 400
--- json
{"status": "ERROR", "result": "context name must start with letters"}


=== TEST 8: a second context lives beside the first
--- request
POST /contexts/c2
{}
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 9: both are listed
--- request
GET /contexts
--- json
["~^c[12]$", "~^c[12]$"]


=== TEST 10: an unknown context
--- request
GET /contexts/nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find context with name nope"}


=== TEST 11: an unknown context is not stopped
--- request
DELETE /contexts/nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "context nope not found"}


=== TEST 12: a context is stopped
--- request
DELETE /contexts/c1
--- json
{"status": "SUCCESS", "result": "Context stopped"}


=== TEST 13: it is not listed any longer
--- request
GET /contexts
--- json
["c2"]


=== TEST 14: but still shown, with its end
--- request
GET /contexts/c1
--- json
{"id": "%{id}", "name": "c1", "startTime": "<time>", "endTime": "<time>",
 "state": "FINISHED", "...": 1}


=== TEST 15: it cannot be stopped twice
--- request
DELETE /contexts/c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "context c1 not found"}


=== TEST 16: its name can be given again
--- request
POST /contexts/c1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 17: to a new context
--- request
GET /contexts/c1
--- json
{"id": "~^(?!%{id})", "name": "c1", "endTime": "Empty", "state": "RUNNING", "...": 1}


=== TEST 18: force stops, too
--- request
DELETE /contexts/c1?force=true
--- json
{"status": "SUCCESS", "result": "Context stopped"}


=== TEST 19: a driver that cannot make its context
--- request
POST /contexts/bad?script.start=fail
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR",
 "result": {"message": "the context does not start",
            "errorClass": "org.apache.spark.SparkException", "stack": "<string>"}}


=== TEST 20: the failed context is shown as such
--- request
GET /contexts/bad
--- json
{"id": "<id>", "name": "bad", "startTime": "<time>", "endTime": "<time>",
 "state": "ERROR", "...": 1}


=== TEST 21: and does not keep its name
--- request
POST /contexts/bad
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 22: a malformed URL is the client's fault
--- request
POST /contexts/badurl?script.start=badurl
--- error_code: 400
--- json
{"status": "CONTEXT INIT ERROR: Malformed URL",
 "result": {"message": "unknown protocol: x",
            "errorClass": "java.net.MalformedURLException", "stack": "<string>"}}


=== TEST 23: a driver that dies before it reports is noticed at once
--- request
POST /contexts/dies?script.start=exit:3
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR",
 "result": {"message": "<string>", "errorClass": "<string>", "stack": "<string>"}}


=== TEST 24: exit code 0 without a context is a failure, too
--- request
POST /contexts/dies0?script.start=exit:0
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR",
 "result": {"message": "<string>", "errorClass": "<string>", "stack": "<string>"}}


=== TEST 25: a driver that needs other JVM options is started again with them
--- request
POST /contexts/again?script.start=respawn
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 26: the body's spark.context-settings win over the query
--- request
POST /contexts/wins?script.start=slow:1
{"spark": {"context-settings": {"script.start": "fail"}}}
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR", "result": "<any>"}


=== TEST 27: a query value is decoded
--- request
POST /contexts/decoded?script.start=%66ail
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR", "result": "<any>"}


=== TEST 28: the last of two equal keys wins
--- request
POST /contexts/last?script.start=fail&script.start=slow:1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 29: a body that is no configuration is the client's fault
--- request
POST /contexts/broken
{"a": 
--- error_code: 400
--- json
{"status": "~.", "result": "<any>"}


=== TEST 30: reset takes reboot
--- request
PUT /contexts?reset=reboot
--- json
{"status": "SUCCESS", "result": "Context reset"}


=== TEST 31: it has stopped every context
--- request
GET /contexts
--- json
[]


=== TEST 32: a reset can go on behind the answer
--- request
PUT /contexts?reset=reboot&sync=false
--- json
{"status": "SUCCESS", "result": "Context reset requested"}


=== TEST 33: a reset of something else is refused
--- request
PUT /contexts?reset=other
--- error_code: 400
--- json
{"status": "ERROR", "result": "~reset"}


=== TEST 34: a reset of nothing is refused
--- request
PUT /contexts
--- error_code: 400
--- json
{"status": "ERROR", "result": "~reset"}


=== TEST 35: a stop that outlives the deletion timeout is accepted
--- config
location / {
    sparkjob main;
    sparkjob_delete_timeout 300ms;
}
location /quick/ {
    sparkjob main;
    sparkjob_context_timeout 500ms;
}
--- init
main::context('slowstop?script.stop=slow:5000');
--- request
DELETE /contexts/slowstop?a=b
--- error_code: 202
--- response_headers_like
Location: (?:http://[^/]+)?/contexts/slowstop\?a=b
--- response_body:


=== TEST 36: a context that stops is listed
--- request
GET /contexts
--- json
["slowstop"]


=== TEST 37: and shown in that state
--- request
GET /contexts/slowstop
--- json
{"name": "slowstop", "state": "STOPPING", "endTime": "Empty", "...": 1}


=== TEST 38: a second stop waits for the same end
--- request
DELETE /contexts/slowstop
--- error_code: 202
--- response_body:


=== TEST 39: it does end
--- init
main::wait_for('the slow stop', sub {
    main::http('GET', '/contexts/slowstop')->{json}{state} eq 'FINISHED'
});
--- request
GET /contexts
--- json
[]


=== TEST 40: a driver that does not stop is killed
--- init
main::context('stuck?script.stop=hang');
--- request
DELETE /contexts/stuck
--- error_code: 202
--- response_body:


=== TEST 41: within the launcher's limits
--- init
main::wait_for('the driver is killed', sub {
    main::http('GET', '/contexts/stuck')->{json}{state} =~ /FINISHED|KILLED|ERROR/
});
--- request
GET /contexts
--- json
[]


=== TEST 42: a creation that outlives its timeout is accepted, and says where to look
--- request
POST /quick/contexts/slowstart?script.start=slow:1500
--- error_code: 202
--- response_headers_like
Location: (?:http://[^/]+)?/quick/contexts/slowstart
--- json
{"status": "~.", "...": 1}


=== TEST 43: and goes on
--- init
main::wait_for('the slow start', sub {
    main::http('GET', '/contexts/slowstart')->{json}{state} eq 'RUNNING'
});
--- request
DELETE /quick/contexts/slowstart
--- json
{"status": "SUCCESS", "result": "Context stopped"}


=== TEST 44: a driver that never gets ready is given up
--- http_config
sparkjob_zone other 1m unix:$TEST_NGINX_SPARKJOB_OTHER;
--- config
location / { sparkjob other; }
--- request
POST /contexts/hangs?script.start=hang
--- timeout: 60
--- error_code: 500
--- json
{"status": "CONTEXT INIT ERROR",
 "result": {"message": "~.",
            "errorClass": "spark.jobserver.util.ContextJVMInitializationTimeout",
            "stack": "<string>"}}


=== TEST 45: and its process is gone
--- init
main::wait_for('the driver is gone', sub { !main::drivers('other') });
--- request
GET /contexts/hangs
--- json
{"name": "hangs", "state": "ERROR", "endTime": "<time>", "...": 1}


=== TEST 46: the launcher's limit of contexts is not the client's fault
--- http_config
sparkjob_zone few 1m unix:$TEST_NGINX_SPARKJOB_FEW;
--- config
location / { sparkjob few; }
--- init
main::context('one');
main::context('two');
--- request
POST /contexts/three
--- error_code: 503
--- json
{"status": "~.", "result": "~2"}


=== TEST 47: a stopped context makes room
--- init
main::http('DELETE', '/contexts/one');
--- request
POST /contexts/three
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 48: an empty server again
--- config
location / { sparkjob main; }
--- request
GET /contexts
--- json
[]


=== TEST 49: a URI that may not be fetched
--- request
POST /contexts/baduri?script.start=baduri
--- error_code: 400
--- json
{"status": "CONTEXT INIT ERROR: Malformed URL",
 "result": {"message": "http://127.0.0.1/x.jar may not be fetched", "...": 1}}


=== TEST 50: a setting that cannot be is the client's fault
--- request
POST /contexts/badsetting?script.start=badsetting
--- error_code: 400
--- json
{"status": "CONTEXT INIT ERROR",
 "result": {"message": "supervise must be true or false: maybe", "...": 1}}
