use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use Time::HiRes qw(sleep);

launcher();
run_tests();

my @hops = qw(worker channel launcher link thread prepare job result link-back commit
              channel-back answer);

# What the header says, in milliseconds.

sub timing {
    my ($query, $body) = @_;
    my $answer = http('POST', "/jobs?cp=app&context=c1&sync=true&$query", $body);
    my $header = $answer->{headers}{'server-timing'} // '';
    my %times = $header =~ /([\w-]+);dur=(\d+\.\d{3})(?:, |$)/g;
    my @names = $header =~ /([\w-]+);dur=/g;
    return (\%times, \@names, $answer);
}

sub sum {
    my $sum = 0;
    $sum += $_ for @_;
    return $sum;
}

my ($times, $names) = timing('mainClass=noop');
is("@$names", 'driver', 'who asks for no trace is told of the run only');

for (['one that is answered at its end', 50], ['one that takes longer', 700]) {
    my ($what, $ms) = @$_;
    my $began = Time::HiRes::time();
    ($times, $names) = timing('mainClass=sleep&trace=true', qq({"ms": $ms}));
    my $took = (Time::HiRes::time() - $began) * 1000;

    is("@$names", "driver @hops total", "$what tells of each hop");
    cmp_ok(abs(sum(@$times{@hops}) - $times->{total}), '<', .001, '... and of nothing twice');
    cmp_ok($times->{job}, '>=', $ms, '... of the time within the job');
    cmp_ok($times->{total}, '<=', $took, '... and of no more than it took');
    is(scalar(grep { $times->{$_} == 0 } qw(worker link thread commit)), 0,
       '... and that nothing takes no time');
}

# A driver whose clock is another one: what it says is still no more than the time that it had.

for (1 << 40, -(1 << 30), (1 << 62), -(1 << 62)) {
    ($times, $names) = timing('mainClass=sleep&trace=true', qq({"ms": 50, "clock": $_}));
    is("@$names", "driver @hops total", "a clock that is $_ us off: each hop");
    cmp_ok(abs(sum(@$times{@hops}) - $times->{total}), '<', .001, '... and of nothing twice');
    cmp_ok($times->{job}, '>=', 50, '... and the time within the job') if abs($_) < 1 << 50;
}

($times, $names) = timing('mainClass=throw&trace=true');
is("@$names", "driver @hops total", 'a job that throws has a trace');

($times, $names, my $answer) = timing('mainClass=notfound&trace=true');
is($answer->{status}, 404, 'one that is refused');
is("@$names", '', '... has none');

($times, $names, $answer) = timing('mainClass=sleep&trace=true&timeout=0', '{"ms": 300}');
is($answer->{status}, 202, 'nor has one whose end is not waited for');
wait_job($answer->{json}{jobId}, 'FINISHED');

# While all slots are taken the trace tells of the time in the queue, as the launcher's.

my @others = map {
    http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 60000}')->{json}{jobId}
} 1 .. 2;
wait_job($_, 'RUNNING') for @others;
my $queued = http_start('POST', '/jobs?cp=app&mainClass=noop&context=c1&sync=true&trace=true');
wait_for('a job has to queue', sub { @{http('GET', '/jobs?status=started')->{json}} });
sleep .2;
http('DELETE', "/jobs/$_") for @others;
my ($launcher) = http_finish($queued)->{headers}{'server-timing'} =~ /launcher;dur=([\d.]+)/;
cmp_ok($launcher, '>=', 200, 'the time in the queue is the launcher\'s');

__DATA__

=== TEST 1: a context
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1?max-jobs-per-context=2&max-queued-jobs=10');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true&trace=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~trace"}


=== TEST 2: without sync there is nothing to trace
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&trace=true
--- error_code: 202
--- response_headers
Server-Timing:
--- json
{"status": "STARTED", "...": 1}
