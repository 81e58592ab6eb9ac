use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use Time::HiRes qw(sleep time);

launcher('main', dao => 'sqlite');
stop_launcher();

# A peer that does not speak the protocol.

my $garbage = IO::Socket::UNIX->new(Local => test_dir() . '/garbage.sock', Listen => 5)
    or die "cannot listen: $!";
$ENV{TEST_NGINX_SPARKJOB_GARBAGE} = test_dir() . '/garbage.sock';
my $peer = fork // die;
if ($peer == 0) {
    while (my $client = $garbage->accept) {
        syswrite $client, "HTTP/1.1 400 Bad Request\r\n\r\n" x 10;
        sleep 0.05;
    }
    POSIX::_exit(0);
}

run_tests();

kill 'KILL', $peer;
waitpid $peer, 0;
unlink $ENV{TEST_NGINX_SPARKJOB_GARBAGE};

sub job { http('POST', "/jobs?cp=app&mainClass=$_[0]&context=c1$_[2]", $_[1]) }

# The launcher is killed while jobs run: its drivers go on, reads go on.

my $before = job('pid', '', '&sync=true')->{json}{result};
my $finished = job('noop', '', '&sync=true')->{json}{jobId};
my $short = job('sleep', '{"ms": 300}', '')->{json}{jobId};
my $long = job('sleep', '{"ms": 60000}', '')->{json}{jobId};
my $parked = http_start('POST', '/jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=60',
                        '{"ms": 2500}');
wait_for('three jobs run', sub { @{http('GET', '/jobs?status=running')->{json}} >= 2 });
sleep 0.2;
kill_launcher();

my $began = time;
is(http('GET', "/jobs/$finished")->{json}{status}, 'FINISHED',
   'a job is read while the launcher is away');
is(http('GET', "/jobs/$long")->{json}{status}, 'RUNNING', 'one that runs, too');
is(http('GET', '/contexts/c1')->{json}{state}, 'RUNNING', 'a context is');
is_deeply(http('GET', '/contexts')->{json}, ['c1'], 'the contexts are');
is_deeply([keys %{http('GET', '/binaries')->{json}}], ['app'], 'the binaries are');
cmp_ok(time - $began, '<', 4, 'without waiting for the launcher');

