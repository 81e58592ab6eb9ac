use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;

# The Spark UI of a context below the API.  The scripted driver's interface answers with what it was asked.

our $Ui = '@ui { include ' . dirname(dirname(abs_path(__FILE__))) . '/conf/nginx-ui.conf; }';

launcher('main', max_contexts => 32);
run_tests();

my $nginx = http_port();
sub as { my ($user, $method, $path, %headers) = @_; http($method, $path, '', 'X-User' => $user, %headers) }

is(as('ann', 'POST', '/contexts/a?script.ui=on')->{status}, 200, 'ann has a context with an interface');
is(as('bob', 'POST', '/contexts/b?script.ui=on')->{status}, 200, 'bob, too');

# What the interface gets, and what the client gets of it.

my $answer = as('ann', 'GET', '/contexts/a/ui/stages/stage/?id=1&attempt=0%2f', Authorization => 'Basic c2VjcmV0', Cookie => 'c=d',
                'X-Forwarded-For' => '1.2.3.4', Range => 'bytes=0-3', 'If-None-Match' => '"x"');
my $asked = $answer->{json};
is($answer->{status}, 200, 'a page of the interface');
is($asked->{path}, '/stages/stage/?id=1&attempt=0%2f', 'path and query are passed on');
is_deeply([sort keys %{$asked->{headers}}], [qw(host x-forwarded-context)], 'and nothing else of the request: no password, no cookie');
is($asked->{headers}{'x-forwarded-context'}, '/contexts/a/ui', 'but where the pages are to be found');

is(as('ann', 'GET', '/contexts/a')->{json}{uiUrl}, '/contexts/a/ui/', 'the context says where it is');
is(as('root', 'GET', '/contexts/ann~a')->{json}{uiUrl}, '/contexts/ann~a/ui/', 'to others under their name of it');
is(as('ann', 'GET', '/off/contexts/a')->{json}{uiUrl}, undef, 'but not where it cannot be seen');

