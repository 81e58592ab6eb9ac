use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

# curl is the client here, which speaks both.

my $dir = test_dir();
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -addext subjectAltName=DNS:localhost"
       . " -keyout $dir/server.key -out $dir/server.crt 2>/dev/null"
       . " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=frank"
       . " -keyout $dir/client.key -out $dir/client.crt 2>/dev/null") == 0
    or die "openssl cannot make certificates";

launcher();
run_tests();

my $base = "https://localhost:$ENV{TEST_NGINX_SPARKJOB_SECOND_PORT}";

sub curl {
    my (@args) = @_;
    open my $out, '-|', 'curl', '-s', '--max-time', '120', '--cacert',
         "$dir/server.crt", '-w', '\n%{http_code} %{http_version}', @args
        or die "curl: $!";
    local $/;
    my ($body, $code, $version) = <$out> =~ /\A(.*)\n(\d+) ([\d.]+)\z/s;
    return {body => $body, code => $code, version => $version};
}

for my $version ('1.1', '2') {
    my $option = $version eq '2' ? '--http2' : '--http1.1';
    my $name = "TLS, HTTP/$version";

    my $health = curl($option, "$base/healthz");
    is($health->{version}, $version, "$name is spoken");
    json_like($health->{body}, '{"status": "SUCCESS"}', "$name: health");

    like(curl($option, "$base/livy/sessions")->{body}, qr{"sparkUiUrl":"\Q$base\E/livy/sessions/0/ui/"}, "$name: where the Spark UI is");

    my $missing = curl($option, "$base/jobs/nope");
    is($missing->{code}, 404, "$name: an error keeps its code");
    json_like($missing->{body}, '{"status": "ERROR", "result": "No such job ID nope"}',
              "$name: and its shape");

    my $body = 'a=' . 'b' x 100_000;
    open my $file, '>', "$dir/body" or die;
    print $file $body;
    close $file;
    my $echo = curl($option, '--data-binary', "\@$dir/body",
                    "$base/jobs?cp=app&mainClass=echo&context=c1&sync=true");
    is($echo->{code}, 200, "$name: a body above 64 KiB");
    ok($echo->{body} eq '' || index($echo->{body}, qq("$body")) > 0,
       "$name: comes back byte for byte, by the path without sendfile");
    isnt($echo->{body}, '', "$name: and whole");

    my $big = curl($option, '--data-binary', "\@$dir/body", "$base/small/jobs");
    is($big->{code}, 413, "$name: a body that is too large");
    json_like($big->{body}, '{"status": "ERROR", "result": "<string>"}',
              "$name: is refused in JSON");

    is(curl($option, '-I', "$base/jobs")->{code}, 200, "$name: HEAD");

    my $user = curl($option, '--cert', "$dir/client.crt", '--key', "$dir/client.key",
                    '-d', '', "$base/jobs?cp=app&mainClass=user&context=c1&sync=true");
    json_like($user->{body}, '{"jobId": "<id>", "result": "CN=frank"}',
              "$name: the client's certificate says who it is");

    my $job = curl($option, '-d', '{"ms": 3000}', "$base/jobs?cp=app&mainClass=sleep&context=c1");
    my ($id) = $job->{body} =~ /"jobId": ?"([^"]+)"/;
    like(curl($option, "$base/jobs/$id/events")->{body},
         qr/\Aevent: job\ndata: .*"$id".*\n\n(?s:.*)"FINISHED"\}\n\n\z/, "$name: events of a job");
    $job = curl($option, '-d', '{"text": "said"}', "$base/jobs?cp=app&mainClass=print&context=c1&sync=true");
    ($id) = $job->{body} =~ /"jobId": ?"([^"]+)"/;
    is(curl($option, "$base/jobs/$id/log?follow=true")->{body}, 'said', "$name: its log");
    like(curl($option, '-I', "$base/events")->{body}, qr/^content-type: text\/event-stream/mi, "$name: HEAD of events");
    like(curl($option, '-N', '--max-time', '3', "$base/contexts/c1/log?follow=true")->{version}, qr/^\Q$version/,
         "$name: a log that goes on");
}

# Twenty streams of one connection wait at once: one after the other they would need a minute.

my $began = Time::HiRes::time();
my @many = map { ('-o', "$dir/many.$_",
                  "$base/jobs?cp=app&mainClass=sleep&context=c1&sync=true&timeout=100") } 1 .. 20;
system('curl', '-s', '--no-progress-meter', '--http2', '--parallel', '--parallel-max', 20, '--max-time', 120,
       '--cacert', "$dir/server.crt", '-d', '{"ms": 3000}', @many);
cmp_ok(Time::HiRes::time() - $began, '<', 40, 'streams of one connection wait side by side');
my $right = grep {
    open my $in, '<', "$dir/many.$_";
    (<$in> // '') =~ /"result": ?true/
} 1 .. 20;
is($right, 20, 'each stream has its own answer');

# Watchers on one connection, one of them slow: the others see everything.

my @watchers = map { my $n = $_; scalar fork // die "fork: $!" or do {
    open STDOUT, '>', "$dir/watch.$n";
    exec 'curl', '-s', '--no-progress-meter', '-N', '--http2', '--parallel', '--parallel-immediate', '--max-time', 120, '--cacert', "$dir/server.crt",
         $n ? () : ('--limit-rate', 500), map { ('-o', "$dir/watch.$n.$_", "$base/events") } 1 .. 10;
} } 0, 1;
wait_for('all watch', sub { 10 == grep { -s "$dir/watch.1.$_" } 1 .. 10 });
my @seen = map { curl('--http2', '-d', '', "$base/jobs?cp=app&mainClass=noop&context=c1&sync=true")->{body}
                 =~ /"jobId": ?"([^"]+)"/ } 1 .. 20;
ok(wait_for('all jobs are seen', sub {
    10 == grep {
        open my $in, '<', "$dir/watch.1.$_";
        my $text = do { local $/; <$in> } // '';
        20 == grep { $text =~ /"$_".*"FINISHED"/ } @seen
    } 1 .. 10
}), 'ten watchers of one connection see twenty jobs finish');
kill 'TERM', @watchers;
waitpid $_, 0 for @watchers;

# A stream that is reset while it waits.

system('curl', '-s', '--http2', '--max-time', '0.3', '--cacert', "$dir/server.crt",
       '-d', '{"ms": 1000}', "$base/jobs?cp=app&mainClass=sleep&context=c1&sync=true");
is(curl('--http2', "$base/healthz")->{code}, 200, 'a stream that is reset does no harm');

__DATA__

=== TEST 1: the same API in the clear
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
server {
    listen                  $TEST_NGINX_SPARKJOB_SECOND_PORT ssl http2;
    server_name             localhost;
    ssl_certificate         $TEST_NGINX_SPARKJOB_DIR/server.crt;
    ssl_certificate_key     $TEST_NGINX_SPARKJOB_DIR/server.key;
    ssl_client_certificate  $TEST_NGINX_SPARKJOB_DIR/client.crt;
    ssl_verify_client       optional;

    location / { sparkjob main; sparkjob_user $ssl_client_s_dn; }
    location /livy/ { sparkjob_livy main; sparkjob_ui @ui; }
    location @ui { proxy_pass $sparkjob_ui; }
    location /small/ { sparkjob main; client_max_body_size 1k; }
}
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1?max-jobs-per-context=32&script.ui=on');
--- request
GET /contexts
--- json
["c1"]
