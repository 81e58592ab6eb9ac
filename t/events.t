use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use IO::Select;
use Time::HiRes qw(time);

launcher();
run_tests();

# Streams that go on: read as they come, up to what is waited for.

sub watch {
    my ($path, %headers) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
    print $sock join '', "GET $path HTTP/1.0\r\n", map({ "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n";
    $sock->flush;
    return {sock => $sock, text => ''};
}

sub until_seen {
    my ($stream, $wanted, $limit) = @_;
    my $end = time + ($limit // 60);
    while ($stream->{text} !~ $wanted) {
        return 0 if time > $end || !IO::Select->new($stream->{sock})->can_read($end - time)
                    || !sysread $stream->{sock}, $stream->{text}, 65536, length $stream->{text};
    }
    return 1;
}

sub last_id { (($_[0]{text} =~ /^id: (\S+)$/mg)[-1]) }

sub noop { http('POST', '/jobs?cp=app&mainClass=noop&context=c1&sync=true')->{json}{jobId} }

my $all = watch('/events');
ok(until_seen($all, qr/^id: \d+-\d+\n\n/m), 'the state ends with an id');
like($all->{text}, qr/\AHTTP\/1\.1 200 OK\r\n/, 'HTTP/1.0 gets an answer');
unlike($all->{text}, qr/chunked/i, 'that is not chunked');
like($all->{text}, qr/^event: context\ndata: \{.*"name":"c1".*"state":"RUNNING".*\}\n\n/m, 'with the context');
like($all->{text}, qr/^event: binary\ndata: \{"app-name":"app",.*\}\n\n/m, 'and the binary');
unlike($all->{text}, qr/^event: job/m, 'but no job that is over');

my $job = noop();
ok(until_seen($all, qr/^data: .*"$job".*"FINISHED".*\n\n/m), 'a job is told of until it has finished');
my @states = map { /"$job".*"status":"(\w+)"/ } $all->{text} =~ /^event: job\ndata: (.*)$/mg;
is_deeply([sort @states], [@states == 3 ? qw(FINISHED RUNNING STARTED) : sort @states], "its states (@states)");
is($states[-1], 'FINISHED', 'the last of which is final');
unlike($all->{text}, qr/"result"/, 'without its result');
my @ids = map { /-(\d+)$/ } $all->{text} =~ /^id: (.*)$/mg;
is_deeply(\@ids, [sort { $a <=> $b } @ids], 'ids count up');

# Back with the last id: what was missed, and only that.

my $id = last_id($all);
close $all->{sock};
my @missed = map { noop() } 1 .. 3;
for my $how (['/events', 'Last-Event-ID' => $id], ["/events?lastEventId=$id"]) {
    my $again = watch(@$how);
    ok(until_seen($again, qr/"$missed[2]".*"FINISHED"/), 'who comes back gets what was missed');
    unlike($again->{text}, qr/event: (?:reset|context)|"$job"/, 'and not what was not');
}

# The launcher starts anew: all begin anew.

$all = watch('/events');
until_seen($all, qr/^id: /m);
stop_launcher();
ok(until_seen($all, qr/event: context\ndata: .*"FINISHED"/), 'the end of a context is told');
start_launcher();
ok(until_seen($all, qr/^event: reset\ndata: \{\}\n\n/m), 'a new launcher is a reset');
upload('app');
ok(until_seen($all, qr/reset.*"app-name":"app"/s), 'and by what happens then');

__DATA__

=== TEST 1: of a job that has ended, its end
--- config
location / { sparkjob main; }
location /api/ { sparkjob main; }
--- init
main::upload('app');
main::context('c1');
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"value": "a\"b"}
--- json
{"jobId": "<id>", "result": "a\"b"}
--- save
job jobId


=== TEST 2: nothing more
--- request
GET /jobs/%{job}/events
--- response_headers
Content-Type: text/event-stream
Cache-Control: no-store
--- response_body_like: \Aevent: job\ndata: \{"jobId":"%{job}",.*"status":"FINISHED"\}\n\nid: \d+-\d+\n\n\z


=== TEST 3: below a prefix
--- request
GET /api/jobs/%{job}/events
--- response_body_like: ^event: job\n


=== TEST 4: HEAD
--- request
HEAD /events
--- response_headers
Content-Type: text/event-stream
--- response_body


=== TEST 5: a job that runs, until it ends
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1
{"ms": 3000}
--- error_code: 202
--- json
{"jobId": "<id>", "status": "STARTED", "...": 1}
--- save
job jobId


=== TEST 6: its stream ends with it
--- request
GET /jobs/%{job}/events
--- response_body_like: \Aevent: job\ndata: \{"jobId":"%{job}",.*"(?:STARTED|RUNNING)"\}\n\n(?s:.*)"%{job}",.*"FINISHED"\}\n\n\z


=== TEST 7: no such job
--- request
GET /jobs/00000000-0000-4000-8000-000000000000/events
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID 00000000-0000-4000-8000-000000000000"}


=== TEST 8: a kind that there is not
--- request
GET /events?kind=jobs
--- error_code: 400
--- json
{"status": "ERROR", "result": "The query parameter 'kind' was malformed:\n'jobs' is not 'job', 'context' or 'binary'"}


=== TEST 9: only GET
--- request
DELETE /events
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- json
{"status": "ERROR", "result": "HTTP method not allowed, supported methods: GET, HEAD"}
