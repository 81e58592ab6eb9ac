use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use JSON::PP;

launcher();
run_tests();

my $file = test_dir() . '/audit.log';

sub as { my ($user, @request) = @_; http(@request[0, 1], $request[2] // '', 'X-User' => $user, @request[3 .. $#request]) }

# The lines that came since the last time, each as what it says.

my $read = 0;

sub lines {
    my ($wanted) = @_;
    my $text = '';
    wait_for("$wanted lines", sub {
        open my $in, '<', $file or return;
        seek $in, $read, 0;
        $text = do { local $/; <$in> } // '';
        return $text =~ tr/\n// >= $wanted;
    }) if $wanted;
    $read += length $text;
    is($text =~ tr/\n//, $wanted, "$wanted lines");
    unlike($text, qr/[^\x20-\x7e\n]/, 'of nothing but printable ASCII');
    return map {
        my $line = eval { JSON::PP->new->decode($_) } // {broken => $_};
        like(delete $line->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'with their time');
        is(delete $line->{client}, '127.0.0.1', 'and client');
        $line;
    } split /\n/, $text;
}

sub line {
    my ($what, %wanted) = @_;
    my ($line) = lines(1);
    is_deeply($line, \%wanted, $what) or diag(JSON::PP->new->canonical->encode($line));
}

lines(2);       # those of the blocks

as('ann', 'POST', '/contexts/c1?max-jobs-per-context=2');
my ($created) = lines(1);
like(delete $created->{id}, qr/^[0-9a-f-]{36}$/, 'a context has an id');
is_deeply($created, {user => 'ann', method => 'POST', route => '/contexts/*', name => 'c1', status => 200}, 'and a line');

my $job = as('ann', 'POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 600000}')->{json}{jobId};
line('a job', user => 'ann', method => 'POST', route => '/jobs', context => 'c1', id => $job, status => 202);
as('bob', 'DELETE', "/jobs/$job");
line('a kill', user => 'bob', method => 'DELETE', route => '/jobs/*', name => $job, status => 200);
as('bob', 'POST', "/contexts/c1?_method=DELETE");
line('a method in the query', user => 'bob', method => 'DELETE', route => '/contexts/*', name => 'c1', status => 200);
as('bob', 'DELETE', '/contexts/c1');
line('what is not there', user => 'bob', method => 'DELETE', route => '/contexts/*', name => 'c1', status => 404);
as('bob', 'POST', '/jobs?cp=app&mainClass=noop&context=none');
line('a job that never was has no id', user => 'bob', method => 'POST', route => '/jobs', context => 'none', status => 404);
as('bob', 'DELETE', '/jobs?before=2100-01-01T00:00:00Z');
line('a purge', user => 'bob', method => 'DELETE', route => '/jobs', status => 200);
as('', 'PUT', '/data?reset=reboot');
line('a change without a user', method => 'PUT', route => '/data', status => 200);

# What changes nothing has no line; what is denied has one.

as('bob', @$_) for ['GET', '/jobs'], ['HEAD', '/binaries'], ['GET', "/jobs/$job/log"], ['POST', '/jobs?_method=GET'], ['GET', '/nope'],
                   ['POST', '/nope'], ['PUT', '/jobs'];
select undef, undef, undef, 0.2;
lines(0);
as('guest', 'DELETE', '/binaries/app');
line('a role that is missing', user => 'guest', method => 'DELETE', route => '/binaries/*', name => 'app', denied => 'binaries', status => 403);
http('POST', '/basic/binaries/x', 'jar');
line('nginx itself has refused it', method => 'POST', route => '/binaries/*', name => 'x', status => 401);
http('POST', '/basic/binaries/x', 'jar', Authorization => 'Basic YWRtaW46eA==');
line('nobody is a user by saying so', method => 'POST', route => '/binaries/*', name => 'x', status => 401);
http('POST', '/small/jobs?cp=app', 'x' x 100);
line('a body that is too large', method => 'POST', route => '/jobs', status => 413);
as("guest", "DELETE", "/page/binaries/app");
line('an error_page, which is not for our own answers', user => 'guest', method => 'DELETE', route => '/binaries/*', name => 'app',
     denied => 'binaries', status => 403);
as('ann', 'DELETE', '/binaries/app?x=%ff');
line('a parameter that is none', method => 'DELETE', route => '/binaries/*', name => 'app', status => 400);
as('ann', 'DELETE', '/mirrored/binaries/none');
is_deeply([sort map { "$_->{route} $_->{status}" } lines(2)], ['/binaries/* 404', '/contexts/* 404'], 'requests within requests have a line each');
http('GET', '/basic/jobs');
http('DELETE', '/off/contexts/x');
as('ann', 'PUT', '/own/contexts/mine');
my ($own) = lines(1);
is($own->{name}, 'ann~mine', 'a context of one\'s own has the stored name');

# Nobody makes a line look like another one, or like two.

my $fake = '","status":200}%0A{"time":"x","user":"root';
for my $path ("/contexts/$fake", "/contexts/x%0D%0A%7B%22", "/binaries/a%22%5C%7f", "/contexts/%ff%fe",
              "/binaries/%e2%80%a8%c2%85%c2%9b", "/contexts/%f0%9f%92%a3") {
    my $line = (as('ann', 'DELETE', $path), lines(1))[-1];
    is($line->{user}, 'ann', "the user is who it is, $path");
    ok(length $line->{name}, 'the name is there');
}
for my $user ('x","user":"root', 'back\\slash', "\xc3\xa4\xe2\x80\xa8", "\xff\xfe", 'CN=ann,O="a, b"', "tab\tx") {
    my $line = (as($user, 'DELETE', '/binaries/none'), lines(1))[-1];
    my $utf8 = $user;
    utf8::decode($utf8);
    is($line->{user}, $utf8, 'as it is: ' . JSON::PP->new->ascii->allow_nonref->encode($user));
}

# A client that goes away.

my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
as('ann', 'POST', '/contexts/c2');
lines(1);
print $sock "POST /jobs?cp=app&mainClass=sleep&context=c2&sync=true HTTP/1.1\r\nHost: x\r\nX-User: ann\r\nContent-Length: 11\r\n\r\n{\"ms\":9000}";
wait_for('the job runs', sub { @{as('ann', 'GET', '/jobs?status=running')->{json}} });
close $sock;
my ($gone) = lines(1);
is($gone->{status}, 499, 'a client that goes away');
like($gone->{id}, qr/^[0-9a-f-]{36}$/, 'has left a job, by its id');

# The file is moved away, and nginx told so.

rename $file, "$file.1" or die $!;
kill 'USR1', master_pid();
ok(wait_for('another file', sub { -e $file }), 'nginx opens another file');
$read = 0;
wait_for('no worker has the old one open', sub { !grep { (readlink // '') eq "$file.1" } glob '/proc/[0-9]*/fd/*' });
my ($old, $new) = map { -s $_ } "$file.1", $file;
as('ann', 'DELETE', '/binaries/none') for 1 .. 20;
wait_for('twenty lines', sub { -s $file >= $new + 20 * 80 });
is(-s "$file.1", $old, 'and writes no more to the old one');

# A disk that is full: the request is served, and the log complains once.

is(http('DELETE', '/full/binaries/none')->{status}, 404, 'a line that cannot be written') for 1 .. 3;
open my $log, '<', test_dir() . '/nginx.log' or die;
my @complaints = grep { m{\[crit\].*/dev/full} } <$log>;
cmp_ok(scalar @complaints, '>=', 1, 'is complained about');
cmp_ok(scalar @complaints, '<=', 2, 'once by each worker');

__DATA__

=== TEST 1: changes are written down
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
map $http_x_user $no_user { "" 1; }
--- config
sparkjob_audit $TEST_NGINX_SPARKJOB_DIR/audit.log;
location / {
    sparkjob main;
    sparkjob_user $http_x_user;
    sparkjob_allow read guest;
    sparkjob_allow admin ~^(?!guest$) $no_user;

    location /own/   { sparkjob main; sparkjob_owner on; sparkjob_allow contexts all; }
    location /page/  { sparkjob main; error_page 403 =418 /teapot; }
}
location /basic/ {
    sparkjob main;
    sparkjob_user $remote_user;
    auth_basic x;
    auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/htpasswd;
}
location /small/ { sparkjob main; client_max_body_size 10; }
location /off/   { sparkjob main; sparkjob_audit off; }
location /full/  { sparkjob main; sparkjob_audit /dev/full; }
location /mirrored/ {
    sparkjob main;
    sparkjob_user $http_x_user;
    mirror /mirror/contexts/none;
    log_subrequest on;
}
location /mirror/ { internal; sparkjob main; sparkjob_user $http_x_user; log_subrequest on; }
location = /teapot { return 418 "teapot\n"; }
--- user_files
>>> htpasswd
admin:{PLAIN}secret
--- more_headers
X-User: ann
--- request
DELETE /binaries/app
--- error_code: 404
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 2: an upload
--- more_headers
X-User: ann
--- request eval
"POST /jars/app
PK\3\4 jar"
--- json
{"status": "SUCCESS", "result": "Jar uploaded"}
