use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', dao => 'sqlite', driver => {stop_timeout => 8, kill_timeout => 2}, livy => {max_statements => 300});
run_tests();

my $ID = saved('id');
sub statement { http('POST', "/sessions/$ID/statements", '{"code": "' . $_[0] . '"}') }
sub told { http('GET', "/sessions/$ID/statements/$_[0]") }

# A statement that runs, and one behind it.

my $first = statement('sleep 600000')->{json}{id};
my $second = statement('after it')->{json}{id};
my $running = wait_for('the first one runs', sub { my $s = told($first)->{json}; $s->{state} eq 'running' && $s });
is($running->{output}, undef, 'without output');
cmp_ok($running->{started}, '>', 0, 'and with its start');
is($running->{completed}, 0, 'but no end');
is(told($second)->{json}{state}, 'waiting', 'the second one waits');
is(http('POST', "/sessions/$ID/statements/$first/cancel")->{body}, '{"msg":"canceled"}', 'it is cancelled');
my $cancelled = wait_for('then it is', sub { my $s = told($first)->{json}; $s->{state} eq 'cancelled' && $s });
is($cancelled->{output}, undef, 'without output');
cmp_ok($cancelled->{completed}, '>=', $cancelled->{started}, 'it has an end');
my $after = wait_for('the second one runs then', sub { my $s = told($second)->{json}; $s->{state} eq 'available' && $s });
is_deeply($after->{output}, {status => 'ok', execution_count => $second, data => {'text/plain' => 'after it'}}, 'with its output');
is(http('POST', "/sessions/$ID/statements/$second/cancel")->{status}, 200, 'what is over may be cancelled');

# One that heeds nothing keeps its start, one that has never run has none.

my $deaf = http('POST', '/sessions', '{"kind": "spark", "name": "deaf"}')->{json}{id};
http('POST', "/sessions/$deaf/statements", '{"code": "' . $_ . '"}') for 'sleep 1000', 'hang', 'after it';
sub deaf { http('GET', "/sessions/$deaf/statements/$_[0]")->{json} }
my $hangs = wait_for('it runs', sub { my $s = deaf(1); $s->{state} eq 'running' && $s });
cmp_ok($hangs->{started} - deaf(0)->{started}, '>=', 900, 'it starts when it runs, not when it was sent');
is(deaf(2)->{started}, 0, 'what waits has not started');
http('POST', "/sessions/$deaf/statements/$_/cancel") for 2, 1;
my $given_up = wait_for('it is given up', sub { my $s = deaf(1); $s->{state} eq 'cancelled' && $s });
is($given_up->{started}, $hangs->{started}, 'its start is what it was');
cmp_ok($given_up->{completed} - $given_up->{started}, '>=', 1900, 'long before its end');
my $never = deaf(2);
is_deeply([@$never{qw(state started)}], ['cancelled', 0], 'what was cancelled before it ran has none');
cmp_ok($never->{completed}, '>=', $given_up->{started}, 'but an end');
is_deeply([map { $_->{started} } @{http('GET', "/sessions/$deaf/statements")->{json}{statements}}[1, 2]], [$given_up->{started}, 0], 'as in the list');

# The next launcher tells the same of what has ended, runs and waits.

my $kept = http('POST', '/sessions', '{"kind": "spark", "name": "kept"}')->{json}{id};
http('POST', "/sessions/$kept/statements", '{"code": "' . $_ . '"}') for 'sleep 1000', 'sleep 600000', 'after it';
sub kept { http('GET', "/sessions/$kept/statements")->{json}{statements} }
my $before = wait_for('one has ended, the next one runs', sub { my $s = kept(); $s->[1]{state} eq 'running' && $s });
sleep 0.5;
kill_launcher();
start_launcher();
wait_for('the next launcher is there', sub { http('GET', '/js/healthz')->{status} == 200 });
is_deeply(kept(), $before, 'and says when each of them has started, too');
http('DELETE', "/sessions/$kept");

# It is a job.

