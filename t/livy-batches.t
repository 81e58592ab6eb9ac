use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

# The module's answers are the point here: SparkSubmit is t/lib/scripted_submit.py.

launcher('main', driver => {command => ['python3', '-B', $ENV{PWD} . '/t/lib/scripted_submit.py'], kill_timeout => 2});
run_tests();

sub batch { http('GET', "/batches/$_[0]")->{json} // {} }
sub ended { my $id = shift; wait_for("batch $id has ended", sub { batch($id)->{state} =~ /^(?:success|dead|killed)$/ }) }

# In the nginx of the last block.

http('DELETE', "/batches/$_->{id}") for @{http('GET', '/batches?size=1000')->{json}{sessions}};

my $made = http('POST', '/batches', '{"file": "job", "className": "exit", "args": [3], "name": "fails"}');
my $id = $made->{json}{id};
ended($id);
is(http('GET', "/batches/$id/state")->{body}, qq({"id":$id,"state":"dead"}), 'a failure is dead');
is(http('GET', '/batches/fails/state')->{json}{id}, $id, 'also by its name');
my $log = http('GET', "/batches/$id/log?from=0&size=2")->{json};
is_deeply([@$log{qw(id from total)}, $log->{log}[0], scalar @{$log->{log}}], [$id, 0, 5, 'stdout: ', 2], 'lines of its log');
is_deeply(http('GET', "/batches/$id/log?size=1")->{json}{log}, ['SparkSubmit exited with code 3'], 'the last ones');
is_deeply(http('GET', "/batches/$id/log?from=9")->{json}{log}, [], 'behind the end there is nothing');

my $sleeps = http('POST', '/batches', '{"file": "job", "className": "sleep"}')->{json}{id};
wait_for('it runs', sub { batch($sleeps)->{state} eq 'running' });
is(http('GET', '/batches')->{json}{total}, 2, 'the list has both');
my $page = http('GET', '/batches?from=1&size=5')->{json};
is_deeply([@$page{qw(from total)}, map { $_->{id} } @{$page->{sessions}}], [1, 2, $sleeps], 'a page of it');
is(http('DELETE', "/batches/$sleeps")->{body}, '{"msg":"deleted"}', 'one is deleted');
is(http('GET', "/batches/$sleeps")->{body}, qq({"msg":"Session '$sleeps' not found."}), 'and not there any longer');

# With files, of which nginx keeps a long one in a file of its own.

my $data = 'print(1)' . '#' x 200000;

sub form {
    my ($boundary, $source) = @_;
    return http('POST', '/batches', join("\r\n", "--$boundary", 'Content-Disposition: form-data; name="request"', '',
        '{"file": "sent.py", "className": "exit", "args": [0]}', "--$boundary",
        'Content-Disposition: form-data; name="f"; filename="sent.py"', 'Content-Type: text/x-python', '', $source, "--$boundary--", ''),
        'Content-Type' => "multipart/form-data; boundary=$boundary", 'Idempotency-Key' => 'sent');
}

my $sent = form('xX', $data);
is($sent->{status}, 201, 'a program comes with the request') or diag($sent->{body});
ended($sent->{json}{id});
is(batch($sent->{json}{id})->{state}, 'success', 'and runs');
is(form('yY', $data)->{json}{id}, $sent->{json}{id}, 'sent again it is the same, with whatever boundary');
is(form('xX', $data . '#')->{status}, 422, 'another file is another request');

__DATA__

=== TEST 1: no batches
--- config
location / { sparkjob_livy main; }
location /js/ { sparkjob main; }
--- request
GET /batches
--- response_body chomp
{"from":0,"total":0,"sessions":[]}


=== TEST 2: a binary to run
--- request
POST /js/binaries/job
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 201


=== TEST 3: a batch, as Livy shows it
--- request
POST /batches
{"file": "job", "className": "sleep", "args": ["a", 1], "name": "first", "conf": {"spark.n": 3, "spark.m": null}, "numExecutors": "2",
 "driverCores": "1", "driverMemory": "512m", "somethingNew": {"a": [1]}}
--- error_code: 201
--- response_headers
Location: /batches/0
--- json
{"id": 0, "name": "first", "owner": null, "proxyUser": null, "state": "starting", "appId": null,
 "appInfo": {"driverLogUrl": null, "sparkUiUrl": null, "executorLogUrls": null}, "log": []}


=== TEST 4: without a file
--- request
POST /batches
{"className": "x"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: requirement failed: File is required."}


=== TEST 5: no JSON
--- request
POST /batches
nothing
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: the request is no JSON: line 1, column 7: an unexpected character or word"}


=== TEST 6: a file of this host
--- request
POST /batches
{"file": "file:///etc/passwd"}
--- error_code: 400
--- response_body_like chomp
^\{"msg":"Rejected, Reason: Local path file:///etc/passwd cannot be added to user sessions


=== TEST 7: a name is given once
--- request
POST /batches
{"file": "job", "name": "first"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Duplicate session name: first"}


=== TEST 8: a setting that would break what we promise
--- request
POST /batches
{"file": "job", "conf": {"spark.yarn.maxAppAttempts": 2}}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: conf: spark.yarn.maxAppAttempts cannot be set: a batch runs once"}


=== TEST 9: one that is not there
--- request
GET /batches/99
--- error_code: 404
--- response_body chomp
{"msg":"Session '99' not found."}


=== TEST 10: its log, likewise
--- request
GET /batches/nobody/log
--- error_code: 404
--- response_body chomp
{"msg":"Session 'nobody' not found."}


=== TEST 11: what is no number
--- request
GET /batches/0/log?from=x
--- error_code: 400
--- response_body chomp
{"msg":"For input string: \"x\""}


=== TEST 12: nor here
--- request
GET /batches?size=x
--- error_code: 400


=== TEST 13: nor what is negative
--- request
GET /batches?size=-1
--- error_code: 400
--- response_body chomp
{"msg":"requirement failed: 'size' of a list is negative: -1"}


=== TEST 14: members of another type
--- request eval
[map { "POST /batches\n{\"file\": \"job\", $_}" } '"numExecutors": []', '"className": true', '"conf": {"a": {}}', '"args": [null]', '"driverMemory": -1',
 '"jars": {}', '"file": "job"']
--- error_code eval
[(400) x 7]
--- response_body eval
[map { "{\"msg\":\"Rejected, Reason: $_\"}" } 'numExecutors has to be a whole number from 1 to 999999999, it is []',
 'className has to be a string, it is true', 'a has to be a string, a number or a boolean in \\"conf\\", it is {}',
 'args[0] has to be a string, a number or a boolean, it is null', 'driverMemory has to be a size like \\"2g\\", it is -1',
 'jars has to be an array of strings, it is {}', 'the request is no JSON: line 1, column 22: a member is there twice']


=== TEST 15: whom Spark acts for
--- request
POST /batches?doAs=eve
{"file": "job", "className": "sleep", "proxyUser": "ann"}
--- error_code: 201
--- json
{"id": 1, "owner": "eve", "proxyUser": "eve", "...": 1}


=== TEST 16: users see their own, and are themselves
--- config
location / { sparkjob_livy main; sparkjob_user $http_x_user; sparkjob_owner on; sparkjob_allow read,submit all; }
--- request
GET /batches/0
--- more_headers
X-User: bob
--- error_code: 404


=== TEST 17: and nobody else
--- request
POST /batches
{"file": "job", "proxyUser": "ann"}
--- more_headers
X-User: bob
--- error_code: 403
--- response_body chomp
{"msg":"User 'bob' not allowed to impersonate 'ann'."}


=== TEST 18: who may only read
--- config
location / { sparkjob_livy main; sparkjob_user $http_x_user; sparkjob_allow read all; }
--- request
POST /batches
{"file": "job"}
--- more_headers
X-User: bob
--- error_code: 403


=== TEST 19: all of them
--- config
location / { sparkjob_livy main; }
location /js/ { sparkjob main; }
--- request
GET /batches/1/state
--- json
{"id": 1, "state": "~^(?:starting|running)$"}
