use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use MIME::Base64;

# The files of conf/ as they stand, but for ports, folders and the address of the service that knows tokens.

my $conf = dirname(dirname(abs_path(__FILE__))) . '/conf';
my $dir = test_dir();
my %ports = map { $_ => SparkjobTest::free_port() } 8443, 8444, 8445, 4180;

sub example {
    my ($name) = @_;
    open my $in, '<', "$conf/$name" or die "$name: $!";
    my $text = do { local $/; <$in> };
    $text =~ s/\b(8443|8444|8445|4180)\b/$ports{$1}/g;
    $text =~ s{/etc/sparkjob/|/var/log/nginx/}{$dir/}g;
    return $text;
}

our $Examples = join "\n", map { example($_) } qw(nginx-tls-basic.conf nginx-mutual-tls.conf nginx-oidc.conf);
our $Service = $ports{4180};

my %subjects = (
    server => '/CN=localhost',
    frank => '/O=Example/OU=data/CN=frank', ada => '/O=Example/OU=operations/CN=ada', eve => '/O=Example/OU=sales/CN=eve',
    root => '/O=Example/CN=root',
    forged => '/O=Example/CN=x,OU=operations', behind => '/O=Example/OU=operationsx/CN=y', within => '/OU=operations,/CN=z',
);
for my $name (keys %subjects) {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '$subjects{$name}' -addext subjectAltName=DNS:localhost"
           . " -keyout $dir/$name.key -out $dir/$name.crt 2>/dev/null") == 0
        or die "openssl cannot make certificates";
}
my @clients = map { "$dir/$_.crt" } grep { $_ ne 'server' } keys %subjects;
system("cat @clients >$dir/clients-ca.crt") == 0 or die;

open my $users, '>', "$dir/htpasswd" or die $!;
print $users map { "$_:{PLAIN}pass-$_\n" } qw(alice bob carol ops);
close $users;

open my $large, '>', "$dir/large" or die $!;
print $large 'x' x 200_000;
close $large;

launcher();
run_tests();

sub curl {
    my ($port, $path, @args) = @_;
    open my $out, '-|', 'curl', '-s', '--max-time', '20', '--path-as-is', '--cacert', "$dir/server.crt", '-w', '\n%{http_code} %{http_version}',
         @args, "https://localhost:$ports{$port}$path" or die "curl: $!";
    local $/;
    my ($body, $code, $version) = <$out> =~ /\A(.*)\n(\d+) ([\d.]+)\z/s;
    return {body => $body, status => $code, version => $version, json => scalar eval { JSON::PP->new->utf8->decode($body) }};
}

# Passwords.

sub basic { my ($user, $path, @args) = @_; curl(8443, "/spark$path", '-u', "$user:pass-$user", @args) }

for my $version ('--http1.1', '--http2') {
    is(curl(8443, '/spark/jobs', $version)->{status}, 401, "$version, basic: no password");
    is(curl(8443, '/spark/jobs', $version, '-u', 'alice:wrong')->{status}, 401, "$version, basic: a wrong one");
    is(curl(8443, '/spark/jobs', $version, '-u', 'ops:pass-alice')->{status}, 401, "$version, basic: another's");
    is(basic('carol', '/jobs', $version)->{status}, 200, "$version, basic: whoever has one may look");
    my $refused = basic('carol', '/jobs?cp=app&mainClass=noop', $version, '-d', '');
    is($refused->{status}, 403, "$version, basic: and not work");
    is($refused->{json}{result}, "User 'carol' may not POST /jobs: it needs the role 'submit'", 'which is said');
    is(basic('carol', '/jobs', $version, '-X', $_)->{status}, $_ eq 'DELETE' ? 403 : 405, "$_ in $version") for qw(DELETE PUT PATCH);
    is(basic('carol', '/jobs?_method=DELETE', $version, '-d', '')->{status}, 403, "$version: a method in the query");
    is(basic('carol', '/jobs', $version, '-I')->{status}, 200, "$version: HEAD");
    for ('/../spark/contexts/x', '//contexts/x', '/%63ontexts/x', '/contexts/%78') {
        is(basic('carol', $_, $version, '-d', '')->{status}, 403, "$version: POST $_");
    }
    is(basic('carol', '/CONTEXTS/x', $version, '-d', '')->{status}, 404, "$version: in capital letters it is no route");
    is(basic('carol', '/binaries/a', $version, '--data-binary', "\@$dir/large")->{status}, 403, "$version: a large upload");
}
is(basic('alice', '/jars/app', '--data-binary', "PK\3\4 jar")->{status}, 200, 'basic: alice uploads');
is(basic('alice', '/contexts/etl', '-d', '')->{status}, 200, 'has a context');
my $job = basic('alice', '/jobs?cp=app&mainClass=user&context=etl&sync=true', '-d', '')->{json};
is($job->{result}, 'alice', 'and a job');
is(basic('bob', "/jobs/$job->{jobId}")->{status}, 404, 'which is not there for bob');
is(basic('bob', '/contexts/etl')->{status}, 404, 'nor is the context');
is(basic('carol', "/jobs/$job->{jobId}")->{status}, 404, 'nor for who only looks');
is(basic('bob', '/contexts/etl', '-d', '')->{status}, 200, 'bob has one of the same name');
is(basic('ops', "/jobs/$job->{jobId}")->{json}{context}, 'alice~etl', 'an admin sees it');
is_deeply([sort @{basic('ops', '/contexts')->{json}}], ['alice~etl', 'bob~etl'], 'and both contexts');
is(basic('alice', '/contexts?reset=reboot', '-X', 'PUT')->{status}, 200, 'alice resets what is hers');
is(basic('bob', '/contexts/etl')->{json}{state}, 'RUNNING', 'and not what is not');

