use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $module = dirname(dirname(abs_path(__FILE__))) . '/ngx_http_sparkjob_module';

launcher();
run_tests();

sub as { my ($user, @request) = @_; http(@request[0, 1], $request[2] // '', 'X-User' => $user) }

# Which role each route needs, read out of the route table; every other role is of no use there.

my %Role = (READ => 'read', SUBMIT => 'submit', CONTEXTS => 'contexts', BINARIES => 'binaries', ADMIN => 'admin');
my %Method = (get => 'GET', delete => 'DELETE', purge => 'DELETE', put => 'PUT', replace => 'PUT', post => 'POST');
open my $table, '<', "$module/ngx_http_sparkjob_route.c" or die $!;
my @routes = do { local $/; <$table> =~ /^ {4}ngx_http_sparkjob_(\w+)\("([^"]+)",\s*\w+,\s*(\w+)\)/mg };
cmp_ok(@routes / 3, '>=', 28, 'the route table is understood');

while (my ($kind, $pattern, $column) = splice @routes, 0, 3) {
    next if $column eq 'NO_ROLE';
    my $method = $Method{$kind};
    my $role = $kind =~ /^p(?:urge|ut)$/ ? 'admin' : $Role{$column};
    my $path = $pattern =~ s/\*\*?|~/x/gr;
    my $route = $pattern =~ s/\*\*|~/*/gr;
    my $ask = $path eq '/events' ? 'HEAD' : $method;    # a stream has no end

    for my $user ('read', 'submit', 'contexts', 'binaries', 'nobody') {
        if ($user eq $role) {
            isnt(as($user, $ask, $path)->{status}, 403, "$method $path with the role $role");
            next;
        }
        my $answer = as($user, $method, $path);
        is($answer->{status}, 403, "$method $path is refused to $user");
        is($answer->{json}{result}, "User '$user' may not $method $route: it needs the role '$role'",
           'and says what is missing');
    }
    isnt(as('admin', $ask, $path)->{status}, 403, "$method $path as admin");
    is(http($method, $path)->{json}{result}, "Without a user nobody may $method $route: it needs the role '$role'",
       "$method $path without a user");
}

# The same with tricks.

for (['GET', '//jobs'], ['GET', '/x/../jobs'], ['GET', '/%6aobs'], ['GET', '/jobs?x=/healthz'], ['HEAD', '/jobs'],
     ['GET', '/jobs/.'], ['GET', '/./jobs'], ['POST', '/jobs?_method=GET'], ['POST', '/jobs?_method=get'],
     ['POST', '/jobs/x?_method=DELETE'], ['POST', '/contexts/c?_method=PUT'],
     ['POST', '/contexts/c?_method=delete'], ['DELETE', '/binaries/a%2Fb'], ['DELETE', '/data/%2Fetc%2Fpasswd'],
     ['DELETE', '/data//etc/passwd'], ['POST', '/binaries/healthz'], ['PUT', '/contexts/%68ealthz'],
     ['GET', '/contexts/healthz/log'], ['POST', '/data?_method=PUT&reset=reboot'])
{
    is(as('nobody', @$_)->{status}, $_->[1] eq '/jobs/.' ? 404 : 403, "@$_ with no role");
}
for (['/jobs/x?%5fmethod=DELETE', 'DELETE /jobs/*'], ['/contexts/c?_method=&_method=DELETE', 'DELETE /contexts/*'],
     ['/contexts/c?_method=PUT&_method=GET', 'PUT /contexts/*'], ['/jobs?_method=GET&_method=DELETE', 'GET /jobs'],
     ['http://localhost/jobs?_method=DELETE', 'DELETE /jobs'])
{
    like(as('nobody', 'POST', $_->[0])->{json}{result}, qr/^User 'nobody' may not \Q$_->[1]\E: /, "POST $_->[0] is $_->[1]");
}
is(as('read', 'POST', '/jobs?_method=GET')->{status}, 200, 'a read in a POST is a read');
for (['GET', '/JOBS'], ['GET', '/jobs%2f'], ['GET', '/jobs%00'], ['GET', '/jobs;x'], ['GET', '/healthz/../jobs%2fx/log/'],
     ['GET', '/jobs/x/'], ['GET', '/contexts/'])
{
    like(as('nobody', @$_)->{status}, qr/^40[04]$/, "@$_ is no route at all");
}
for (['PATCH', '/jobs'], ['POST', '/jobs?_method=HEAD'], ['TRACE', '/jobs'], ['PROPFIND', '/jobs']) {
    like(as('nobody', @$_)->{status}, qr/^405$/, "@$_ is no method");
}

# Whose name is nearly another's.

for my $user ('Admin', 'admin ', ' admin', 'adminx', 'admi', 'read,admin', '$admin', 'all', '~.', "admin\x{c2}\x{a0}") {
    my $want = $user =~ /^ ?admin ?$/ ? qr/^200$/ : qr/^403$/;      # blanks around a header are not its value
    like(as($user, 'GET', '/jobs')->{status}, $want, "user \"$user\"");
}
is(as("ann", 'GET', '/jobs')->{status}, 200, 'an expression');
is(as("ANN", 'GET', '/jobs')->{status}, 403, 'with regard to case');
is(as("BOB.x", 'GET', '/jobs')->{status}, 200, 'another one without');
is(as("bob.x\x{ff}", 'GET', '/jobs')->{status}, 400, 'no user is one that is not UTF-8');

# An upload that is refused is not read, and its connection can be used again.

my $refused = http('POST', '/binaries/app', 'x' x 300_000, 'X-User' => 'read', 'Content-Type' => 'application/java-archive');
is($refused->{status}, 403, 'a large upload without the role');
is_deeply(as('read', 'GET', '/binaries')->{json}, {}, 'was not stored');

# What is refused does not spoil its connection, whatever its body looks like.

my $inside = "DELETE /contexts/c1 HTTP/1.1\r\nHost: localhost\r\nX-User: admin\r\n\r\n";
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
print $sock "POST /contexts/c1 HTTP/1.1\r\nHost: localhost\r\nX-User: read\r\nContent-Length: ", length $inside, "\r\n\r\n", $inside,
            "GET /contexts HTTP/1.1\r\nHost: localhost\r\nX-User: submit\r\nConnection: close\r\n\r\n";
$sock->flush;
my $raw = do { local $/; <$sock> };
is_deeply([$raw =~ /may not (\S+ \S+):/g], ['POST /contexts/*', 'GET /contexts'], 'a request in the body of a refused one is none');

# A variable that gives roles, or is a condition.

sub roles { http('GET', '/roles' . $_[0], '', 'X-Roles' => $_[1])->{status} }
is(roles('/jobs', 'read'), 200, 'a role in a variable');
is(roles('/jobs', 'users,read'), 200, 'among others');
is(roles('/jobs', 'users read x'), 200, 'with blanks between');
is(roles('/contexts?reset=reboot', 'admin'), 200, 'admin in a variable');
is(roles('/jobs', $_), 403, "no role is \"$_\"") for '', 'reader', 'Read', 'read/', 'users', ',', ' ,, ', 'none', 'all', '0';
sub staff { http($_[0], "/staff$_[1]", '', 'X-Staff' => $_[2])->{status} }
is(staff('GET', '/jobs', '1'), 200, 'a condition that holds');
is(staff('GET', '/jobs', '0'), 403, 'one that does not');
is(staff('GET', '/jobs', ''), 403, 'one that is empty');
is(staff('DELETE', '/contexts/x', '1'), 403, 'roles that it does not give');
is(http('GET', '/late/jobs')->{status}, 200, 'a variable that was read before it had this value');
is(http('DELETE', '/late/contexts/x')->{status}, 403, 'a condition that held before');
is(http('GET', '/inner/jobs', '', 'X-User' => 'admin')->{status}, 403, 'rules of a location replace those around it');
is(http('GET', '/inner/jobs', '', 'X-User' => 'ivy')->{status}, 200, 'as a whole');
is(http('GET', '/open/jobs')->{status}, 200, 'without rules everything is allowed');
is(http('PUT', '/open/contexts?reset=reboot')->{status}, 200, 'to everybody');

__DATA__

=== TEST 1: a role by the user's name
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
map $stage $roles_now { volatile; late read; }
map $stage $staff_now { volatile; early 1; }
server {
    listen $TEST_NGINX_SPARKJOB_SECOND_PORT;
    location / { sparkjob main; }
}
--- config
location / {
    sparkjob main;
    sparkjob_user $http_x_user;
    sparkjob_allow read read ~^ann$ ~*^bob\.;
    sparkjob_allow submit submit;
    sparkjob_allow contexts contexts;
    sparkjob_allow binaries binaries;
    sparkjob_allow admin admin;

    location /inner/ { sparkjob main; sparkjob_allow read ivy; }
}
location /roles/ { sparkjob main; sparkjob_allow $http_x_roles all; }
location /staff/ { sparkjob main; sparkjob_allow read,submit ${http_x_staff}; }
location /open/  { sparkjob main; }
location /late/ {
    sparkjob main;
    sparkjob_allow $roles_now all;
    sparkjob_allow contexts $staff_now;
    set $stage early;
    set $seen $roles_now$staff_now;
    set $stage late;
}
--- more_headers
X-User: read
--- request
GET /jobs
--- json
[]


=== TEST 2: another user
--- more_headers
X-User: submit
--- request
GET /jobs
--- error_code: 403
--- json
{"status": "ERROR", "result": "User 'submit' may not GET /jobs: it needs the role 'read'"}


=== TEST 3: nobody
--- request
DELETE /contexts/c1
--- error_code: 403
--- json
{"status": "ERROR", "result": "Without a user nobody may DELETE /contexts/*: it needs the role 'contexts'"}


=== TEST 4: health needs no role, and tells nothing
--- request
GET /healthz
--- json
{"status": "SUCCESS"}


=== TEST 5: HEAD is a read
--- more_headers
X-User: submit
--- request
HEAD /contexts
--- error_code: 403
--- response_body eval
""


=== TEST 6: a change in a POST is that change
--- more_headers
X-User: submit
--- request
POST /contexts/c1?_method=DELETE
--- error_code: 403
--- json
{"status": "ERROR", "result": "User 'submit' may not DELETE /contexts/*: it needs the role 'contexts'"}

