use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

sub run_job {
    my ($class, $body) = @_;
    return http('POST', "/jobs?cp=app&mainClass=$class&context=c1&sync=true", $body // '');
}

# More jobs than the zone holds: the oldest are evicted, the answers stay right.

my @ids;
for my $round (1 .. 150) {
    my @some = map { http_start('POST', '/jobs?cp=app&mainClass=value&context=c1&sync=true',
                                '{"value": "' . "$round-$_-" . 'v' x 400 . '"}') } 1 .. 4;
    push @ids, map { http_finish($_)->{json}{jobId} } @some;
}
is(scalar(grep { defined } @ids), 600, '600 jobs have run');

for my $i (0, 1, 299, 598, 599) {
    my $report = http('GET', "/jobs/$ids[$i]");
    is($report->{json}{status}, 'FINISHED', "job $i is known");
    like($report->{json}{result}, qr/^\d+-\d+-v{400}$/, 'with its result');
}
is(scalar @{http('GET', '/jobs?limit=600')->{json}}, 600, 'the list is whole');
is(http('DELETE', "/jobs/$ids[0]")->{json}{result}, "No running job with ID $ids[0]",
   'an evicted job is known to have ended');
is(http('GET', "/jobs/$ids[0]/config")->{status}, 200, 'and has its configuration');

# Results that take much of the zone, or more than all of it.

for my $bytes (20_000, 60_000) {
    my @big = map { run_job('big', qq({"bytes": $bytes}))->{json}{jobId} } 1 .. 10;
    is(scalar(grep { length(http('GET', "/jobs/$_")->{json}{result}) == $bytes } @big),
       10, "ten results of $bytes bytes");
}
is(http('GET', '/contexts/c1')->{json}{state}, 'RUNNING', 'the context is not evicted');

# Binaries cannot be evicted: they must be there, whatever jobs do.

upload("bin$_", "PK\3\4 $_") for 1 .. 200;
run_job('noop') for 1 .. 20;
is(scalar keys %{http('GET', '/binaries')->{json}}, 201, '200 binaries beside jobs');
http('DELETE', "/binaries/bin$_") for 1 .. 200;
is_deeply([keys %{http('GET', '/binaries')->{json}}], ['app'], 'all of them can be deleted');

# Both workers see the same, at once.

my $seen = 0;
for (1 .. 30) {
    my $id = run_job('noop')->{json}{jobId};
    $seen++ if 4 == grep { http('GET', "/jobs/$id")->{json}{status} eq 'FINISHED' } 1 .. 4;
}
is($seen, 30, 'who was answered finds its job finished in every worker');

# Readers while writers evict.

my @writers = map { http_start('POST', '/jobs?cp=app&mainClass=big&context=c1&sync=true',
                               '{"bytes": 30000}') } 1 .. 8;
my $whole = grep { ref http('GET', '/jobs?limit=100')->{json} eq 'ARRAY' } 1 .. 20;
http_finish($_) for @writers;
is($whole, 20, 'a list that is read while jobs are evicted is whole');

# A worker that is killed.

my @workers = worker_pids();
expect_log(qr/worker process \d+ exited on signal 9/);
kill 'KILL', $workers[0];
wait_for('a new worker', sub {
    my @now = worker_pids();
    @now == 2 && !grep { $_ == $workers[0] } @now
});
for (1 .. 10) {
    my $id = run_job('noop')->{json}{jobId};
    $seen-- if http('GET', "/jobs/$id")->{json}{status} ne 'FINISHED';
}
is($seen, 30, 'a worker that is killed leaves a zone that the others can use');

# A reload keeps it.

kill 'HUP', master_pid();
wait_for('new workers', sub {
    !grep { my $old = $_; grep { $_ == $old } worker_pids() }
    @workers[1 .. $#workers]
});
is(http('GET', "/jobs/$ids[599]")->{json}{status}, 'FINISHED', 'a reload loses no job');
is(run_job('noop')->{json}{result} ? 1 : 0, 1, 'and none after it');

__DATA__

=== TEST 1: a zone that is small
--- http_config
sparkjob_zone main 256k unix:$TEST_NGINX_SPARKJOB_MAIN;
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1?max-jobs-per-context=16');
--- request
GET /contexts
--- json
["c1"]
--- no_error_log
no memory
