use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

sub as {
    my ($user, $method, $url, $body) = @_;
    return http($method, $url, $body // '', 'X-User' => $user);
}

# To each user only what is the user's own, by number and by name.

my %id;
for my $user (qw(ann bob)) {
    my $made = as($user, 'POST', '/sessions', '{"name": "mine", "kind": "spark"}');
    is($made->{status}, 201, "a session of $user");
    is($made->{json}{name}, 'mine', 'has the name that was asked for');
    $id{$user} = $made->{json}{id};
    wait_for('it is idle', sub { as($user, 'GET', '/sessions/mine/state')->{json}{state} eq 'idle' });
    is(as($user, 'POST', '/sessions/mine/statements', qq({"code": "of $user"}))->{status}, 201, 'a statement');
}
my $nameless = as('ann', 'POST', '/sessions')->{json};
is($nameless->{name}, "session-$nameless->{id}", 'one without a name has one of its own');
isnt($id{ann}, $id{bob}, 'they are two sessions');
is(as('ann', 'GET', '/sessions/mine')->{json}{id}, $id{ann}, 'a name is that of one\'s own');

for (['GET', ''], ['GET', '/state'], ['GET', '/log'], ['DELETE', ''], ['POST', '/stop'], ['POST', '/interrupt'], ['POST', '/connect'],
     ['GET', '/statements'], ['POST', '/statements', '{"code": "1"}'], ['GET', '/statements/0'], ['POST', '/statements/0/cancel'],
     ['POST', '/completion', '{"code": "a"}'])
{
    my ($method, $path, $body) = @$_;
    my ($his, $none) = map { my $a = as('ann', $method, "/sessions/$_$path", $body); "$a->{status} " . $a->{body} =~ s/'$_'/ID/r } $id{bob}, 824;
    is($his, $none, "$method of another's session$path");
    like($his, qr/^404 /, 'is not there');
}
is(as('bob', 'GET', '/sessions/mine/state')->{status}, 200, 'nothing was done to it');
is_deeply([map { "$_->{id} $_->{name}" } @{as('bob', 'GET', '/sessions')->{json}{sessions}}], ["$id{bob} mine"], 'the list has one\'s own');
is(as('bob', 'GET', '/sessions')->{json}{total}, 1, 'and counts no others');
is(as('root', 'GET', '/sessions')->{json}{total}, 3, 'an admin has all');
is(as('root', 'GET', "/sessions/$id{bob}")->{json}{name}, 'bob~mine', 'by their stored names');

# On behalf of somebody.

is(as('root', 'GET', '/sessions?doAs=bob')->{json}{total}, 1, 'an admin who asks for a user sees what that one sees');
is(as('root', 'GET', "/sessions/$id{ann}?doAs=bob")->{status}, 404, 'and nothing else');
is(as('ann', 'GET', '/sessions?doAs=ann')->{json}{total}, 2, 'anybody may be oneself');
my $no = as('ann', 'GET', '/sessions?doAs=bob');
is("$no->{status} $no->{body}", q(403 {"msg":"User 'ann' not allowed to impersonate 'bob'."}), 'but nobody else');
$no = as('ann', 'POST', '/sessions', '{"proxyUser": "bob"}');
is("$no->{status} $no->{body}", q(403 {"msg":"User 'ann' not allowed to impersonate 'bob'."}), 'nor have Spark be that one');
my $hers = as('root', 'POST', '/sessions?doAs=bob', '{"proxyUser": "eve"}')->{json};
is_deeply([@$hers{qw(owner proxyUser)}], ['bob', 'bob'], 'who is acted for is the owner, too');
my $other = as('root', 'POST', '/sessions', '{"proxyUser": "eve"}')->{json};
is_deeply([@$other{qw(owner proxyUser)}], ['root', 'eve'], 'a proxy user is not');

# Roles.

for (['eve', 'GET', '/sessions', 200], ['eve', 'POST', '/sessions', 403], ['eve', 'POST', '/sessions/0/statements', 403],
     ['eve', 'DELETE', '/sessions/0', 403], ['', 'GET', '/sessions', 403], ['', 'GET', '/version', 200])
{
    my ($user, $method, $path, $status) = @$_;
    is(as($user, $method, $path)->{status}, $status, "'$user' $method $path");
}
is(as('eve', 'POST', '/sessions')->{body}, q({"msg":"User 'eve' may not POST /sessions: it needs the role 'contexts'"}), 'why not');

# A line for each change, with both.

open my $in, '<', test_dir() . '/audit.log' or die;
my @lines = <$in>;
is(scalar(grep { /"user":"root","as":"bob","method":"POST","route":"\/sessions",.*"status":201/ } @lines), 1, 'the audit says who acted as whom');
is(scalar(grep { /"user":"ann".*"route":"\/sessions\/\*\/statements".*"status":201/ } @lines), 1, 'and has statements');

# Pages of other origins.

is(http('POST', '/sessions', '{}', 'X-User' => 'ann', Origin => 'http://evil.example')->{status}, 403, 'a page elsewhere makes no session');

__DATA__

=== TEST 1: roles and owners hold for both dialects
--- config
sparkjob_user $http_x_user;
sparkjob_owner on;
sparkjob_allow admin root;
sparkjob_allow read eve;
sparkjob_allow read,submit,contexts ann bob;
sparkjob_audit $TEST_NGINX_SPARKJOB_DIR/audit.log;
location / { sparkjob_livy main; }
--- request
GET /sessions
--- more_headers
X-User: ann
--- response_body chomp
{"from":0,"total":0,"sessions":[]}
