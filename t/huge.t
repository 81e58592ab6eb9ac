use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

# What is huge must pass through worker and launcher without staying in their
# memory: a jar of 300 MB on its way in, a result of 200 MB on its way out.

my $mb = 1024 * 1024;
my $limit = 4 * 1024;       # kB

launcher();
run_tests();

sub worker_pids {
    open my $in, '<', server_root() . '/logs/nginx.pid' or die;
    my $master = <$in> + 0;
    return split ' ', `ps -o pid= --ppid $master`;
}

# The most memory that a process has ever had, in kB.

sub peak {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/status" or die "$pid: $!";
    return (map { /^VmHWM:\s+(\d+)/ } <$in>)[0];
}

my @processes = (launcher_pid(), worker_pids());

sub growth {
    my ($code) = @_;
    my %before = map { $_ => peak($_) } @processes;
    $code->();
    my ($most) = sort { $b <=> $a } map { peak($_) - $before{$_} } @processes;
    return $most;
}

# Small ones first, so that what is allocated once does not count.

upload("warm$_", "PK\3\4" . 'w' x (2 * $mb)) for 1 .. 4;
http('POST', '/jobs?cp=warm1&mainClass=big&context=c1&sync=true', '{"bytes": 3000000}')
    for 1 .. 4;

my $answer;
my $grown = growth(sub {
    my $sock = http_start('POST', '/binaries/huge', "PK\3\4",
                          'Content-Type' => 'application/java-archive',
                          'Content-Length' => 300 * $mb);
    my $block = join '', map { chr($_ % 251) } 1 .. $mb;
    print $sock substr $block, 4;
    print $sock $block for 2 .. 300;
    $sock->flush;
    $answer = http_finish($sock, 120);
});
is($answer->{status}, 201, 'a jar of 300 MB is accepted');
cmp_ok($grown, '<', $limit, "worker and launcher grow by less than 4 MB ($grown kB)");

my $job = http('POST', '/jobs?cp=huge&mainClass=big&context=c1&timeout=60',
               '{"bytes": ' . 200 * $mb . '}')->{json}{jobId};
wait_for('the result of 200 MB', sub {
    my $found = http('GET', '/jobs?limit=1&status=FINISHED')->{json}[0];
    $found && $found->{jobId} eq $job
}, 60);

my ($length, $got, $head) = (0, 0, '');
$grown = growth(sub {
    my $sock = http_start('GET', "/jobs/$job");
    while (my $n = sysread $sock, my $part, $mb) {
        $head .= $part if $got < 1000;
        $got += $n;
    }
});
like($head, qr/^HTTP\/1.1 200 /, 'a result of 200 MB comes down');
my ($said) = $head =~ /^Content-Length: (\d+)/mi;
is($got - index($head, "\r\n\r\n") - 4, $said // 'chunked', 'whole');
cmp_ok($got, '>', 200 * $mb, 'all of it');
cmp_ok($grown, '<', $limit, "worker and launcher grow by less than 4 MB ($grown kB)");

is(http('DELETE', '/binaries/huge')->{status}, 200, 'the jar can be deleted');

__DATA__

=== TEST 1: the server
--- config
location / { sparkjob main; client_max_body_size 400m; }
--- init
main::upload('app');
main::context('c1');
--- request
GET /contexts
--- json
["c1"]
