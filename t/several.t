use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher('one');
launcher('two', max_jobs_per_context => 1);
run_tests();

# Two launchers behind one nginx, below prefixes of their own: nothing is shared.

sub name { join ' ', sort map { ref ? $_->{name} : $_ } @{http('GET', "/$_[0]/contexts")->{json}} }

is(http('POST', "/$_/contexts/same")->{status}, 200, "a context of one name below /$_/") for qw(one two);
is(http('POST', '/two/contexts/more')->{status}, 200, 'another one below /two/');
is(name('one'), 'same', 'the first launcher has its own');
is(name('two'), 'more same', 'and so has the second');

is(http('POST', "/$_/binaries/app", "PK\3\4$_", 'Content-Type' => 'application/java-archive')->{status}, 201,
   "a binary below /$_/") for qw(one two);
my %id = map { $_ => http('POST', "/$_/jobs?cp=app&mainClass=noop&context=same&sync=true")->{json}{jobId} } qw(one two);
is(http('GET', "/one/jobs/$id{one}")->{status}, 200, 'a job is where it was submitted');
is(http('GET', "/two/jobs/$id{one}")->{status}, 404, 'and nowhere else');
is(join(' ', map { $_->{jobId} } @{http('GET', '/two/jobs')->{json}}), $id{two}, 'lists have what is of their launcher');

# One is away, the other is not held up by it.

kill_launcher('one');
is(http('POST', '/two/jobs?cp=app&mainClass=noop&context=same&sync=true')->{status}, 200, 'the other launcher goes on');
is(http('GET', "/one/jobs/$id{one}")->{status}, 200, 'reads of the first go on, too');
is(http('GET', '/two/healthz')->{status}, 200, 'one is well');
wait_for('the other is said to be away', sub { http('GET', '/one/healthz')->{status} == 500 });
start_launcher('one');
wait_for('it is back', sub { http('GET', '/one/healthz')->{status} == 200 });
wait_for('it ends the driver that it knows nothing of', sub { !drivers('one') });

__DATA__

=== TEST 1: each launcher has its zone and its prefix
--- http_config
sparkjob_zone one 4m unix:$TEST_NGINX_SPARKJOB_ONE;
sparkjob_zone two 4m unix:$TEST_NGINX_SPARKJOB_TWO;
--- config
location /one/ { sparkjob one; }
location /two/ { sparkjob two; }
--- request
GET /one/contexts
--- json
[]
