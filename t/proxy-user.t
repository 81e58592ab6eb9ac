use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', max_contexts => 20);
run_tests();

sub as { my ($user, @request) = @_; http(@request[0, 1], $request[2] // '', 'X-User' => $user) }

# Whose name is a part of another's.

is(as('a~', 'POST', '/contexts/x')->{status}, 200, 'a user whose name ends with a tilde');
is_deeply(as('a', 'GET', '/contexts')->{json}, [], 'is not the one without it');
is_deeply(as('a~', 'GET', '/contexts')->{json}, ['x'], 'and has a list of his own');
is_deeply(http('GET', '/plain/contexts')->{json}, [qw(a~~~x c1 joe~c1)], 'the tilde is doubled');
for my $method (qw(GET POST PUT DELETE)) {
    is(as('a', $method, '/contexts/~~x')->{status}, 400, "$method of a name that begins with one");
}
is(as('a~', 'GET', '/contexts/x')->{json}{state}, 'RUNNING', 'nothing was done to it');

# Users with names that JSON encodes.

is(as('q"\\', 'POST', '/contexts/x')->{status}, 200, 'a user with a quote');
is_deeply(as('q"\\', 'GET', '/contexts')->{json}, ['x'], 'is listed as any');
is(as('q"\\', 'GET', '/contexts/x')->{json}{name}, 'x', 'and shown');

# A name that is too long with its user.

my $long = 'n' x 250;
like(as('joseph', 'POST', "/contexts/$long")->{json}{result}, qr/too long: 257 bytes/,
     'a name may be too long with its user');

# Replaced, and reset.

my $id = as('joe', 'GET', '/contexts/c1')->{json}{id};
is(as('joe', 'PUT', '/contexts/c1')->{status}, 200, 'users replace their own');
isnt(as('joe', 'GET', '/contexts/c1')->{json}{id}, $id, 'which it was');
is(http('GET', '/plain/contexts/c1')->{json}{state}, 'RUNNING', 'and not that of another');
is(as('ann', 'DELETE', '/contexts/c1')->{status}, 404, 'users delete none of others');
is(as('joe', 'DELETE', '/contexts/c1')->{status}, 200, 'but their own');
is(http('GET', '/plain/contexts/c1')->{json}{state}, 'RUNNING', 'and nothing else');

# Whom a driver acts for.

sub told {
    my ($user, $query) = @_;
    my $answer = http('POST', "$query&cp=app&mainClass=context&sync=true&timeout=20", '', 'X-User' => $user);
    return $answer->{json}{result};
}
as('joe', 'POST', '/contexts/who?spark.proxy.user=root&a=1');
my $meta = told('joe', '/jobs?context=who');
is($meta->{proxyUser}, 'joe', 'a context acts for its user');
is_deeply($meta->{query}, {a => '1'}, 'whatever the client says');
$meta = told('joe', '/jobs?spark.proxy.user=root');
is($meta->{proxyUser}, 'joe', 'so does an ad hoc context');
like($meta->{name}, qr/^joe~[0-9a-f]{8}-context$/, 'which is named for the user, too');
like(as('joe', 'GET', '/jobs?limit=1')->{json}[0]{context}, qr/^[0-9a-f]{8}-context$/, 'who sees no prefix');
like(as('u' x 223, 'GET', '/contexts')->{json}{result}, qr/^The user, .* is too long: 224 bytes/,
     'a user whose name leaves no room for that of a context');
is(told('joe', '/plain/jobs?spark.proxy.user=eve')->{proxyUser}, 'eve', 'otherwise clients say for whom');
http('POST', '/plain/contexts/who?spark.proxy.user=eve');
is(told('', '/plain/jobs?context=who')->{query}{'spark.proxy.user'}, 'eve', 'in a context as one of its settings');
wait_for('the ad hoc context has ended', sub { @{as('joe', 'GET', '/contexts')->{json}} == 1 });
is_deeply(as('joe', 'GET', '/contexts')->{json}, ['who'], 'an ad hoc context is nobody\'s after its job');

# What is not kept apart: see docs/decisions.md.

as('joe', 'POST', '/contexts/own');
my $job = as('joe', 'POST', '/jobs?cp=app&mainClass=noop&context=own&sync=true')->{json}{jobId};
is(as('ann', 'GET', '/jobs?limit=1')->{json}[0]{context}, 'joe~own', 'jobs of others are listed, with the stored name');
is_deeply(as('ann', 'GET', '/jobs?context=own')->{json}, [], 'but context names one of one\'s own');
is(as('ann', 'GET', "/jobs/$job")->{json}{context}, 'joe~own', 'who knows its id can read a job');
is(as('ann', 'GET', "/jobs/$job/log")->{status}, 200, 'and its log');
is(as('ann', 'GET', '/contexts/own/log')->{status}, 404, 'but not that of its context');
like(as('ann', 'POST', '/jobs?cp=app&mainClass=noop&context=own')->{json}{result}, qr/^context own not found/,
     'in which nobody else runs jobs');
like(as('ann', 'DELETE', '/jobs?before=2100-01-01T00:00:00Z&context=own')->{json}{result}, qr/^0 jobs/,
     'a purge of a context is one of one\'s own');
is(as('ann', 'DELETE', '/jobs?before=2100-01-01T00:00:00Z&user=joe')->{status}, 200, 'a purge takes those of others');
is(as('joe', 'GET', "/jobs/$job")->{status}, 404, 'if they are not left out');

# No user at all.

for (['GET', '/contexts'], ['POST', '/contexts/x'], ['POST', '/jobs?cp=app&mainClass=noop'],
     ['GET', '/jobs'], ['DELETE', '/contexts/c1'])
{
    my $answer = http(@$_);
    is($answer->{status}, 403, "@$_ without a user");
    like($answer->{json}{result}, qr/has no user/, 'says why');
}
is(http('GET', '/healthz')->{status}, 200, 'health needs none');

__DATA__

=== TEST 1: a user creates a context
--- config
location / { sparkjob main; sparkjob_user $http_x_user; sparkjob_proxy_user on; }
location /plain/ { sparkjob main; sparkjob_user $http_x_user; }
--- more_headers
X-User: joe
--- request
POST /contexts/c1?max-jobs-per-context=1&spark.proxy.user=root
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 2: it is stored with the user's name
--- request
GET /plain/contexts
--- json
["joe~c1"]


=== TEST 3: and listed without it
--- more_headers
X-User: joe
--- request
GET /contexts
--- json
["c1"]


=== TEST 4: not to others
--- more_headers
X-User: ann
--- request
GET /contexts
--- json
[]


=== TEST 5: it is shown by the user's name for it
--- more_headers
X-User: joe
--- request
GET /contexts/c1
--- json
{"name": "c1", "state": "RUNNING", "...": 1}


=== TEST 6: which others cannot
--- more_headers
X-User: ann
--- request
GET /contexts/c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find context with name c1"}


=== TEST 7: nor by the stored one
--- more_headers
X-User: ann
--- request
GET /contexts/joe~c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find context with name joe~c1"}


=== TEST 8: a name that is taken is told as the user knows it
--- more_headers
X-User: joe
--- request
POST /contexts/c1
--- error_code: 400
--- json
{"status": "ERROR", "result": "context c1 exists"}


=== TEST 9: the same name for somebody without that setting
--- request
POST /plain/contexts/c1
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 10: a job goes to the context of its user
--- init
main::as('joe', 'POST', '/jars/app', "PK\3\4 jar");
--- more_headers
X-User: joe
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1
{"ms": 60000}
--- error_code: 202
--- json
{"jobId": "<id>", "context": "c1", "status": "STARTED", "...": 1}
--- save
job jobId


=== TEST 11: its report names that as the user does
--- more_headers
X-User: joe
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "context": "c1", "status": "RUNNING", "...": 1}


=== TEST 12: in the list, too
--- more_headers
X-User: joe
--- request
GET /jobs
--- json
[{"jobId": "%{job}", "context": "c1", "...": 1}]


=== TEST 13: and as it is stored to others
--- more_headers
X-User: ann
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "context": "joe~c1", "...": 1}


=== TEST 14: a list by context is one by the user's context
--- more_headers
X-User: joe
--- request
GET /jobs?context=c1
--- json
[{"jobId": "%{job}", "context": "c1", "...": 1}]


=== TEST 15: not by that of another
--- more_headers
X-User: ann
--- request
GET /jobs?context=c1
--- json
[]


=== TEST 16: a full context is told by the user's name
--- more_headers
X-User: joe
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 503
--- json
{"status": "NO SLOTS AVAILABLE", "result": "Too many running jobs (1) for job context 'c1'"}


=== TEST 17: so is one that is not there
--- more_headers
X-User: ann
--- request
POST /jobs?cp=app&mainClass=noop&context=c1
--- error_code: 404
--- json
{"status": "ERROR", "result": "context c1 not found"}
