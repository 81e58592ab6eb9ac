use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

my $job = http('POST', '/jobs?cp=app&mainClass=progress&context=c1', '{"tasks": 7, "ms": 2000}')->{json}{jobId};
my $progress = wait_for('the last task is told of', sub {
    my $p = http('GET', "/jobs/$job")->{json}{progress};
    return $p && $p->{percent} == 100 && $p;
});
is_deeply($progress, {stages => 1, stagesDone => 0, tasks => 7, tasksDone => 7, tasksFailed => 0, percent => 100},
          'the progress of a job that runs');
is_deeply(http('GET', '/jobs?limit=1')->{json}[0]{progress}, $progress, 'is in the list');
my $stream = http_finish(http_start('GET', "/jobs/$job/events"))->{body};
like($stream, qr/^event: job\r?\n?data: .*"progress":\{"stages":1,.*"percent":100\}/m, 'and in the events');
is_deeply(wait_job($job, 'FINISHED')->{progress}, $progress, 'and stays when it has ended');

my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
print $sock "GET /events?kind=job HTTP/1.0\r\n\r\n";
$stream = '';
sub read_until { 1 while $stream !~ $_[0] && sysread $sock, $stream, 65536, length $stream }
read_until(qr/^id: /m);
$job = http('POST', '/jobs?cp=app&mainClass=progress&context=c1&sync=true', '{"tasks": 300, "ms": 0}')->{json}{jobId};
read_until(qr/"$job".*"FINISHED"/);
my @percent = $stream =~ /^event: progress\ndata: \{"jobId":"$job",.*"percent":(\d+)\}$/mg;
cmp_ok(scalar @percent, '>', 1, 'a short one is told of, too');
is_deeply(\@percent, [sort { $a <=> $b } @percent], "it only grows (@percent)");

__DATA__

=== TEST 1: a job without any Spark work has none
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1');
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- json
{"jobId": "<id>", "result": true}
--- save
job jobId


=== TEST 2: in its report
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "startTime": "<time>", "classPath": "noop", "context": "c1", "contextId": "<id>", "duration": "<duration>", "status": "FINISHED", "result": true}