is(as('ann', 'GET', '/contexts/a/ui')->{headers}{location}, '/contexts/a/ui/', 'without a slash it leads to where relative links work');
like(as('ann', 'GET', '/contexts/a/ui/')->{headers}{location}, qr{^http://localhost(?::\d+)?/contexts/a/ui/jobs/$}, 'redirects stay below the interface');
like(as('ann', 'GET', '/contexts/a/ui/local')->{headers}{location}, qr{/contexts/a/ui/stages/$}, 'also those without a host');
is(as('ann', 'HEAD', '/contexts/a/ui/jobs/')->{status}, 200, 'HEAD is passed on');
is(as('ann', 'GET', '/contexts/a/ui/fails')->{status}, 500, 'errors of the interface are its own');
is(as('ann', 'GET', '/contexts/a/ui/fails')->{json}{path}, '/fails', 'with its own page');

my $hostile = as('ann', 'GET', '/contexts/a/ui/hostile');
is($hostile->{status}, 200, 'an answer with headers that reach beyond it');
is($hostile->{json}{path}, '/hostile', 'is not led to another location');
is($hostile->{headers}{$_}, undef, "and has no $_") for qw(set-cookie access-control-allow-origin clear-site-data service-worker-allowed www-authenticate);
like($hostile->{head}, qr{Content-Security-Policy: sandbox [^\r]* connect-src localhost/contexts/a/ui/;}, 'it can reach nothing but itself');
like($hostile->{head}, qr{Content-Security-Policy: [^\r]* worker-src 'none';}, 'and leaves no service worker in the browser, which outlives it');

# Who may see it.

for my $path ('', '/', '/jobs/', '/hostile') {
    is(as('bob', 'GET', "/contexts/a/ui$path")->{status}, $path eq '' ? 302 : 404, "another's interface is not there: $path");
}
is(as('bob', 'GET', '/contexts/a/ui/jobs/')->{body} =~ s/\ba\b/X/r, as('bob', 'GET', '/contexts/no/ui/jobs/')->{body} =~ s/\bno\b/X/r,
   'as one that never was');
is(as('bob', 'GET', '/contexts/b/ui/jobs/')->{json}{path}, '/jobs/', 'his own is');
is(as('root', 'GET', '/contexts/ann~a/ui/jobs/')->{json}{headers}{'x-forwarded-context'}, '/contexts/ann~a/ui', 'to an admin all are, under the stored name');
is(as('eve', 'GET', '/contexts/a/ui/jobs/')->{status}, 403, 'without the role read none');
is(as('', 'GET', '/contexts/a/ui/jobs/')->{status}, 403, 'without a user none');

# What it is not for.

for my $path ('jobs/job/kill/', 'stages/stage/kill/', 'stages/stage/kill', 'jobs/job/%6bill/?id=1', 'jobs/job/KILL', 'kill') {
    my $refused = as('ann', 'GET', "/contexts/a/ui/$path");
    is($refused->{status}, 403, "nothing is killed by it: $path");
    like($refused->{json}{result}, qr{DELETE /jobs}, 'it says by what');
}
for my $path ('jobs/job/kill;x=y/', ';/jobs', 'jobs%5ckill', 'jobs/%0d%0aHost:x') {
    is(as('ann', 'GET', "/contexts/a/ui/$path")->{status}, 400, "what two servers may read in two ways: $path");
}
is(as('ann', 'GET', '/contexts/a/ui/a%252fb%20c%3fd')->{json}{path}, '/a%252fb%20c%3Fd', 'what is escaped stays so');
is(as('ann', 'GET', '/contexts/a/ui/../../b/ui/jobs/')->{status}, 404, 'dots lead to what they lead to elsewhere');
is(as('ann', 'GET', '/contexts/a/ui/x/../jobs/')->{json}{path}, '/jobs/', 'and within it, too');
is(as('ann', $_, '/contexts/a/ui/jobs/')->{status}, 405, "$_ is not for it") for qw(POST PUT DELETE);
is(as('ann', 'POST', '/contexts/a/ui/jobs/?_method=GET')->{status}, 405, 'nor is POST by another name');

# To clients of Livy it is the session's.

my ($a, $b) = map { as($_, 'GET', '/livy/sessions')->{json}{sessions}[0] } qw(ann bob);
my $base = "http://localhost:$nginx/livy/sessions";
my %named = (Host => "localhost:$nginx");
is(as('ann', 'GET', "/livy/sessions/$_", %named)->{json}{appInfo}{sparkUiUrl}, "$base/$a->{id}/ui/", "a session, $_, says where it is")
    for $a->{id}, 'a';
is(as('ann', 'GET', '/livy/sessions', %named)->{json}{sessions}[0]{appInfo}{sparkUiUrl}, "$base/$a->{id}/ui/", 'and so does the list');
is(as('ann', 'GET', '/livy/sessions', Host => 'a"b\\c')->{json}{sessions}[0]{appInfo}{sparkUiUrl}, qq{http://a"b\\c/livy/sessions/$a->{id}/ui/},
   'by the name of the host that the client has for it');
is_deeply([map { $_->{appInfo}{sparkUiUrl} } @{as('root', 'GET', '/livy/sessions', %named)->{json}{sessions}}],
          [map { "$base/$_->{id}/ui/" } $a, $b], 'to an admin of all of them');
my $own = as('ann', 'GET', '/off/livy/sessions')->{json}{sessions}[0];
like($own->{appInfo}{sparkUiUrl}, qr{^http://localhost:\d+$}, "where it cannot be seen it is the driver's own");
is($own->{name}, 'a', 'of the session of that name');

is(as('ann', 'GET', "/livy/sessions/$a->{id}/ui")->{headers}{location}, "/livy/sessions/$a->{id}/ui/", 'it begins with a slash');
$asked = as('ann', 'GET', "/livy/sessions/$a->{id}/ui/")->{headers}{location};
like($asked, qr{/livy/sessions/$a->{id}/ui/jobs/$}, 'its redirects stay below it');
$asked = as('ann', 'GET', "/livy/sessions/$a->{id}/ui/jobs/?id=1")->{json};
is($asked->{path}, '/jobs/?id=1', 'the slash behind a path is passed on');
is($asked->{headers}{'x-forwarded-context'}, "/livy/sessions/$a->{id}/ui", 'and where the pages are to be found');
is(as('ann', 'GET', '/livy/sessions/a/ui/jobs')->{json}{path}, '/jobs', 'a session by its name, a path without a slash');
is(as('root', 'GET', "/livy/sessions/$a->{id}/ui/jobs/")->{json}{path}, '/jobs/', 'an admin sees it');
for my $path ("$a->{id}/ui/jobs/", '1000/ui/jobs/', 'ann~a/ui/') {
    my $refused = as('bob', 'GET', "/livy/sessions/$path");
    is($refused->{status}, 404, "others do not: $path");
    my $named = $path =~ s{/.*}{}r;
    is($refused->{body}, qq({"msg":"Session '$named' not found."}), 'in the words of Livy');
}
my $refused = as('ann', 'GET', '/livy/sessions/a/ui/stages/stage/kill/?id=1');
is($refused->{status}, 403, 'nothing is killed by it');
like($refused->{json}{msg}, qr{use POST /sessions/<id>/statements/<number>/cancel$}, 'it says by what');
is(as('ann', 'POST', '/livy/sessions/a/ui/jobs/')->{status}, 405, 'it is for GET');
is(as('ann', 'POST', '/livy/sessions/a/ui/jobs/?_method=GET')->{json}{msg}, 'The UI of a session is for GET', 'and says so');
$refused = as('ann', 'GET', '/off/livy/sessions/a/ui/');
is($refused->{status}, 404, 'where it is off it is not there');
like($refused->{json}{msg}, qr/^The UI of sessions cannot be seen here/, 'and says so');

my $mute = as('ann', 'POST', '/livy/sessions')->{json}{id};
wait_for('a session without an interface', sub { as('ann', 'GET', "/livy/sessions/$mute")->{json}{state} eq 'idle' });
like(as('ann', 'GET', "/livy/sessions/$mute/ui/jobs/")->{body}, qr/^\{"msg":"The session has no UI: its driver /, 'says that it has none');
http('POST', "/livy/sessions/$mute/statements", '{"code": "exit 3", "kind": "spark"}', 'X-User' => 'root');
wait_for('it has died', sub { as('ann', 'GET', "/livy/sessions/$mute")->{json}{state} eq 'dead' });
$refused = as('ann', 'GET', "/livy/sessions/$mute/ui/jobs/");
is($refused->{status}, 404, 'one that has died has none');
is($refused->{body}, '{"msg":"Session is in state dead, so it has no UI"}', 'and says so');
is(as('bob', 'GET', "/livy/sessions/$mute/ui/jobs/")->{json}{msg}, "Session '$mute' not found.", 'to its user alone');

# What a driver says of its interface is not believed.

my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die;
my %told = (
    'a service of this host' => 'http://127.0.0.1:' . $other->sockport,
    'the API itself' => "http://127.0.0.1:$nginx",
    'another host' => 'http://169.254.169.254:80',
    'another host, a port of its own' => 'http://192.0.2.1:65000',
    'a port that only root has' => 'http://127.0.0.1:22',
    'no port' => 'http://localhost',
    'another protocol' => 'gopher://127.0.0.1:4040',
    'no URL' => '%20',
    'more than an address' => 'http://127.0.0.1:99999/',
);
my $n = 0;
for my $what (sort keys %told) {
    my $name = 'told' . $n++;
    is(as('ann', 'POST', "/contexts/$name?script.ui=$told{$what}")->{status}, 200, "a driver that tells of $what");
    my $refused = as('ann', 'GET', "/contexts/$name/ui/jobs/");
    is($refused->{status}, 404, 'has no interface');
    like($refused->{json}{result}, qr/^The context has no UI: its driver says/, 'and it is said why');
    as('ann', 'DELETE', "/contexts/$name");
}

# One that has gone.

as('ann', 'DELETE', '/contexts/a');
is(as('ann', 'GET', '/contexts/a/ui/jobs/')->{status}, 404, 'when the context has ended its interface has');
like(as('ann', 'GET', '/contexts/a/ui/jobs/')->{json}{result}, qr/^context a does not run/, 'and it is said so');

stop_launcher();
is(as('bob', 'GET', '/contexts/b/ui/jobs/')->{status}, 503, 'without a launcher nobody knows where it is');

__DATA__

=== TEST 1: where it is off it says so
--- config
location / { sparkjob main; }
--- request
GET /contexts/x/ui/jobs/
--- error_code: 404
--- json
{"status": "ERROR", "result": "The UI of contexts cannot be seen here: sparkjob_ui of nginx's configuration is off"}


=== TEST 2: a location that is none
--- config
location / { sparkjob main; sparkjob_ui ui; }
--- must_die
--- error_log
"ui" is not a named location


=== TEST 3: nobody says where the interface is but the module
--- config
location / { set $sparkjob_ui http://127.0.0.1:22/; }
--- must_die
--- error_log
the duplicate "sparkjob_ui" variable


=== TEST 4: without the module having found it there is nothing to ask
--- config
location /direct { proxy_pass $sparkjob_ui; }
--- request
GET /direct?sparkjob_ui=http://127.0.0.1:22/
--- error_code: 500
--- error_log
invalid URL prefix


=== TEST 5: below a prefix, with names that have to be escaped
--- config eval
"location /spark/ { sparkjob main; sparkjob_ui \@ui; } location $::Ui"
--- request eval
["POST /spark/contexts/a%20b?script.ui=on", "GET /spark/contexts/a%20b", "GET /spark/contexts/a%20b/ui/x", "DELETE /spark/contexts/a%20b"]
--- json eval
['{"...": 1}', '{"uiUrl": "/spark/contexts/a%20b/ui/", "...": 1}', '{"path": "/x", "method": "GET", "headers": {"x-forwarded-context": "/spark/contexts/a%20b/ui", "...": 1}}', '{"...": 1}']


=== TEST 6: for what follows: users, roles, and to each only what is the user's own
--- config eval
"location / {
    sparkjob main; sparkjob_user \$http_x_user; sparkjob_owner on; sparkjob_ui \@ui;
    sparkjob_allow admin root;
    sparkjob_allow read,contexts ann bob;
    sparkjob_allow submit eve;
}
location /off/ { sparkjob main; sparkjob_user \$http_x_user; sparkjob_owner on; }
location /off/livy/ { sparkjob_livy main; sparkjob_user \$http_x_user; sparkjob_owner on; }
location /livy/ {
    sparkjob_livy main; sparkjob_user \$http_x_user; sparkjob_owner on; sparkjob_ui \@ui;
    sparkjob_allow admin root;
    sparkjob_allow read,contexts ann bob;
}
location $::Ui"
--- request
GET /healthz
