use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use MIME::Base64 qw(decode_base64);

our $Jdbc = '@jdbc { include ' . dirname(dirname(abs_path(__FILE__))) . '/conf/nginx-thrift-http.conf; }';

launcher(thrift => {ports => '10100-10199', address => 'sql.example'});
launcher('other');
run_tests();

# A token is for its user and its context, until its time is over.

sub token {
    my ($context, $user, $more) = @_;
    return http('POST', "/contexts/$context/token" . ($more // ''), '', 'X-User' => $user)->{json}{token};
}

sub login {
    my ($context, $user, $token) = @_;
    my $answer = http('POST', "/jobs?cp=app&mainClass=login&context=$context&sync=true",
                      qq({"user": "$user", "token": "$token"}));
    return $answer->{json}{result};
}

my $token = token('j', 'ann');
is(login('j', 'ann', $token), undef, 'a token lets its user in');
is(login('j', 'bob', $token), 'the token is not for this user and this context', 'no other user');
is(login('k', 'ann', $token), 'the token is not for this user and this context', 'to no other context');
(my $longer = $token) =~ s/^(\d+)/$1 + 1/e;
is(login('j', 'ann', $longer), 'the token is not for this user and this context', 'for no longer');
for my $wrong ('', 'x', '1-2', '-', substr($token, 0, -1), $token . '0') {
    is(login('j', 'ann', $wrong), 'the password is no token of this server', "not '$wrong'");
}
my $short = token('j', 'ann', '?expires=1');
wait_for('it is over', sub { (login('j', 'ann', $short) // '') eq 'the token has expired' });
is(login('j', 'anonymous', token('j', '')), undef, 'who has no name is anonymous');

# What a driver says of its server is believed where it can be; the
# context's record shows it some moments after the job's answer.

sub told {
    my ($status, $port) = @_;
    http('POST', '/jobs?cp=app&mainClass=status&context=k&sync=true', qq({"thriftServer": $status}));
    return wait_for("port '$port' after $status", sub {
        my $context = http('GET', '/contexts/k')->{json};
        my $told = $context->{thriftServer} // {};
        return ($told->{port} // '') eq $port && $context;
    });
}

is(told('{"port": 10199, "sessions": 2}', 10199)->{thriftServer}{sessions}, 2, 'how many sessions are open');
for ('{"port": 10200}', '{"port": 22}', '{"port": "x"}', '{"port": 10100, "sessions": -1}', '[]', '{}') {
    told('{"port": 10199}', 10199);
    is(told($_, '')->{thriftServer}, undef, "nothing of $_");
}

# A context with open sessions is not idle.

context('i', '{"spark": {"context-settings": {"context-idle-timeout": 1, "script":
    {"status": "{\"thriftServer\": {\"port\": 10150, \"sessions\": 1}}"}}}}');
sleep 3;
is(http('GET', '/contexts/i')->{json}{state}, 'RUNNING', 'a context with a session goes on');
http('POST', '/jobs?cp=app&mainClass=status&context=i&sync=true', '{}');
wait_for('it ends', sub { http('GET', '/contexts/i')->{json}{state} eq 'FINISHED' });

# By HTTP each request is one of the API, and the driver gets a token for it alone.

sub jdbc {
    my ($user, $path, $body, %headers) = @_;
    return http('POST', $path, $body // 'x', 'X-User' => $user, 'Content-Type' => 'application/x-thrift', %headers);
}

http('POST', '/contexts/h?thrift-server=true&thrift-server-transport=http');
my $shown = http('GET', '/contexts/h')->{json}{thriftServer};
is($shown->{jdbcUrl}, "jdbc:hive2://sql.example:$shown->{port}/;transportMode=http;httpPath=cliservice", 'where it is');
my $big = 'thrift' x 500_000;
my $got = jdbc('ann', '/contexts/h/jdbc?a=b', $big, Authorization => 'Basic YW5uOnNlY3JldA==', Cookie => 'c=d', 'X-Forwarded-For' => '1.2.3.4');
is($got->{status}, 200, 'a request reaches the driver');
is("$got->{json}{method} $got->{json}{path}", 'POST /cliservice', 'where its thrift server is');
is($got->{json}{sent}, sha256_hex($big), 'with its body');
is_deeply([sort keys %{$got->{json}{headers}}], [qw(authorization content-length content-type host)], 'and nothing else, no password, no cookie');
my ($name, $once) = split /:/, decode_base64($got->{json}{headers}{authorization} =~ s/^Basic //r);
is($name, 'ann', 'but who it is');
is(login('h', 'ann', $once), undef, 'which the launcher believes');
is(login('j', 'ann', $once), 'the token is not for this user and this context', 'for this context');
is(decode_base64(jdbc('', '/contexts/h/jdbc')->{json}{headers}{authorization} =~ s/^Basic //r) =~ s/:.*//r, 'anonymous', 'nobody is anonymous');

sub refused { my $answer = jdbc(@_); return "$answer->{status} $answer->{json}{result}" }
like(refused('ann', '/rules/contexts/h/jdbc'), qr/^403 .*submit/, 'it needs the role that may submit');
is(refused('ann', '/own/contexts/h/jdbc'), '404 context h not found', "another's is not there");
is(refused('ann', '/off/contexts/h/jdbc'), "404 There is no JDBC by HTTP here: sparkjob_thrift of nginx's configuration is off", 'nor where it is off');
is(refused('a:b', '/contexts/h/jdbc'), '404 The context serves no JDBC by HTTP: HTTP cannot tell a user "a:b", for the colon', 'no user with a colon');
is(refused('ann', '/contexts/j/jdbc'), '404 The context serves no JDBC by HTTP: it needs thrift-server=true and thrift-server-transport=http', 'nor one that has it not');
is(http('GET', '/contexts/h/jdbc')->{status}, 405, 'it is for POST');
told('{"port": 10198, "transport": "http", "sessions": 0}', 10198);
is(refused('ann', '/contexts/k/jdbc'), '404 The context serves no JDBC by HTTP: its driver says that it is at port 10198, but does not listen there', 'a driver is not believed');

# It outlives its launcher, but nothing else is kept.

stop_launcher();
open my $in, '<', test_dir() . '/main.log' or die;
my $log = join '', <$in>;
ok(index($log, $token) == -1, 'no log has a token');
like($log, qr/user "ann" gets a token for 86400 s/, 'but that there is one');
is((stat test_dir() . '/main/thrift.key')[2] & 0777, 0600, 'the key is ours alone');
start_launcher();
wait_for('the launcher is back', sub { http('GET', '/healthz')->{status} == 200 });
http('POST', '/contexts/j?thrift-server=true');
upload('app');
is(login('j', 'ann', $token), undef, 'a token outlives the launcher, and its context');

__DATA__

=== TEST 1: a context with a thrift server says where it is
--- http_config
sparkjob_zone main 4m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_zone other 1m unix:$TEST_NGINX_SPARKJOB_OTHER;
--- config eval
"location $::Jdbc" . q{
sparkjob_thrift @jdbc;
location / { sparkjob main; sparkjob_user $http_x_user; }
location /other/ { sparkjob other; }
location /own/ { sparkjob main; sparkjob_user ann; sparkjob_owner on; }
location /rules/ { sparkjob main; sparkjob_user $http_x_user; sparkjob_allow read ann; sparkjob_allow submit bob; }
location /off/ { sparkjob main; sparkjob_thrift off; }
}
--- init
main::upload('app');
main::context('k');
--- request
POST /contexts/j?thrift-server=true
--- json
{"status": "SUCCESS", "result": "Context initialized"}


=== TEST 2: in its record
--- request
GET /contexts/j
--- json
{"name": "j", "state": "RUNNING", "thriftServer": {"jdbcUrl": "jdbc:hive2://sql.example:10100/", "transport": "binary", "port": 10100, "sessions": 0}, "...": 1}


=== TEST 3: a token
--- request
POST /contexts/j/token?expires=60
--- more_headers
X-User: ann
--- error_code: 201
--- json
{"context": "j", "user": "ann", "token": "~^\\d+-[0-9a-f]{64}$", "expires": "<time>"}
--- response_headers
Cache-Control: no-store


=== TEST 4: of a context that there is not
--- request
POST /contexts/none/token
--- error_code: 404
--- json
{"status": "ERROR", "result": "context none not found"}


=== TEST 5: for no time, too long, and no number
--- request eval
["POST /contexts/j/token?expires=0", "POST /contexts/j/token?expires=7776001", "POST /contexts/j/token?expires=x"]
--- error_code eval
[400, 400, 400]
--- json eval
['{"status": "ERROR", "result": "a token is good for 1 to 7776000 seconds"}',
 '{"status": "ERROR", "result": "a token is good for 1 to 7776000 seconds"}',
 '{"status": "ERROR", "result": "~\'expires\' was malformed"}']


=== TEST 6: it needs the role that may submit
--- request
POST /rules/contexts/j/token
--- more_headers
X-User: ann
--- error_code: 403
--- json
{"status": "ERROR", "result": "~submit"}


=== TEST 7: which another one has
--- request
POST /rules/contexts/j/token
--- more_headers
X-User: bob
--- error_code: 201
--- json
{"context": "j", "user": "bob", "...": 1}


=== TEST 8: of others' contexts there is none
--- request
POST /own/contexts/j/token
--- error_code: 404
--- json
{"status": "ERROR", "result": "context j not found"}


=== TEST 9: the server can be ended
--- request
DELETE /contexts/j/thrift-server
--- json
{"status": "SUCCESS", "result": "Thrift server stopped"}


=== TEST 10: and is not shown any more
--- request
GET /contexts/j
--- json
{"name": "j", "state": "RUNNING", "...": 1}
--- response_body_unlike: thriftServer


=== TEST 11: and begun, in a context that runs
--- request
PUT /contexts/k/thrift-server
--- json
{"name": "k", "thriftServer": {"jdbcUrl": "jdbc:hive2://sql.example:10100/", "transport": "binary", "port": 10100, "sessions": 0}, "...": 1}


=== TEST 12: where there are no ports that is said
--- request
POST /other/contexts/j?thrift-server=true
--- error_code: 400
--- json
{"status": "CONTEXT INIT ERROR", "result": {"message": "~there are no ports", "...": 1}}


=== TEST 13: what the driver cannot do it says
--- init
main::context('f', '{"spark": {"context-settings": {"script": {"thrift": "fail"}}}}');
--- request
PUT /contexts/f/thrift-server
--- error_code: 400
--- json
{"status": "ERROR", "result": "no port is free"}


=== TEST 14: nor is it begun in a context that is not there yet
--- init
main::http('POST', '/contexts/late?async=true&script.start=slow:60000');
--- request
PUT /contexts/late/thrift-server
--- error_code: 400
--- json
{"status": "ERROR", "result": "a context can serve JDBC while it is RUNNING"}


=== TEST 15: of a context that there is not
--- request
PUT /contexts/none/thrift-server
--- error_code: 404
--- json
{"status": "ERROR", "result": "context none not found"}
