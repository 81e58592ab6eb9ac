use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
launcher('two');
run_tests();

# More binaries than the zone takes: the launcher tells the rest.

upload(sprintf 'bin%03d-%s', $_, 'n' x 200) for 1 .. 120;
ok(wait_for('the zone is full', sub {
    open my $log, '<', test_dir() . '/nginx.log' or die;
    grep { /too small for the contexts and binaries/ } <$log>;
}), 'the zone is too small, which is logged');
my $all = http('GET', '/binaries')->{json};
is(scalar keys %$all, 121, 'all binaries are listed');
is((grep { $_->{'binary-type'} eq 'Jar' } values %$all), 121, 'each of them as it is');
is(scalar keys %{http('GET', '/jars')->{json}}, 121, 'in the old form, too');
my @unseen = grep { http('GET', "/binaries/$_")->{status} != 200 } keys %$all;
is_deeply(\@unseen, [], 'each can be read');
is(http('GET', '/binaries/nope')->{status}, 404, 'what is not there is not');
is(http('GET', '/binaries/nope')->{json}{result}, "Can't find binary with name nope", 'and named');

# Contexts beside them.

is_deeply(http('GET', '/contexts')->{json}, ['c1', 'joe~mine'], 'the contexts are listed');
is(http('POST', '/contexts/c2')->{status}, 200, 'another one starts');
is_deeply([sort @{http('GET', '/contexts')->{json}}], [qw(c1 c2 joe~mine)], 'and is listed');
is(http('GET', '/contexts/c2')->{json}{state}, 'RUNNING', 'and shown');
is(http('GET', '/contexts/nope')->{json}{result}, "can't find context with name nope", 'one that never was is not');
http('DELETE', '/contexts/c2');
is(http('GET', '/contexts/c2')->{json}{state}, 'FINISHED', 'one that has ended is shown');
is_deeply(http('GET', '/own/contexts')->{json}, ['mine'], 'users see their own ones');

# Sessions that have died are listed by the launcher, too.

sub dead { [map { $_->{name} } grep { $_->{state} eq 'dead' } @{http('GET', "$_[0]/sessions")->{json}{sessions}}] }
sub dies {
    my ($livy, $name) = @_;
    my $id = http('POST', "$livy/sessions", qq({"kind": "spark", "name": "$name"}))->{json}{id};
    http('POST', "$livy/sessions/$id/statements", '{"code": "exit 3"}');
    wait_for("session $name has died", sub { http('GET', "$livy/sessions/$id/state")->{json}{state} eq 'dead' });
}
dies('/livy', 'dead');
is_deeply(dead('/livy'), ['dead'], 'a session that has died is listed');
my $sessions = http('GET', '/livy/sessions?size=1')->{json};
is_deeply([$sessions->{total}, scalar @{$sessions->{sessions}}], [3, 1], 'and counted');

# Room again.

http('DELETE', "/binaries/$_") for grep { /^bin/ } keys %$all;
is_deeply([keys %{http('GET', '/binaries')->{json}}], ['app'], 'what is deleted is gone');

# From then on nobody is asked any longer.

my ($answer, $others);
ok(wait_for('the zone answers by itself', sub {
    kill 'STOP', launcher_pid();
    my $asked = http_start('GET', '/binaries');
    my $other = http_start('GET', '/contexts/c1');
    ($answer, $others) = map { http_finish($_, 1) } $asked, $other;
    kill 'CONT', launcher_pid();
    $answer->{status} == 200 && $others->{status} == 200;
}), 'the zone has room for all again, and needs no launcher');
is_deeply([keys %{$answer->{json}}], ['app'], 'to list binaries');

# A context that has ended, and then left the zone for jobs.

http('POST', '/two/jars/app', "PK\3\4 jar");
http('POST', "/two/contexts/$_") for qw(old c1);
http('DELETE', '/two/contexts/old');
dies('/livy2', 'dies');
http('POST', '/two/contexts/late');
sub listed { [map { $_->{name} } @{http('GET', '/livy2/sessions')->{json}{sessions}}] }
is_deeply(listed(), [qw(c1 dies late)], 'sessions are listed in the order of their numbers, one that has died, too');
http('POST', '/two/jobs?cp=app&mainClass=big&context=c1&sync=true', '{"bytes": 20000}') for 1 .. 12;
is_deeply(listed(), [qw(c1 dies late)], 'also when the zone has it no longer');
is(http('GET', '/two/contexts/old')->{json}{state}, 'FINISHED', 'the launcher remembers what the zone does not');
is(http('GET', '/two/contexts/nope')->{json}{result}, "can't find context with name nope",
   'and knows what never was');

__DATA__

=== TEST 1: a zone that is as small as can be
--- http_config
sparkjob_zone main 128k unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone two 128k unix:$TEST_NGINX_SPARKJOB_TWO;
--- config
location / { sparkjob main; }
location /two/ { sparkjob two; }
location /livy/ { sparkjob_livy main; }
location /livy2/ { sparkjob_livy two; }
location /own/ { sparkjob main; sparkjob_user joe; sparkjob_proxy_user on; }
--- init
main::upload('app');
main::context('c1');
main::http('POST', '/own/contexts/mine');
--- request
GET /contexts/c1
--- json
{"name": "c1", "state": "RUNNING", "...": 1}