my $answer = told($second);
my $job = http('GET', "/js/jobs/$answer->{headers}{'sparkjob-job'}")->{json};
is_deeply([@$job{qw(status classPath context)}], ['FINISHED', 'statement.spark', 'work'], 'a statement is a job');
my $config = http('GET', "/js/jobs/$job->{jobId}/config");
is($config->{status}, 404, 'without a configuration');
json_like($config->{body}, qq({"status": "ERROR", "result": "Job $job->{jobId} has no configuration: )
    . qq(it is statement $second of its session, which tells its code"}), 'but with code, which is said');

# Large outputs and long code come from files.

my $big = statement('big 300000')->{json}{id};
my $out = wait_for('a large output', sub { my $s = told($big)->{json}; $s->{state} eq 'available' && $s->{output} });
is($out->{data}{'text/plain'}, 'x' x 300000, 'comes whole');
my $long = 'size ' . '\\u20ac\\n' x 30000;
my $code = statement($long)->{json};
is($code->{code}, 'size ' . "\x{20ac}\n" x 30000, 'long code is told when it is taken');
my $done = wait_for('it runs', sub { my $s = told($code->{id})->{json}; $s->{state} eq 'available' && $s });
is($done->{code}, $code->{code}, 'and later');
is($done->{output}{data}{'text/plain'}, 5 + 4 * 30000, 'all of it was run');

# Lists.

my $all = http('GET', "/sessions/$ID/statements")->{json};
is($all->{total_statements}, scalar @{$all->{statements}}, 'the list has all');
is_deeply([map { $_->{id} } @{$all->{statements}}], [0 .. $#{$all->{statements}}], 'in their order');
is($all->{statements}[$big]{output}{data}{'text/plain'}, 'x' x 300000, 'with large outputs');
is($all->{statements}[$code->{id}]{code}, $code->{code}, 'and long code');
sub ids { [map { $_->{id} } @{http('GET', "/sessions/$ID/statements?$_[0]")->{json}{statements}}] }
is_deeply(ids('from=1&size=2'), [1, 2], 'a page of it');
is_deeply(ids('size=2&order=desc'), [$#{$all->{statements}}, $#{$all->{statements}} - 1], 'the newest first');
is_deeply(ids('from=1000'), [], 'behind the end there is nothing');
is(http('GET', "/sessions/$ID/statements?from=x")->{body}, '{"msg":"For input string: \"x\""}', 'what is no number');
is(http('GET', "/sessions/$ID/statements?$_=-1")->{body}, qq({"msg":"requirement failed: '$_' of a list is negative: -1"}), 'nor a place')
    for qw(from size);
is(http('GET', "/sessions/$ID/statements?order=foo")->{body}, qq({"msg":"requirement failed: 'order' is neither asc nor desc: 'foo'"}),
   'what is no order');
is_deeply(ids('from=0&size=2&order=ASC'), [0, 1], 'one that is named, in any case');
statement("n$_") for 1 .. 120;
my $newest = ids('');
is(scalar @$newest, 100, 'of many the newest hundred');
is($newest->[-1], $#{$all->{statements}} + 120, 'up to the last one');

# An Idempotency-Key is that of one statement.

my @twice = map { http('POST', "/sessions/$ID/statements", '{"code": "once"}', 'Idempotency-Key' => 'k1')->{json}{id} } 1 .. 2;
is($twice[0], $twice[1], 'what is sent again is the same statement');
sub large { http('POST', "/sessions/$ID/statements", '{"code": "big 100000"}', 'Idempotency-Key' => 'k2')->{json} }
my $again = wait_for('it has ended', sub { my $s = large(); $s->{state} eq 'available' && $s });
is($again->{output}{data}{'text/plain'}, 'x' x 100000, 'and told with its output, however large');

# Too many, and too much.

my $hold = statement('sleep 600000')->{json}{id};
my $full;
for (1 .. 400) { $full = statement('x'); last if $full->{status} != 201 }
is($full->{status}, 503, 'a session takes no end of statements');
like($full->{json}{msg}, qr/^Too many statements \(300\) wait or run in session '.+'$/, 'and says how many');
my $large = http('POST', "/sessions/$ID/statements", '{"code": "' . 'x' x 1048576 . '"}');
is($large->{status}, 413, 'code is bounded');
like($large->{json}{msg}, qr/at most 1048576/, 'by so much');
is(http('DELETE', "/sessions/$ID")->{status}, 200, 'what waits does not hold up the end');
is(http('GET', "/sessions/$ID/statements/0")->{body}, qq({"msg":"Session '$ID' not found."}), 'then there are no statements');

__DATA__

=== TEST 1: a session
--- config
location / { sparkjob_livy main; client_max_body_size 10m; }
location /js/ { sparkjob main; }
--- request
POST /sessions
{"kind": "spark", "name": "work"}
--- error_code: 201
--- json
{"id": 0, "...": 1}
--- save
id id


=== TEST 2: has no statements
--- request
GET /sessions/0/statements
--- response_body chomp
{"total_statements":0,"statements":[]}


=== TEST 3: a statement, in Livy's order
--- request
POST /sessions/0/statements
{"code": "1 + 1"}
--- error_code: 201
--- response_headers
Location: /sessions/0/statements/0
--- response_body_like chomp
^\{"id":0,"code":"1 \+ 1",(?:"state":"(?:waiting|running)","output":null,"progress":0\.000,"started":\d+,"completed":0|"state":"available","output":\{"status":"ok",.*\},"progress":1\.000,"started":\d+,"completed":[1-9]\d+)\}$


=== TEST 4: what it is, once it is known
--- init
main::wait_for('the statement is over', sub { main::http('GET', '/sessions/0/statements/0')->{json}{state} eq 'available' });
--- request
GET /sessions/0/statements/0
--- response_body_like chomp
^\{"id":0,"code":"1 \+ 1","state":"available","output":\{"status": "ok", "execution_count": 0, "data": \{"text/plain": "1 \+ 1"\}\},"progress":1\.000,"started":\d{13},"completed":\d{13}\}$


=== TEST 5: the session by its name, the kind by another one
--- request
POST /sessions/work/statements
{"code": "fail", "kind": "python"}
--- error_code: 201
--- response_headers
Location: /sessions/work/statements/1
--- json
{"id": 1, "...": 1}


=== TEST 6: an error of the code is output
--- init
main::wait_for('the statement is over', sub { main::http('GET', '/sessions/0/statements/1')->{json}{state} eq 'available' });
--- request
GET /sessions/work/statements/1
--- json
{"id": 1, "code": "fail", "state": "available",
 "output": {"status": "error", "execution_count": 1, "ename": "Failure", "evalue": "it fails", "traceback": ["at line 1\n"]},
 "progress": 1.0, "started": "<number>", "completed": "<number>"}


=== TEST 7: and so is one of the interpreter
--- init
main::http('POST', '/sessions/0/statements', '{"code": "broken"}');
main::wait_for('the statement is over', sub { main::http('GET', '/sessions/0/statements/2')->{json}{state} eq 'available' });
--- request
GET /sessions/0/statements/2
--- json
{"id": 2, "output": {"status": "error", "execution_count": 2, "ename": "<string>", "evalue": "~the interpreter is broken",
                     "traceback": ["..."]}, "...": 1}


=== TEST 8: what is no number of a statement
--- request
GET /sessions/0/statements/x
--- error_code: 400
--- response_body chomp
{"msg":"For input string: \"x\""}


=== TEST 9: none that there is
--- request
GET /sessions/0/statements/77
--- error_code: 404
--- response_body chomp
"Statement not found"


=== TEST 10: nor to be cancelled
--- request
POST /sessions/0/statements/77/cancel
--- error_code: 404
--- response_body chomp
"Statement not found"


=== TEST 11: no such session
--- request
POST /sessions/824/statements
{"code": "1"}
--- error_code: 404
--- response_body chomp
{"msg":"Session '824' not found."}


=== TEST 12: without code
--- request
POST /sessions/0/statements
{"kind": "spark"}
--- error_code: 400
--- response_body chomp
{"msg":"requirement failed: 'code' is required."}


=== TEST 13: no JSON
--- request
POST /sessions/0/statements
code
--- error_code: 400
--- response_body chomp
"The body is no JSON: line 1, column 4: an unexpected character or word"


=== TEST 14: code that is no UTF-8, or no code
--- request eval
["POST /sessions/0/statements\n{\"code\": \"\xff\"}", "POST /sessions/0/statements\n{\"code\": [1]}",
 "POST /sessions/0/statements\n{\"code\": \"1\", \"kind\": {}}", "POST /sessions/0/completion\n{\"code\": \"1\", \"cursor\": -1}"]
--- error_code eval
[(400) x 4]
--- response_body eval
["\"The body is no JSON: line 1, column 10: it is not UTF-8\"", "\"The member 'code' has to be a string, it is [1]\"",
 "\"The member 'kind' has to be a string, it is {}\"", "\"The member 'cursor' has to be a whole number from 0 to 2147483647, it is -1\""]


=== TEST 15: an unknown kind
--- request
POST /sessions/0/statements
{"code": "1", "kind": "cobol"}
--- error_code: 400
--- response_body chomp
{"msg":"Rejected, Reason: Invalid kind: cobol"}


=== TEST 16: what code could go on with
--- request
POST /sessions/0/completion
{"code": "abc.def", "kind": "spark", "cursor": "3"}
--- json
{"candidates": ["abc.spark", "abc.one"]}


=== TEST 17: in a session that is not there
--- request
POST /sessions/nope/completion
{"code": "abc"}
--- error_code: 404
--- response_body chomp
{"msg":"Session 'nope' not found."}


=== TEST 18: a session of several kinds
--- request
POST /sessions
{}
--- error_code: 201
--- json
{"id": 1, "kind": "shared", "...": 1}


=== TEST 19: wants to know the kind
--- request
POST /sessions/1/statements
{"code": "1"}
--- error_code: 400
--- response_body chomp
{"msg":"Code type should be specified if session kind is shared"}


=== TEST 20: and takes any
--- request
POST /sessions/1/statements
{"code": "1", "kind": "sql"}
--- error_code: 201
--- json
{"id": 0, "...": 1}