# Who has no password cannot use up what another may ask.

my $flood = fork // die $!;
exec 'curl', '-s', '-o', '/dev/null', '--interface', '127.0.0.2', '--cacert', "$dir/server.crt", '-u', 'alice:wrong',
     "https://localhost:$ports{8443}/spark/jobs?x=[1-3000]" if $flood == 0;
select undef, undef, undef, 0.5;
is_deeply([map { basic('alice', '/jobs')->{status} } 1 .. 10], [(200) x 10], 'basic: alice is served while another guesses her password');
kill 'KILL', $flood;
waitpid $flood, 0;

# Certificates.

sub cert { my ($name, $path, @args) = @_; curl(8444, $path, '--cert', "$dir/$name.crt", '--key', "$dir/$name.key", @args) }

is(curl(8444, '/jobs')->{status}, 400, 'certificate: none');
is(cert('server', '/jobs')->{status}, 400, 'certificate: one of another authority');
is(cert('eve', '/jobs')->{status}, 200, 'certificate: any may look');
is(cert('eve', '/contexts/x', '-d', '')->{json}{result},
   "User 'CN=eve,OU=sales,O=Example' may not POST /contexts/*: it needs the role 'contexts'", 'and is told whose it is');
is(cert('frank', '/contexts/x', '-d', '')->{status}, 200, 'the unit in it gives roles');
is(cert('frank', '/contexts?reset=reboot', '-X', 'PUT')->{status}, 403, 'but not all');
for my $name ('forged', 'behind', 'within') {
    is(cert($name, '/contexts?reset=reboot', '-X', 'PUT')->{status}, 403, "a name that only looks like the unit, $subjects{$name}");
}
is(cert($_, '/contexts?reset=reboot', '-X', 'PUT')->{status}, 200, "an admin by unit or name, $_") for 'ada', 'root';
is(cert('frank', '/jobs?cp=app&mainClass=user&sync=true&timeout=20', '-d', '')->{json}{result}, 'CN=frank,OU=data,O=Example', 'its job knows it');

# Tokens.

sub token { my ($token, $path, @args) = @_; curl(8445, $path, '-H', "Authorization: Bearer $token", @args) }

is(curl(8445, '/jobs')->{status}, 401, 'token: none');
is(token('bad', '/jobs')->{status}, 401, 'token: one that the service does not know');
is(token('late', '/jobs')->{status}, 403, 'token: one that it refuses');
is(token('down', '/jobs')->{status}, 500, 'token: a service that fails lets nobody in');
is(token('dora', '/jobs')->{status}, 200, 'token: a developer');
is(token('dora', '/contexts/x', '-d', '')->{status}, 200, 'has a context');
is(token('uma', '/contexts/x', '-d', '')->{json}{result}, "User 'uma' may not POST /contexts/*: it needs the role 'contexts'", 'a user has none');
is(token('uma', '/jobs?cp=app&mainClass=user&sync=true&timeout=20', '-d', '')->{json}{result}, 'uma', 'but a job');
is(token('gus', '/jobs')->{status}, 403, 'a group that only looks like one is none');
is(token('nil', '/jobs')->{status}, 403, 'nor is no group');
is(token('nil', '/jobs', '-H', "$_: spark-admins")->{status}, 403, "$_ of a client is not believed")
    for 'X-Auth-Request-Groups', 'X-Sparkjob-Groups', 'X-Sparkjob-Roles';
is(token('uma', '/jobs?cp=app&mainClass=user&sync=true&timeout=20', '-d', '', '-H', 'X-Auth-Request-User: dora')->{json}{result}, 'uma',
   'nor is a user');
is(token('ron', '/contexts/dora~x')->{json}{state}, 'RUNNING', 'an admin sees all');
like(curl(8445, '/oauth2/auth')->{status}, qr/^40[14]$/, 'the service is not to be reached through us');

# One audit log of all three.

open my $audit, '<', "$dir/sparkjob-audit.log" or die $!;
my @lines = map { JSON::PP->new->decode($_) } <$audit>;
my %by = map { ($_->{user} // 'nobody') . " $_->{method} $_->{route} $_->{status}" => 1 } @lines;
ok($by{$_}, "audit: $_") for 'alice POST /jars/* 200', 'carol POST /jobs 403', 'bob POST /contexts/* 200', 'alice PUT /contexts 200',
    'CN=eve,OU=sales,O=Example POST /contexts/* 403', 'CN=frank,OU=data,O=Example POST /jobs 200', 'dora POST /contexts/* 200',
    'uma POST /contexts/* 403';

__DATA__

=== TEST 1: the examples' configuration is one
--- http_config eval
"sparkjob_zone spark 1m unix:$ENV{TEST_NGINX_SPARKJOB_MAIN};
map \$http_authorization \$known {
    'Bearer dora' dora; 'Bearer uma' uma; 'Bearer gus' gus; 'Bearer nil' nil; 'Bearer ron' ron;
}
map \$known \$groups {
    dora 'users,spark-developers'; uma spark-users; gus 'xspark-admins,spark-adminsx'; ron 'x,spark-admins,spark-users';
}
server {
    listen 127.0.0.1:$main::Service;
    location /oauth2/auth {
        if (\$http_authorization = 'Bearer late') { return 403; }
        if (\$http_authorization = 'Bearer down') { return 502; }
        if (\$known = '') { return 401; }
        add_header X-Auth-Request-User \$known always;
        add_header X-Auth-Request-Groups \$groups always;
        return 202;
    }
}
$main::Examples"
--- config
location / { sparkjob spark; }
--- request
GET /healthz
--- json
{"status": "SUCCESS"}
