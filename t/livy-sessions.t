use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', dao => 'sqlite', driver => {stop_timeout => 8});
launcher('few', max_contexts => 1);
run_tests();

sub state_of { http('GET', "/sessions/$_[0]/state")->{json}{state} }
sub last_of_list { http('GET', '/sessions')->{json}{sessions}[-1] // {} }

# What goes on while others ask, in the nginx of the last block.

my $slow = http('POST', '/sessions', '{"name": "slow", "kind": "scala", "conf": {"script.start": "slow:1500"}}');
my $id = $slow->{json}{id};
is($slow->{json}{state}, 'starting', 'a session is told of while it starts');
is(state_of($id), 'starting', 'and says so');
wait_for('the session is idle', sub { state_of($id) eq 'idle' });

http('POST', "/sessions/$id/statements", '{"code": "sleep 600000"}');
wait_for('it is busy', sub { state_of($id) eq 'busy' });
wait_for('also in the list, which the zone has', sub { last_of_list()->{state} eq 'busy' });
http('POST', "/sessions/$id/statements/0/cancel");
wait_for('it is idle again', sub { last_of_list()->{state} eq 'idle' });

# One that dies is shown until it is deleted.

http('POST', "/sessions/$id/statements", '{"code": "exit 3"}');
wait_for('the session is dead', sub { state_of($id) eq 'dead' });
is(last_of_list()->{state}, 'dead', 'the list has it');
my $late = http('POST', "/sessions/$id/statements", '{"code": "1"}');
is($late->{status}, 400, 'it takes no statements');
is($late->{body}, '{"msg":"Session is in state dead"}', 'and says why');
my $why = http('GET', "/js/contexts/" . last_of_list()->{name})->{json}{reason};
like($why, qr{exited with code 3}, 'the other dialect has the reason');
for my $path ("/sessions/$id", "/sessions/$id/log", "/sessions/$id/log?from=0&size=-1") {
    like(join("\n", @{http('GET', $path)->{json}{log}}), qr/\Q$why\E$/, "$path ends with it");
}
is(http('DELETE', "/sessions/$id")->{body}, '{"msg":"deleted"}', 'it is deleted');
is(http('GET', "/sessions/$id")->{status}, 404, 'and not there any longer');
wait_for('nor in the list', sub { (last_of_list()->{id} // -1) != $id });

# One that died stays, whoever has its name since, until it is deleted.

sub ids { [map { $_->{id} } @{http('GET', '/sessions')->{json}{sessions}}] }
my @dup;
for my $code ('exit 1', 'exit 1', '') {
    push @dup, my $new = http('POST', '/sessions', '{"name": "dup", "kind": "spark"}')->{json}{id};
    wait_for('it is idle', sub { state_of($new) eq 'idle' });
    next if !$code;
    http('POST', "/sessions/$new/statements", qq({"code": "$code"}));
    wait_for('it is dead', sub { state_of($new) eq 'dead' });
}
is_deeply(ids(), \@dup, 'the list has those that died beside the one that lives');
is(http('GET', '/sessions')->{json}{total}, 3, 'and counts them');
is(scalar(grep { $_ eq 'dup' } @{http('GET', '/js/contexts')->{json}}), 1, 'as a context the name is there once');
is(http('GET', '/js/contexts/dup')->{json}{state}, 'RUNNING', 'and that of the last one');
is(http('GET', '/sessions/dup')->{json}{id}, $dup[2], 'as of sessions');
kill_launcher();
start_launcher();
wait_for('the next launcher is there', sub { http('GET', '/js/healthz')->{status} == 200 });
sleep 0.5;
is_deeply(ids(), \@dup, 'a snapshot has them, too');
http('DELETE', "/sessions/$dup[2]");
is_deeply(ids(), [@dup[0, 1]], 'without the one that lived they stay');
http('DELETE', "/sessions/$dup[0]");
wait_for('one that is deleted does not', sub { "@{ids()}" eq $dup[1] });
http('DELETE', "/sessions/$dup[1]");
wait_for('nor does the last one', sub { !@{ids()} });

# A name is one that a path can have.

for my $name ('.', '..', '../x', 'x/..', 'x/./y', 'x/../y') {
    my $answer = http('POST', '/sessions', qq({"name": "$name"}));
    is($answer->{status}, 400, "$name is no name");
    is($answer->{json}{msg}, qq(Rejected, Reason: Invalid session name: $name, no path can have "." or ".." between slashes), 'it says why');
}
for my $name ('...', '.x', 'x..', 'x/y', 'x//y/') {
    my $made = http('POST', '/sessions', qq({"name": "$name"}))->{json};
    my $path = '/sessions/' . $name =~ s{/}{%2F}gr;
    is(http('GET', $path)->{json}{id}, $made->{id}, "$name is found by its name");
    is(http('DELETE', $path)->{status}, 200, 'and deleted');
}

# A context of the other dialect is a session, a session a context.

is(http('POST', '/js/contexts/etl')->{status}, 200, 'a context is made');
is(last_of_list()->{name}, 'etl', 'it is a session');
is(last_of_list()->{kind}, 'shared', 'of kind shared');
my $named = http('POST', '/sessions', '{"name": "mine", "kind": "pyspark"}');
wait_for('a session is a context', sub { grep { $_ eq 'mine' } @{http('GET', '/js/contexts')->{json}} });
is(http('DELETE', '/js/contexts/mine')->{status}, 200, 'which can be stopped as one');
is(http('GET', "/sessions/$named->{json}{id}")->{status}, 404, 'then the session is no more');

# The log, of which only the end is looked at.

my $context = http('GET', '/js/contexts/etl')->{json}{id};
sub driver_says {
    open my $out, '>>', test_dir() . "/main/contexts/$context/driver.log" or die;
    print $out @_;
    close $out;
}
driver_says("one\n", "t\"w\to\n", "thr\xffee\n");
my $lines = http('GET', '/sessions/etl/log?size=-1')->{json};
is_deeply($lines, {id => $lines->{id}, from => 0, total => scalar @{$lines->{log}}, log => $lines->{log}}, 'a log as a whole');
is_deeply([@{$lines->{log}}[-3 .. -1]], ['one', "t\"w\to", 'thr?ee'], 'has what the driver has said');
is_deeply(http('GET', "/sessions/etl/log?from=$#{$lines->{log}}&size=1")->{json}{log}, ['thr?ee'], 'lines by their number');
is_deeply(http('GET', '/sessions/etl/log?size=2')->{json}{log}, ["t\"w\to", 'thr?ee'], 'or the last ones');
is_deeply(http('GET', '/sessions/etl/log?from=100000')->{json}{log}, [], 'behind the end there is nothing');
is(http('GET', '/sessions/etl/log?from=x')->{body}, '{"msg":"For input string: \"x\""}', 'what is no number');
driver_says(map { "line $_ " . 'x' x 100 . "\n" } 1 .. 20000);
my $end = http('GET', '/sessions/etl/log?size=-1')->{json};
cmp_ok($end->{total}, '>', 1000, 'of a long log there are many lines');
cmp_ok($end->{total}, '<', 20000, 'but not all');
like($end->{log}[-1], qr/^line 20000 /, 'to the last one');
like($end->{log}[0], qr/^line \d+ x+$/, 'from a whole one on');
is(scalar @{http('GET', '/sessions/etl')->{json}{log}}, 10, 'a session shows ten of them');
like(http('GET', '/sessions/etl')->{json}{log}[9], qr/^line 20000 /, 'the last ones');

# Pages of the list.

http('POST', '/sessions') for 1 .. 2;
my $all = http('GET', '/sessions')->{json};
is($all->{total}, scalar @{$all->{sessions}}, 'the list has all of them');
is_deeply([map { $_->{id} } @{$all->{sessions}}], [sort { $a <=> $b } map { $_->{id} } @{$all->{sessions}}], 'in their order');
my $page = http('GET', '/sessions?from=1&size=1')->{json};
is_deeply([@$page{qw(from total)}, map { $_->{id} } @{$page->{sessions}}], [1, $all->{total}, $all->{sessions}[1]{id}], 'a page of it');
is(http('GET', '/sessions?from=90')->{body}, qq({"from":90,"total":$all->{total},"sessions":[]}), 'one behind the end');
is(http('GET', '/sessions?size=0')->{json}{total}, $all->{total}, 'none at all');

http('DELETE', "/sessions/$_->{id}") for @{$all->{sessions}};
is(http('GET', '/sessions')->{body}, '{"from":0,"total":0,"sessions":[]}', 'the end');

__DATA__

=== TEST 1: what the server is, for clients that compare versions
--- config
location / { sparkjob_livy main; }
location /js/ { sparkjob main; }
--- request
GET /version
--- json
{"version": "0.9.0", "user": "sparkjob", "revision": "", "branch": "", "date": "", "url": ""}


=== TEST 2: its root answers
--- request
GET /
--- error_code: 200


=== TEST 3: no sessions
--- request
GET /sessions
--- response_body chomp
{"from":0,"total":0,"sessions":[]}


=== TEST 4: a session, with all that Livy can be asked for
--- request
POST /sessions
{"kind": "spark", "name": "first", "proxyUser": "ann", "driverMemory": "1g", "driverCores": "2", "executorMemory": 512,
 "executorCores": 1, "numExecutors": "3", "queue": "q", "heartbeatTimeoutInSecond": 600, "ttl": "1h", "idleTimeout": "30m",
 "jars": [], "pyFiles": ["http://h/a.py"], "files": ["/a", "/b"], "archives": [], "somethingNew": {"a": [1]},
 "conf": {"spark.ui.enabled": false, "spark.my.password": "s3cret", "spark.n": 3}}
--- error_code: 201
--- response_headers
Location: /sessions/0
--- json
{"id": 0, "name": "first", "appId": null, "owner": null, "proxyUser": "ann", "state": "starting", "kind": "spark",
 "appInfo": {"driverLogUrl": null, "sparkUiUrl": null, "executorLogUrls": null}, "log": [], "ttl": "1h", "idleTimeout": "30m",
 "driverMemory": "1g", "driverCores": 2, "executorMemory": "512", "executorCores": 1,
 "conf": {"spark.ui.enabled": "false", "spark.my.password": "*********(redacted)", "spark.n": "3"},
 "archives": [], "files": ["/a", "/b"], "heartbeatTimeoutInSecond": 600, "jars": [], "numExecutors": 3,
 "pyFiles": ["http://h/a.py"], "queue": "q"}


=== TEST 5: one of nothing is shared, and has no name of its own
--- request
POST /sessions
{}
--- error_code: 201
--- response_body_like chomp
^\{"id":1,"name":"session-1","appId":null,"owner":null,"proxyUser":null,"state":"starting","kind":"shared","appInfo":\{"driverLogUrl":null,"sparkUiUrl":null,"executorLogUrls":null\},"log":\[\],"ttl":null,"idleTimeout":null,"driverMemory":null,"driverCores":0,"executorMemory":null,"executorCores":0,"conf":\{\},"archives":\[\],"files":\[\],"heartbeatTimeoutInSecond":0,"jars":\[\],"numExecutors":0,"pyFiles":\[\],"queue":null\}$


=== TEST 6: even without a body, and with a slash behind
--- request
POST /sessions/
--- error_code: 201
--- json
{"id": 2, "...": 1}


=== TEST 7: a session by its name
--- request
GET /sessions/first/state
--- json
{"id": 0, "state": "~^(?:starting|idle)$"}


=== TEST 8: connecting to it
--- request
POST /sessions/0/connect
--- json
{"id": 0, "name": "first", "kind": "spark", "...": 1}


=== TEST 9: HEAD is as GET
--- request
HEAD /sessions/0
--- response_body


=== TEST 10: a name is given once
--- request
POST /sessions
{"name": "first"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Duplicate session name: first"}


=== TEST 11: and is no number
--- request
POST /sessions
{"name": "7"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Invalid session name: 7"}


=== TEST 12: unless it is one
--- request
POST /sessions
{"name": 7}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Invalid session name: 7"}


=== TEST 13: a kind that Livy has no longer
--- request
POST /sessions
{"kind": "pyspark3"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Invalid kind: pyspark3"}


=== TEST 14: a time that is none
--- request
POST /sessions
{"ttl": "10 parsecs"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Invalid time string: 10 parsecs of 'ttl'"}


=== TEST 15: times that are longer than any can be
--- request eval
["POST /sessions\n{\"ttl\": \"2147483647d\"}", "POST /sessions\n{\"idleTimeout\": \"99999999999999999999h\"}", "POST /sessions\n{\"ttl\": \"864000000001\"}", "POST /sessions\n{\"ttl\": \"h\"}"]
--- error_code eval
[400, 400, 400, 400]
--- response_body eval
["{\"msg\":\"Rejected, Reason: 'ttl' is too long: 2147483647d, at most 10000d are allowed\"}",
 "{\"msg\":\"Rejected, Reason: 'idleTimeout' is too long: 99999999999999999999h, at most 10000d are allowed\"}",
 "{\"msg\":\"Rejected, Reason: 'ttl' is too long: 864000000001, at most 10000d are allowed\"}",
 "{\"msg\":\"Rejected, Reason: Invalid time string: h of 'ttl'\"}"]


=== TEST 16: numbers that are none
--- request eval
[map { "POST /sessions\n{\"numExecutors\": $_}" } '"many"', '[]', '{}', 'true', -1, '"-1"', '1.5', '1e99', 99999999999, '"' . 'x' x 100 . '"']
--- error_code eval
[(400) x 10]
--- response_body eval
[map { "\"The member 'numExecutors' has to be a whole number from 0 to 2147483647, it is $_\"" }
 '\\"many\\"', '[]', '{}', 'true', -1, '\\"-1\\"', '1.5', '9.9999999999999997e98', 99999999999, '\\"' . 'x' x 59 . '...']


=== TEST 17: one that Livy has under a long name
--- request
POST /sessions
{"heartbeatTimeoutInSecond": -1}
--- error_code: 400
--- response_body chomp
"The member 'heartbeatTimeoutInSecond' has to be a whole number from 0 to 2147483647, it is -1"


=== TEST 18: strings that are none
--- request eval
[map { "POST /sessions\n{$_}" } '"kind": []', '"name": {"a": "\u00e9"}', '"proxyUser": true', '"driverMemory": false', '"ttl": {}', '"queue": [null]']
--- error_code eval
[(400) x 6]
--- response_body eval
[map { "\"The member '$_\"" } "kind' has to be a string, it is []", "name' has to be a string, it is {\\\"a\\\":\\\"\\\\u00E9\\\"}",
 "proxyUser' has to be a string, it is true", "driverMemory' has to be a string, it is false",
 "ttl' has to be a time such as \\\"10m\\\", it is {}", "queue' has to be a string, it is [null]"]


=== TEST 19: lists that are none
--- request eval
[map { "POST /sessions\n{$_}" } '"jars": "a.jar"', '"pyFiles": {}', '"files": ["a", 1]', '"archives": [null]', '"jars": ["http://h/a,b"]', '"jars": [""]']
--- error_code eval
[(400) x 6]
--- response_body eval
["\"The member 'jars' has to be an array of strings, it is \\\"a.jar\\\"\"", "\"The member 'pyFiles' has to be an array of strings, it is {}\"",
 map { "\"The member '$_->[0]' has to be a string that is not empty and has no comma, it is $_->[1]\"" }
 ['files[1]', 1], ['archives[0]', 'null'], ['jars[0]', '\\"http://h/a,b\\"'], ['jars[0]', '\\"\\"']]


=== TEST 20: settings of another kind
--- request eval
[map { "POST /sessions\n{\"conf\": $_}" } '[]', '"a"', '{"a": {}}', '{"a": [1]}', '{"a\nb": 1}' =~ s/\n/\\n/r, '{"a": "\u0001"}', '{"a": "' . 'x' x 300000 . '"}']
--- error_code eval
[(400) x 6, 413]
--- response_body eval
["\"The member 'conf' has to be an object, it is []\"", "\"The member 'conf' has to be an object, it is \\\"a\\\"\"",
 "\"The member 'a' has to be a string, a number or a boolean in 'conf', it is {}\"",
 "\"The member 'a' has to be a string, a number or a boolean in 'conf', it is [1]\"",
 "{\"msg\":\"The name of a setting in 'conf' contains a control character\"}", "{\"msg\":\"The a contains a control character\"}",
 "{\"msg\":\"The members of the request are too long\"}"]


=== TEST 21: one that is refused
--- request
POST /sessions
{"conf": {"spark.proxy.user": "root"}}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Blacklisted configuration values in session config: spark.proxy.user"}


=== TEST 22: no JSON
--- request eval
[map { "POST /sessions\n$_" } '{"kind":', '{"name": "\u0000"}', "{\"name\":\n \"\xff\"}", '{"name": "a", "name": "b"}', '{} {}', '{"name": nope}',
 '{"numExecutors": 99999999999999999999}', '[' x 5000]
--- error_code eval
[(400) x 8]
--- response_body eval
[map { "\"The body is no JSON: $_\"" } 'line 1, column 8: it ends too early', 'line 1, column 17: a string has \\\\u0000', 'line 2, column 2: it is not UTF-8',
 'line 1, column 20: a member is there twice', 'line 1, column 4: there is more behind its end',
 'line 1, column 13: an unexpected character or word', 'line 1, column 37: a number is too large',
 'line 1, column 2049: it is nested too deeply']


=== TEST 23: no object
--- request eval
["POST /sessions\n[1]", "POST /sessions\n1", "POST /sessions\nnull"]
--- error_code eval
[400, 400, 400]
--- response_body eval
[("\"The body is no JSON object\"") x 3]


=== TEST 24: an unknown session
--- request
GET /sessions/824
--- error_code: 404
--- response_body chomp
{"msg":"Session '824' not found."}


=== TEST 25: its state
--- request
GET /sessions/824/state
--- error_code: 404
--- response_body chomp
{"msg":"Session '824' not found."}


=== TEST 26: its log
--- request
GET /sessions/nope/log
--- error_code: 404
--- response_body chomp
{"msg":"Session 'nope' not found."}


=== TEST 27: deleting it
--- request
DELETE /sessions/824
--- error_code: 404
--- response_body chomp
{"msg":"Session '824' not found."}


=== TEST 28: a page that is none
--- request
GET /sessions?size=x
--- error_code: 400
--- response_body chomp
{"msg":"For input string: \"x\""}


=== TEST 29: and one before the first
--- request eval
["GET /sessions?size=-1", "GET /sessions?from=-1"]
--- error_code eval
[400, 400]
--- response_body eval
[map { "{\"msg\":\"requirement failed: '$_' of a list is negative: -1\"}" } qw(size from)]


=== TEST 30: binaries and files that cannot be there
--- request eval
[map { "POST /sessions\n$_" } '{"jars": ["http://h/a.jar", "nope"]}', '{"conf": {"cp": "com:a:1, /x/a.jar"}}', '{"files": ["/a", "b"]}',
 '{"pyFiles": ["a.py"]}', '{"archives": ["a.zip#x"]}']
--- error_code eval
[(400) x 5]
--- response_body eval
[map { "{\"msg\":\"Rejected, Reason: $_\"}" } (map { "$_ is no URI, and there is no binary of that name" } 'jars: \\"nope\\"', 'cp: \\"/x/a.jar\\"'),
 (map { "$_ is neither a URI nor an absolute path" } 'files: \\"b\\"', 'pyFiles: \\"a.py\\"', 'archives: \\"a.zip#x\\"')]


=== TEST 31: no such route
--- request
GET /nothing
--- error_code: 404
--- response_body chomp
{"msg":"The requested resource could not be found."}


=== TEST 32: no such method
--- request
PUT /sessions
--- error_code: 405
--- response_headers
Allow: GET, HEAD, POST
--- response_body chomp
{"msg":"HTTP method not allowed, supported methods: GET, HEAD, POST"}


=== TEST 33: the version of the API that clients name
--- request
GET /sessions
--- more_headers
Accept: application/vnd.livy.v0.1+json
X-Requested-By: ann
--- json
{"from": 0, "total": 3, "...": 1}


=== TEST 34: another one
--- request
GET /sessions
--- more_headers
Accept: application/vnd.livy.v9.1+json
--- error_code: 406
--- json
{"msg": "~only 0.1$"}


=== TEST 35: a session is stopped
--- request
POST /sessions/2/stop
--- error_code: 204
--- response_body


=== TEST 36: another one is interrupted, which stops it
--- request
POST /sessions/1/interrupt
--- response_body chomp
{"msg":"interrupted"}


=== TEST 37: the last one is deleted
--- request
DELETE /sessions/first
--- response_body chomp
{"msg":"deleted"}


=== TEST 38: what has ended in order is not shown
--- request
GET /sessions
--- response_body chomp
{"from":0,"total":0,"sessions":[]}


=== TEST 39: below a prefix
--- config
location /livy/ { sparkjob_livy few; }
--- http_config
sparkjob_zone few 4m unix:$TEST_NGINX_SPARKJOB_FEW;
--- request
POST /livy/sessions
{"kind": "sql"}
--- error_code: 201
--- response_headers
Location: /livy/sessions/0


=== TEST 40: too many
--- request
POST /livy/sessions
{"kind": "sql"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, too many sessions are being created!"}


=== TEST 41: what nginx itself refuses is JSON in Livy's shape
--- config
location / { sparkjob_livy main; limit_except GET { allow all; } client_max_body_size 1k; }
location /shut/ { sparkjob_livy main; deny all; }
--- request
GET /shut/sessions
--- error_code: 403
--- response_body chomp
{"msg":"The supplied authentication is not authorized to access this resource"}


=== TEST 42: and a body that is too large
--- request eval
"POST /sessions\n" . '{"name": "' . 'x' x 2000 . '"}'
--- error_code: 413
--- response_body chomp
{"msg":"The request's body is too large"}


=== TEST 43: a location has one dialect
--- config
location / { sparkjob main; sparkjob_livy main; }
--- http_config
sparkjob_zone main 4m unix:$TEST_NGINX_SPARKJOB_MAIN;
--- must_die
--- suppress_stderr
--- error_log
"sparkjob_livy" directive is not possible in a location that has another dialect


=== TEST 44: back to both
--- config
location / { sparkjob_livy main; }
location /js/ { sparkjob main; }
--- request
GET /sessions
--- response_body chomp
{"from":0,"total":0,"sessions":[]}
