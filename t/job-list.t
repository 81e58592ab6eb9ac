use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('main', dao => 'sqlite');
run_tests();

sub job { http('POST', "/jobs?cp=app&mainClass=$_[0]&context=$_[1]&sync=true", $_[2] // '', 'X-User' => $_[3] // '') }
sub ids { [map { $_->{jobId} } @{http('GET', $_[0])->{json}}] }
sub encode { $_[0] =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger }

# Walks all pages from a first one; returns the ids.

sub pages {
    my ($url) = @_;
    my @ids;
    for (1 .. 100) {
        my $answer = http('GET', $url);
        push @ids, map { $_->{jobId} } @{$answer->{json}};
        my $link = $answer->{headers}{link} // return \@ids;
        $link =~ /^<([^>]+)>; rel="next"$/ or die "bad link: $link";
        $url = $1;
    }
    die "pages without end";
}

my (@ids, %times);
for my $n (1 .. 24) {
    my $class = $n % 2 ? 'value' : 'noop';
    my $answer = job($class, $n % 3 ? 'c1' : 'c2', '', $n % 4 ? 'joe' : 'ann')->{json};
    unshift @ids, $answer->{jobId};
}
my @failed = map { job('throw', 'c1', '{"message": "' . 'm' x 22_000 . '"}')->{json}{jobId} } 1, 2;
unshift @ids, reverse @failed;
$times{$_->{jobId}} = $_->{startTime} for @{http('GET', '/jobs')->{json}};

# Each filter, as the zone and as the launcher know it.  A second location has
# a zone that holds next to nothing.

for my $at ('', '/small') {
    my $where = $at ? 'launcher' : 'zone';
    my %n = reverse map { ($_, $ids[26 - $_]) } 1 .. 26;    # id => number

    is_deeply(ids("$at/jobs"), \@ids, "$where: all jobs, the newest first");
    is_deeply(ids("$at/jobs?context=c2"), [grep { $n{$_} <= 24 && $n{$_} % 3 == 0 } @ids], "$where: by context");
    is_deeply(ids("$at/jobs?user=ann"), [grep { $n{$_} <= 24 && $n{$_} % 4 == 0 } @ids], "$where: by user");
    is_deeply(ids("$at/jobs?mainClass=value"), [grep { $n{$_} <= 24 && $n{$_} % 2 } @ids], "$where: by class");
    is_deeply(ids("$at/jobs?classPath=value"), ids("$at/jobs?mainClass=value"), "$where: by its old name");
    is_deeply(ids("$at/jobs?status=error"), [reverse @failed], "$where: by state");
    is_deeply(ids("$at/jobs?context=c1&user=joe&mainClass=value&status=finished"),
              [grep { $n{$_} <= 24 && $n{$_} % 3 && $n{$_} % 4 && $n{$_} % 2 } @ids], "$where: by all of them");
    is_deeply(ids("$at/jobs?context=none"), [], "$where: by what is not there");
    is_deeply(ids("$at/jobs?status=none"), [], "$where: by what cannot be");
    is_deeply(ids("$at/jobs?limit=0"), [], "$where: none");

    my ($from, $to) = @times{@ids[15, 5]};
    my @between = grep { $times{$_} ge $from && $times{$_} le $to } @ids;
    is_deeply(ids("$at/jobs?from=$from&to=$to"), \@between, "$where: by time, both ends included");
    (my $zone = $from) =~ s/Z$/+00:00/;
    is_deeply(ids("$at/jobs?from=" . encode($zone) . "&to=$to"), \@between, "$where: with an offset");
    is_deeply(ids("$at/jobs?from=$zone&to=$to"), \@between, "$where: whose plus was not encoded");
    is_deeply(ids("$at/jobs?to=1"), [], "$where: before all of them");
    is_deeply(ids("$at/jobs?from=32503680000000"), [], "$where: after all of them");

    for my $limit (1, 5, 13, 26) {
        is_deeply(pages("$at/jobs?limit=$limit"), \@ids, "$where: pages of $limit");
    }
    is_deeply(pages("$at/jobs?limit=3&context=c2&status=FINISHED"), ids("$at/jobs?context=c2"),
              "$where: pages of what a filter leaves");
    is_deeply(pages("$at/jobs?limit=4&from=$from&to=$to"), \@between, "$where: of a time");
    for my $context ($at ? () : ('c1', 'c2')) {
        my $all = @{ids("$at/jobs?context=$context")};
        is(http('GET', "$at/jobs?context=$context&limit=$all")->{headers}{link}, undef,
           "$where: nor has one behind which is nothing of $context");
    }
    is(http('GET', "$at/jobs?limit=26")->{headers}{link}, undef, "$where: the last page has no next one")
        if !$at;
}

my $link = http('GET', '/jobs?limit=2&context=c1&x=%22%3E%20')->{headers}{link};
like($link, qr{^</jobs\?limit=2&context=c1&x=%22%3E%20&cursor=\d+\.[0-9a-f-]{36}>; rel="next"$},
     'the link has the parameters, encoded');
my ($next) = $link =~ /<([^>]+)>/;
like(http('GET', $next)->{headers}{link}, qr{^</jobs\?limit=2&context=c1&x=%22%3E%20&cursor=\S+>; rel="next"$},
     'and but one cursor');
like(http('GET', '/small/jobs?limit=1')->{headers}{link}, qr{^</small/jobs\?limit=1&cursor=},
     'it holds below a prefix');

# A job that the cursor names need not exist any longer.

my ($cursor) = http('GET', '/jobs?limit=10')->{headers}{link} =~ /cursor=([\w.-]+)/;

# A purge of what has ended.

my $before = encode($times{$ids[10]});
my $purged = http('DELETE', "/jobs?before=$before&status=FINISHED&context=c2");
is($purged->{status}, 200, 'a purge');
my ($count) = $purged->{json}{result} =~ /^(\d+) jobs deleted$/;
is($purged->{json}{status}, 'SUCCESS', 'succeeds');
my @left = @{ids('/jobs?limit=1000')};
is(scalar @left, 26 - $count, 'and tells how many have gone');
cmp_ok($count, '>=', 3, 'some have');
is(scalar(grep { $_ ne 'c1' } map { http('GET', "/jobs/$_")->{json}{context} } @left[11 .. $#left]), 0,
   'none of that context is left there');
is_deeply(ids('/small/jobs?limit=1000'), \@left, 'the other zone knows');
my %left = map { $_ => 1 } @left;
my ($gone) = grep { !$left{$_} } @ids;
is(http('GET', "/jobs/$gone")->{status}, 404, 'what was deleted is not found');
is(http('GET', "/jobs/$gone/config")->{status}, 404, 'nor its configuration');
is(http('GET', "/jobs?cursor=$cursor")->{status}, 200, 'a cursor from before it is good');

my $runs = http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 60000}')->{json}{jobId};
is(http('DELETE', '/jobs?before=2999-01-01T00:00:00Z')->{json}{result}, scalar(@left) . ' jobs deleted',
   'a purge of all');
is_deeply(ids('/jobs'), [$runs], 'leaves what has not ended');
is(http('DELETE', '/jobs?before=0')->{json}{result}, '0 jobs deleted', 'nothing can be deleted twice');

__DATA__

=== TEST 1: two zones for one launcher
--- http_config
sparkjob_zone main 4m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone small 128k unix:$TEST_NGINX_SPARKJOB_MAIN;
--- config
location / { sparkjob main; sparkjob_user $http_x_user; }
location /small/ { sparkjob small; }
--- init
main::upload('app');
main::context($_) for qw(c1 c2);
--- request
GET /jobs
--- json
[]


=== TEST 2: a limit that is none
--- request
GET /jobs?limit=many
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'limit' was malformed"}


=== TEST 3: a limit above what is given at once
--- request
GET /jobs?limit=2000000
--- json
[]


=== TEST 4: a time that is none
--- request
GET /jobs?from=yesterday
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'from' was malformed:\\n'yesterday' is neither an instant"}


=== TEST 5: a day that is none
--- request
GET /jobs?to=2026-04-31T00:00:00Z
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'to' was malformed"}


=== TEST 6: a time without a zone
--- request
GET /jobs?to=2026-04-30T00:00:00
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'to'"}


=== TEST 7: a zone that is none
--- request
GET /jobs?to=2026-04-30T00:00:00%2B99:00
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'to'"}


=== TEST 8: a fraction of any length
--- request
GET /jobs?to=2026-04-30T00:00:00.123456789-05:30
--- json
[]


=== TEST 9: a cursor that no list has given
--- request
GET /jobs?cursor=17
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'cursor' was malformed:\\n'17' is none that a list has given"}


=== TEST 10: one with half an id
--- request
GET /jobs?cursor=17.0123-4567
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'cursor'"}


=== TEST 11: a context that is too long
--- request eval
'GET /jobs?context=' . 'c' x 256
--- error_code: 400
--- json
{"status": "ERROR", "result": "~context is too long"}


=== TEST 12: a purge has to say of what
--- request
DELETE /jobs
--- error_code: 400
--- json
{"status": "ERROR", "result": "Request is missing required query parameter 'before'"}


=== TEST 13: a purge before no time
--- request
DELETE /jobs?before=long%20ago
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'before'"}


=== TEST 14: a purge of what has not ended
--- request
DELETE /jobs?before=0&status=RUNNING
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'status' was malformed:\\n'RUNNING' is no state of jobs that have ended"}