$began = time;
my $refused = http('POST', '/quick/jobs?cp=app&mainClass=noop&context=c1');
is($refused->{status}, 503, 'a submission is refused when the launcher stays away');
like($refused->{headers}{'retry-after'} // '', qr/^\d+$/, 'and told when to come again');
json_like($refused->{body}, '{"status": "ERROR", "result": "<string>"}', 'in JSON');
my $took = time - $began;
cmp_ok($took, '>', 0.8, "after sparkjob_launcher_timeout (took $took s)");

my $early = http_start('POST', '/jobs?cp=app&mainClass=noop&context=c1&sync=true');
sleep 0.2;
start_launcher();

my $late = http_finish($early);
is($late->{status}, 200, 'a submission that came shortly before the launcher is done');
is(http_finish($parked)->{json}{result} ? 1 : 0, 1,
   'a request that waits survives the launcher');
ok(wait_job($short, 'FINISHED'), 'a job that ended meanwhile is reported');
is(http('GET', "/jobs/$long")->{json}{status}, 'RUNNING', 'a job that runs still runs');
is(job('pid', '', '&sync=true')->{json}{result}, $before, 'in the same driver');
is(http('DELETE', "/jobs/$long")->{json}{status}, 'KILLED', 'it can be killed');
ok(wait_job($long, 'KILLED'), 'and is');
is(job('runs', '', '&sync=true')->{json}{result}, 9, 'no job has run twice, nor the one that was refused');
is_deeply(http('GET', '/contexts')->{json}, ['c1'], 'the context is the same');

# Killed again and again while jobs come in: none is lost, none runs twice.

my $runs = job('runs', '', '&sync=true')->{json}{result};
my @jobs;
for my $round (1 .. 3) {
    my @started = map { http_start('POST',
        '/jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=20', '{"ms": 50}') } 1 .. 3;
    sleep 0.02 * $round;
    kill_launcher();
    start_launcher();
    push @jobs, map { http_finish($_) } @started;
}
is(scalar(grep { $_->{json}{result} } @jobs), 9, 'each submission is answered');
is(job('runs', '', '&sync=true')->{json}{result}, $runs + 10, 'and has run once');

# Killed while a context starts.

my $starts = http_start('POST', '/contexts/late?script.start=slow:1000');
wait_for('the driver has connected', sub { @{[drivers()]} == 2 });
sleep 0.5;
kill_launcher();
sleep 0.8;
start_launcher();
my $started = http_finish($starts);
is($started->{status}, 200, 'a context whose launcher died while it started') or diag($started->{body});
is(http('GET', '/contexts/late')->{json}{state}, 'RUNNING', 'runs');
is(scalar @{[drivers()]}, 2, 'with one driver');
is(http('DELETE', '/contexts/late')->{status}, 200, 'and can be stopped');

# New workers have no connection at first.

my %old = map { $_ => 1 } worker_pids();
kill 'HUP', master_pid();
my $sick = 0;
wait_for('only new workers are left', sub {
    $sick ||= http('GET', '/healthz')->{status} != 200;
    return !grep { $old{$_} } worker_pids();
});
for (1 .. 50) {
    $sick ||= http('GET', '/healthz')->{status} != 200;
    sleep 0.01;
}
ok(!$sick, 'a worker that has just started does not tell that its launcher is dead');

# A launcher that does not answer: what the zone knows is still told.

kill 'STOP', launcher_pid();
$began = time;
is(http('GET', "/jobs/$finished")->{status}, 200, 'a launcher that stands still');
cmp_ok(time - $began, '<', 4, 'does not hold up who reads');
ok(wait_for('it is found out', sub { http('GET', '/healthz')->{status} == 500 }), 'is not healthy');
like(http('GET', '/healthz')->{json}{result}, qr/^Required actors not alive: the launcher at \S+ has not said anything for \d+ ms$/,
     'and why is told');
kill 'CONT', launcher_pid();
ok(wait_for('it is found', sub { http('GET', '/healthz')->{status} == 200 }), 'healthy again');
is(job('noop', '', '&sync=true')->{json}{result} ? 1 : 0, 1, 'it goes on where it stood');

# The launcher is stopped and started: contexts have ended, jobs are remembered.

is(stop_launcher(), 0, 'the launcher stops');
is_deeply([drivers()], [], 'and its drivers with it');
start_launcher();
wait_for('the context has ended', sub { !@{http('GET', '/contexts')->{json} // [1]} });
is(http('GET', "/jobs/$finished")->{json}{result} ? 1 : 0, 1, 'a result outlives the launcher');
context('c1');
is(job('noop', '', '&sync=true')->{json}{result} ? 1 : 0, 1, 'work goes on');

__DATA__

=== TEST 1: nginx starts without its launcher, and says that it is away
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone garbage 1m unix:$TEST_NGINX_SPARKJOB_GARBAGE;
--- config
location / { sparkjob main; }
location /quick/ { sparkjob main; sparkjob_launcher_timeout 1s; }
location /garbage/ { sparkjob garbage; sparkjob_launcher_timeout 300ms; }
--- request
GET /healthz
--- error_code: 500
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 2: a submission waits a little, then is refused
--- request
POST /quick/jobs?cp=app&mainClass=noop
{}
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 3: an upload, too
--- request eval
"POST /quick/binaries/app\nPK\x03\x04 jar"
--- more_headers
Content-Type: application/java-archive
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 4: the creation of a context, too
--- request
POST /quick/contexts/c1
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 5: what was never known is not told to be empty
--- request
GET /quick/contexts
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 6: nor is a job told not to exist
--- request
GET /quick/jobs/7f2ac2c4-9c2c-4e7f-8f39-c1b5f9f0a001
--- error_code: 503
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 7: a peer that speaks something else is no launcher
--- request
POST /garbage/jobs?cp=app&mainClass=noop
{}
--- error_code: 503
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 8: a fault of the request itself needs no launcher
--- request
POST /jobs?mainClass=noop
--- error_code: 400
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 9: when the launcher comes everything works
--- init
main::start_launcher();
main::wait_for('the launcher is found', sub {
    main::http('GET', '/healthz')->{status} == 200
});
main::upload('app');
main::context('c1?max-jobs-per-context=16');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- json
{"jobId": "<id>", "result": true}
