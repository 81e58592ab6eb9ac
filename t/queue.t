use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', dao => 'sqlite');
run_tests();

sub job { http('POST', "/jobs?cp=app&mainClass=$_[0]&context=q$_[2]", $_[1]) }

# A queue of four behind one slot.

context('q?max-jobs-per-context=1&max-queued-jobs=4');
my $first = job('sleep', '{"ms": 60000}', '')->{json}{jobId};
my @queued = map { job('value', qq({"value": $_}), '')->{json} } 1 .. 3;
is_deeply([map { $_->{queuePosition} } @queued], [1, 2, 3], 'each is told its place');
is($queued[0]{status}, 'STARTED', 'and its state');
my $sync = http_start('POST', '/jobs?cp=app&mainClass=value&context=q&sync=true&timeout=20', '{"value": 4}');
wait_for('the queue is full', sub { @{http('GET', '/jobs?status=started')->{json}} == 4 });

my $full = job('noop', '', '');
is($full->{json}{status}, 'NO SLOTS AVAILABLE', 'a full queue');
is($full->{json}{result}, "Too many queued jobs (4) for job context 'q'", 'is told as such');
like($full->{headers}{'retry-after'} // '', qr/^\d+$/, 'with when to come again');

is(http('GET', "/jobs/$queued[2]{jobId}")->{json}{queuePosition}, 3, 'the place is in the report');
is(http('GET', "/jobs/$queued[2]{jobId}")->{json}{status}, 'STARTED', 'of a job that has started');
my ($row) = grep { $_->{jobId} eq $queued[0]{jobId} } @{http('GET', '/jobs')->{json}};
is($row->{queuePosition}, 1, 'and in the list');

# A job that is killed while it waits: those behind it move up.

is(http('DELETE', "/jobs/$queued[0]{jobId}")->{json}{status}, 'KILLED', 'one can be killed');
ok(wait_job($queued[0]{jobId}, 'KILLED'), 'which it is at once');
is(http('GET', "/jobs/$queued[0]{jobId}")->{json}{queuePosition}, undef, 'it has no place any more');
is(http('GET', "/jobs/$queued[2]{jobId}")->{json}{queuePosition}, 2, 'the others move up, seen from every worker')
    for 1 .. 4;

# The slot becomes free.

is(http('DELETE', "/jobs/$first")->{json}{status}, 'KILLED', 'the job that runs is killed');
is(http_finish($sync)->{json}{result}, 4, 'who waited for a queued job has its result');
is(http('GET', "/jobs/$queued[2]{jobId}")->{json}{result}, 3, 'those before it have run');
is(http('GET', "/jobs/$queued[2]{jobId}")->{json}{queuePosition}, undef, 'and have no place');

# One that waits longer than its client.

my $slow = job('sleep', '{"ms": 60000}', '')->{json}{jobId};
my $late = job('value', '{"value": 6}', '&sync=true&timeout=1');
is($late->{status}, 202, 'a wait that ends in the queue');
is($late->{json}{queuePosition}, 1, 'tells the place');
is($late->{headers}{location}, "/jobs/$late->{json}{jobId}", 'and where to look');
http('DELETE', "/jobs/$slow");
ok(wait_job($late->{json}{jobId}, 'FINISHED'), 'the job runs');

# Validation that the client does not wait for.

my $async = job('invalid', '', '&validate=async');
is($async->{status}, 202, 'a job that is answered before its validation');
is($async->{json}{status}, 'STARTED', 'has started');
my $report = wait_job($async->{json}{jobId}, 'ERROR');
like($report->{result}{message}, qr/No input.string/, 'and ends as it says');
is(job('invalid', '', '&validate=sync')->{status}, 400, 'otherwise it is refused');
is(job('value', '{"value": 7}', '&validate=async&sync=true')->{json}{result}, 7, 'who waits waits for the end');
is(job('invalid', '', '&validate=async&sync=true')->{status}, 400, 'so the validation is told');

# The launcher dies: the place is still told, and taken up again by the next one.

my $runs = job('sleep', '{"ms": 60000}', '')->{json}{jobId};
my @waits = map { job('value', qq({"value": $_}), '')->{json}{jobId} } 1 .. 2;
kill_launcher();
wait_for('the workers have noticed', sub { http('GET', '/healthz')->{status} == 500 }) for 1 .. 4;
is(http('GET', "/jobs/$waits[1]")->{json}{queuePosition}, 2, 'a place in the queue of a launcher that is away');
start_launcher();
wait_for('the workers have found it', sub { http('GET', '/healthz')->{status} == 200 }) for 1 .. 4;
ok(wait_for('its driver has come back', sub { (http('GET', "/jobs/$waits[1]")->{json}{queuePosition} // 0) == 2 }),
   'is kept by the next one');
http('DELETE', "/jobs/$runs");
ok(wait_job($waits[1], 'FINISHED'), 'where its turn comes');

__DATA__

=== TEST 1: without a queue a full context is told at once
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('tight?max-jobs-per-context=1');
main::http('POST', '/jobs?cp=app&mainClass=sleep&context=tight', '{"ms": 60000}');
--- request
POST /jobs?cp=app&mainClass=noop&context=tight
--- error_code: 503
--- json
{"status": "NO SLOTS AVAILABLE", "result": "Too many running jobs (1) for job context 'tight'"}


=== TEST 2: validate says how
--- request
POST /jobs?cp=app&mainClass=noop&context=tight&validate=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'validate' was malformed:\\n'maybe' is neither 'async' nor 'sync'"}
