use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use IO::Select;
use Time::HiRes qw(time);

launcher('main', contexts => {'ann~made' => {}, shared => {}}, max_contexts => 32);
run_tests();

my $NONE = '00000000-0000-4000-8000-000000000000';

sub as { my ($user, @request) = @_; http(@request[0, 1], $request[2] // '', 'X-User' => $user, @request[3 .. $#request]) }

sub run_job {
    my ($user, $class, $body, $more) = @_;
    my $answer = as($user, 'POST', "/jobs?cp=app&mainClass=$class&context=etl" . ($more // '&sync=true'), $body // '');
    return $answer->{json}{jobId} // die "$user $class: $answer->{status} $answer->{body}";
}

# What an answer is, but for the date and for what was asked for.

sub face {
    my ($answer, $asked) = @_;
    my %headers = %{$answer->{headers}};
    delete $headers{date};
    my $body = $answer->{body} =~ s/\Q$asked\E/ASKED/gr;
    return join "\n", $answer->{status}, $body, map { "$_: $headers{$_}" } grep { $_ ne 'content-length' } sort keys %headers;
}

as('bob', 'POST', '/contexts/etl');
as('ann', 'POST', '/contexts/own');
my %bob = (
    'a finished one' => run_job('bob', 'noop'),
    'one that failed' => run_job('bob', 'throw', '{"message": "bad"}'),
    'a large one' => run_job('bob', 'big', '{"bytes": 100000}'),
    'one that runs' => run_job('bob', 'sleep', '{"ms": 600000}', ''),
    'one that prints' => run_job('bob', 'print', '{"text": "a secret"}'),
);
my $running = $bob{'one that runs'};
run_job('bob', 'big', '{"bytes": 20000}') for 1 .. 12;      # the small zone forgets the others

# Each job of another looks as one that never was, whoever answers: the zone or, when it is too small, the launcher.

for my $zone ('', '/small') {
    for my $what (sort keys %bob) {
        my $id = $bob{$what};
        for (['GET', "/jobs/%s"], ['HEAD', "/jobs/%s"], ['GET', "/jobs/%s/config"], ['GET', "/jobs/%s/log"],
             ['GET', "/jobs/%s/log?follow=true"], ['GET', "/jobs/%s/log?tail=1"], ['GET', "/jobs/%s/events"],
             ['GET', "/jobs/%s/events?lastEventId=1-1"], ['DELETE', "/jobs/%s"], ['POST', "/jobs/%s?_method=DELETE"])
        {
            my ($method, $path) = @$_;
            my ($his, $none) = map { face(as('ann', $method, $zone . sprintf $path, $_), $_) } $id, $NONE;
            is($his, $none, "$method $zone$path of another's, $what");
            like($his, qr/\A404/, 'is not there');
        }
    }
    is(as('bob', 'GET', "$zone/jobs/$bob{'a finished one'}")->{status}, 200, "$zone: but for its own user it is");
    is(as('root', 'GET', "$zone/jobs/$bob{'a large one'}")->{status}, 200, "$zone: and for an admin");
    is(as('root', 'GET', "$zone/jobs/$bob{'one that prints'}/log")->{body}, 'a secret', "$zone: with its log");
    like(as('root', 'GET', "$zone/jobs/$running")->{json}{context}, qr/^bob~etl$/, "$zone: under the stored name");
}
is(as('bob', 'GET', "/jobs/$running")->{json}{status}, 'RUNNING', 'nothing was killed');

# Lists, pages, purges.

my $mine = run_job('ann', 'noop', '', '&sync=true') if as('ann', 'POST', '/contexts/etl')->{status} == 200;
is(scalar @{as('ann', 'GET', '/jobs')->{json}}, 1, 'the list has one\'s own job');
is(as('ann', 'GET', '/jobs')->{json}[0]{jobId}, $mine, 'which is that');
for my $zone ('', '/small') {
    my $cursor = as('bob', 'GET', "$zone/jobs?limit=2")->{headers}{link} =~ /cursor=([^&>]+)/ ? $1 : die;
    for ('user=bob', 'user=bob&status=RUNNING', 'context=bob~etl', 'status=ERROR', 'user=root', "user=bob&cursor=$cursor",
         'user=', 'user=&user=bob', 'USER=bob&user=bob')
    {
        my $list = as('ann', 'GET', "$zone/jobs?$_");
        my @foreign = grep { $_->{jobId} ne $mine } @{$list->{json}};
        is($list->{status}, 200, "$zone/jobs?$_");
        is(scalar @foreign, 0, 'has nothing of others');
        unlike($list->{headers}{link} // '', qr/cursor/, 'and no further page');
    }
    my $page = as('ann', 'GET', "$zone/jobs?limit=1&cursor=9999999999999.$running");
    is_deeply([map { $_->{jobId} } @{$page->{json}}], [$mine], "$zone: a cursor leads to one's own only");
    cmp_ok(scalar @{as('root', 'GET', "$zone/jobs")->{json}}, '>', 10, "$zone: an admin has all");
    cmp_ok(scalar @{as('root', 'GET', "$zone/jobs?user=ann")->{json}}, '==', 1, "$zone: or those of one");
}
my $purge = '/jobs?before=2100-01-01T00:00:00Z';
is(as('ann', 'DELETE', "$purge&user=bob")->{json}{result}, '0 jobs deleted', 'a purge of another\'s');
is(as('ann', 'DELETE', "$purge&context=bob~etl")->{json}{result}, '0 jobs deleted', 'by the stored name of a context');
is(as('ann', 'DELETE', $purge)->{json}{result}, '1 jobs deleted', 'of all: takes one\'s own');
is(as('bob', 'GET', "/jobs/$bob{'a finished one'}")->{status}, 200, 'and leaves the others');

# Contexts.

for my $zone ('', '/small') {
    for my $name ('bob~etl', 'shared', 'root') {
        for (['GET', "/contexts/%s"], ['HEAD', "/contexts/%s"], ['GET', "/contexts/%s/log"],
             ['GET', "/contexts/%s/log?follow=true"], ['DELETE', "/contexts/%s"], ['DELETE', "/contexts/%s?force=true"],
             ['POST', "/jobs?cp=app&mainClass=noop&context=%s"], ['POST', "/contexts/%s?_method=DELETE"])
        {
            my ($method, $path) = @$_;
            my ($his, $none) = map { face(as('ann', $method, $zone . sprintf $path, $_), $_) } $name, 'nope';
            is($his, $none, "$method $zone$path of $name, which is another's");
            like($his, qr/\A404/, 'is not there');
        }
    }
}
is_deeply([sort @{as('ann', 'GET', '/contexts')->{json}}], [qw(etl made own)], 'the list has one\'s own contexts');
is_deeply(as('bob', 'GET', '/contexts')->{json}, ['etl'], 'and each user\'s');
is_deeply([sort @{as('root', 'GET', '/contexts')->{json}}], [qw(ann~etl ann~made ann~own bob~etl shared)], 'an admin has all');
my $id = as('bob', 'GET', '/contexts/etl')->{json}{id};
is(as('ann', 'POST', '/contexts/bob~etl')->{status}, 200, 'a name that looks like another\'s');
is(as('ann', 'DELETE', '/contexts/bob~etl')->{status}, 200, 'is one\'s own');
is(as('ann', 'PUT', '/contexts/etl')->{status}, 200, 'a replaced one is, too');
is(as('bob', 'GET', '/contexts/etl')->{json}{id}, $id, 'and not that of another');
is(as('ann', 'POST', '/contexts/~bob~x')->{status}, 400, 'no name begins with a tilde');

is(as('ann', 'PUT', '/contexts?reset=reboot')->{status}, 200, 'a reset');
is_deeply(as('ann', 'GET', '/contexts')->{json}, ['made'], 'is one of one\'s own contexts');
is(as('bob', 'GET', '/contexts/etl')->{json}{id}, $id, 'those of others stay');
is(as('bob', 'GET', "/jobs/$running")->{json}{status}, 'RUNNING', 'with their jobs');
is(as('root', 'GET', '/contexts/shared')->{json}{state}, 'RUNNING', 'so do those of nobody');
as('root', 'DELETE', '/contexts/shared');
as('ann~', 'POST', '/contexts/kept');
is(as('ann', 'PUT', '/contexts?reset=reboot')->{status}, 200, 'another reset');
is(as('root', 'GET', '/contexts/shared')->{json}{state}, 'FINISHED', 'starts none of others again');
is(as('ann~', 'GET', '/contexts/kept')->{json}{state}, 'RUNNING', 'a user whose name is one\'s own with a tilde is another one');
as('ann~', 'DELETE', '/contexts/kept');

# Keys are each user's own.

my @same = map { as($_, 'POST', '/contexts/keyed'); as($_, 'POST', '/jobs?cp=app&mainClass=user&context=keyed&sync=true', '',
                    'Idempotency-Key' => 'same') } 'ann', 'bob';
is_deeply([map { $_->{json}{result} } @same], ['ann', 'bob'], 'two users may have the same key');
isnt($same[0]{json}{jobId}, $same[1]{json}{jobId}, 'for two jobs');
is(as('ann', 'GET', "/jobs/$same[1]{json}{jobId}")->{status}, 404, 'of which one is not there');

# Data files.

my ($file) = as('bob', 'POST', '/data/words', 'a b')->{json}{result}{filename};
my ($own) = as('ann', 'POST', '/data/words', 'c d')->{json}{result}{filename};
is_deeply(as('ann', 'GET', '/data')->{json}, [$own], 'the list has one\'s own files');
my ($his, $none) = map { face(as('ann', 'DELETE', '/data' . $_), $_) } $file, $file =~ s/words/wordz/r;
is($his, $none, 'that of another is not there');
is(as('ann', 'PUT', '/data?reset=reboot')->{status}, 200, 'a reset');
is_deeply(as('ann', 'GET', '/data')->{json}, [], 'is one of one\'s own files');
is_deeply(as('root', 'GET', '/data')->{json}, [$file], 'and leaves those of others');
is(as('bob', 'DELETE', '/data' . $file)->{status}, 200, 'which their user can delete');

# Binaries are everybody's; whose jobs use one is not told.

my $use = as('ann', 'DELETE', '/binaries/app');
is($use->{status}, 403, 'a binary that another\'s job uses');
is($use->{json}{result}, 'Binary is in use by job(s): of others', 'without their ids');
my $sleeps = as('ann', 'POST', '/jobs?cp=app&mainClass=sleep&context=keyed', '{"ms": 600000}')->{json}{jobId};
is(as('ann', 'DELETE', '/binaries/app')->{json}{result}, "Binary is in use by job(s): $sleeps, of others", 'but for one\'s own');
like(as('root', 'DELETE', '/binaries/app')->{json}{result}, qr/: (?=.*$running)(?=.*$sleeps)/, 'an admin is told');

# Events: state, what happens, and what was missed.

sub watch {
    my ($user, $path, %headers) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
    print $sock join '', "GET $path HTTP/1.0\r\nX-User: $user\r\n", map({ "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n";
    $sock->flush;
    return {sock => $sock, text => ''};
}

sub until_seen {
    my ($stream, $wanted) = @_;
    my $end = time + 60;
    while ($stream->{text} !~ $wanted) {
        return 0 if time > $end || !IO::Select->new($stream->{sock})->can_read($end - time)
                    || !sysread $stream->{sock}, $stream->{text}, 65536, length $stream->{text};
    }
    return 1;
}

my %streams = map { $_ => watch('ann', "/events$_") } '', '?kind=job', '?kind=context', '?user=ann';
my $nothing = watch('ann', '/events?user=bob');
my $root = watch('root', '/events');
ok(until_seen($_, qr/^id: (\d+-\d+)\n\n/m), 'a stream begins') for values %streams, $nothing, $root;
my ($since) = $streams{''}{text} =~ /^id: (\S+)$/m;

run_job('bob', 'noop');
run_job('bob', 'progress', '{"tasks": 2, "ms": 10}');
as('bob', 'POST', '/contexts/more');
as('bob', 'DELETE', '/contexts/more');
as('bob', 'DELETE', $purge);
my $last = as('ann', 'POST', '/jobs?cp=app&mainClass=noop&context=keyed&sync=true')->{json}{jobId};
as('ann', 'POST', '/contexts/last');
as('ann', 'POST', '/jars/last', "PK\3\4 jar");
ok(until_seen($root, qr/"app-name":"last"/), 'an admin\'s stream goes on');
like($root->{text}, qr/"context":"bob~etl"/, 'and has everybody\'s');
for my $query (sort keys %streams) {
    my $stream = $streams{$query};
    ok(until_seen($stream, $query eq '?kind=context' ? qr/"name":"last".*RUNNING/ : qr/"$last".*FINISHED/), "events$query");
    unlike($stream->{text}, qr/bob|$running|"etl"|"more"|"shared"|remove/, 'are not of others');
}
my $again = watch('ann', '/events', 'Last-Event-ID' => $since);
ok(until_seen($again, qr/"app-name":"last"/), 'what was missed');
like($again->{text}, qr/"$last"/, 'has one\'s own');
unlike($again->{text}, qr/bob|$running|"etl"|"more"|remove|reset/, 'and nothing else');
IO::Select->new($nothing->{sock})->can_read(0) && sysread $nothing->{sock}, $nothing->{text}, 65536, length $nothing->{text};
unlike($nothing->{text}, qr/^data/m, 'a filter by another user finds nothing');
ok(until_seen(watch('ann', "/jobs/$sleeps/events"), qr/"$sleeps".*RUNNING/), 'one\'s own job is told of');

# Who is nobody has nothing; who could be another is himself.

for (['GET', '/jobs'], ['GET', "/jobs/$running"], ['GET', '/contexts'], ['GET', '/events'], ['POST', '/jobs?cp=app&mainClass=noop'],
     ['GET', '/data'], ['GET', '/binaries'], ['DELETE', $purge], ['PUT', '/contexts?reset=reboot'])
{
    my $answer = http(@$_);
    is($answer->{status}, 403, "@$_ without a user");
    like($answer->{json}{result}, qr/has no user/, 'says why');
}
is(http('GET', '/healthz')->{body}, '{"status":"SUCCESS"}', 'health tells nothing');
is_deeply(as($_, 'GET', '/jobs')->{json}, [], "user $_") for 'Bob', 'bo', 'bob~', 'bob~etl', '~bob';
is(as($_, 'GET', "/jobs/$running")->{status}, 404, "user $_ and a job") for 'Bob', 'bo', 'bob~', 'bobb';

# An admin may do what the owner may.

is(as('root', 'POST', '/jobs?cp=app&mainClass=user&context=bob~etl&sync=true')->{json}{result}, 'root', 'an admin in another\'s context');
is(as('root', 'DELETE', "/jobs/$running")->{json}{status}, 'KILLED', 'kills another\'s job');
is(as('root', 'DELETE', '/contexts/bob~etl')->{status}, 200, 'and stops the context');
is(as('bob', 'GET', '/contexts/etl')->{json}{state}, 'FINISHED', 'its user sees that');

# Without rules, and with sparkjob_proxy_user.

is(http('GET', '/norules/jobs', '', 'X-User' => 'bob')->{status}, 200, 'without rules everything of one\'s own is allowed');
is(http('GET', "/norules/jobs/$sleeps", '', 'X-User' => 'bob')->{status}, 404, 'and nothing of others');
is(http('PUT', '/norules/data?reset=reboot', '', 'X-User' => 'bob')->{status}, 200, 'also a reset');
is(http('GET', '/norules/contexts/ann~keyed', '', 'X-User' => 'root')->{status}, 404, 'nobody is an admin there');
sub told {
    my ($user, $path) = @_;
    http('POST', "$path&cp=app&mainClass=context&sync=true&timeout=20", '', 'X-User' => $user)->{json}{result}{proxyUser};
}
is(told('bob', '/jobs?spark.proxy.user=eve'), 'eve', 'whom Spark acts for is not looked at');
is(told('bob', '/proxy/jobs?spark.proxy.user=eve'), 'bob', 'unless sparkjob_proxy_user is on');
is(told('root', '/proxy/jobs?spark.proxy.user=eve'), 'root', 'for admins, too');
is(http('GET', '/proxy/contexts/ann~keyed', '', 'X-User' => 'root')->{status}, 200, 'who see all');

__DATA__

=== TEST 1: a context of a user
--- http_config
sparkjob_zone main 4m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone small 128k unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_user $http_x_user;
sparkjob_owner on;
--- config
location / {
    sparkjob main;
    sparkjob_allow read,submit,contexts,binaries all;
    sparkjob_allow admin root;

    location /small/ { sparkjob small; }
    location /plain/ { sparkjob main; sparkjob_owner off; }
    location /proxy/ { sparkjob main; sparkjob_proxy_user on; }
}
location /norules/ { sparkjob main; }
--- init
main::wait_for('a predefined context', sub { @{main::http('GET', '/plain/contexts', '', 'X-User' => 'x')->{json} // []} == 2 });
main::http('POST', '/plain/jars/app', "PK\3\4 jar", 'X-User' => 'x');
--- more_headers
X-User: ann
--- request
GET /contexts
--- json
["made"]


=== TEST 2: nobody has none
--- request
GET /contexts
--- error_code: 403
--- json
{"status": "ERROR", "result": "~has no user"}
