use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use IO::Select;
use Time::HiRes qw(sleep time);

launcher();
run_tests();

# A follower of a job that runs is given what is written, as it is written.

my $job = http('POST', '/jobs?cp=app&mainClass=sleep&context=c1', '{"ms": 600000}')->{json}{jobId};
my $context = http('GET', '/contexts/c1')->{json}{id};
my $path = test_dir() . "/main/contexts/$context/logs/$job.log";

sub say_more {
    open my $log, '>>', $path or die "$path: $!";
    print $log $_[0];
    close $log;
}

sub follow {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port()) or die;
    print $sock "GET $_[0] HTTP/1.0\r\n\r\n";
    $sock->flush;
    return {sock => $sock, text => ''};
}

sub until_seen {
    my ($stream, $wanted) = @_;
    my $end = time + 60;
    while ($stream->{text} !~ $wanted) {
        return 0 if time > $end || !IO::Select->new($stream->{sock})->can_read($end - time)
                    || !sysread $stream->{sock}, $stream->{text}, 65536, length $stream->{text};
    }
    return 1;
}

my $early = follow("/jobs/$job/log?follow=true");
ok(until_seen($early, qr/\r\n\r\n/), 'the headers come before the job has said anything');
say_more("one\n");
ok(until_seen($early, qr/\r\n\r\none\n\z/), 'then what it says first');
my $late = follow("/jobs/$job/log?follow=true&tail=1");
ok(until_seen($late, qr/\r\n\r\none\n\z/), 'who comes later is given the last line');
for my $n (2 .. 4) {
    say_more("$n\n");
    ok(until_seen($_, qr/\n$n\n\z/), "and line $n") for $early, $late;
}
is(http('GET', "/jobs/$job/log?tail=2")->{body}, "3\n4\n", 'who does not follow gets what there is');
http('DELETE', "/jobs/$job");
wait_job($job, 'KILLED');
for my $stream ($early, $late) {
    alarm 60;
    1 while sysread $stream->{sock}, $stream->{text}, 65536, length $stream->{text};
    alarm 0;
    like($stream->{text}, qr/\r\n\r\none\n2\n3\n4\n\z/, 'the stream ends with the job');
}

# The log of a context is that of its driver.

my $follower = follow('/contexts/c1/log?follow=true');
until_seen($follower, qr/\r\n\r\n/);
is(http('DELETE', '/contexts/c1')->{status}, 200, 'the context is stopped');
alarm 60;
1 while sysread $follower->{sock}, $follower->{text}, 65536, length $follower->{text};
alarm 0;
like($follower->{text}, qr/\AHTTP\/1.1 200/, 'its follower has an end');
is(http('GET', '/contexts/c1/log')->{status}, 200, 'the log stays');

__DATA__

=== TEST 1: what a job printed
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::context('c1');
--- request
POST /jobs?cp=app&mainClass=print&context=c1&sync=true
{"text": "one\ntwo\nthree\n"}
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 2: the whole
--- request
GET /jobs/%{job}/log
--- response_headers
Content-Type: text/plain; charset=utf-8
Content-Length: 14
--- response_body
one
two
three


=== TEST 3: the last lines
--- request
GET /jobs/%{job}/log?tail=2
--- response_body
two
three


=== TEST 4: from a byte on
--- request
GET /jobs/%{job}/log?offset=4
--- response_body
two
three


=== TEST 5: HEAD
--- request
HEAD /jobs/%{job}/log
--- response_headers
Content-Length: 14
--- response_body


=== TEST 6: following what is over
--- request
GET /jobs/%{job}/log?follow=true&tail=1
--- response_headers
Content-Length: 6
--- response_body
three


=== TEST 7: a job that said nothing
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- json
{"jobId": "<id>", "result": true}
--- save
silent jobId


=== TEST 8: has an empty log
--- request
GET /jobs/%{silent}/log
--- response_headers
Content-Length: 0
--- response_body


=== TEST 9: too many lines
--- request
GET /jobs/%{job}/log?tail=10001
--- error_code: 400
--- json
{"status": "ERROR", "result": "The query parameter 'tail' was malformed:\n'10001' is more than 10000"}


=== TEST 10: what is no number of bytes
--- request
GET /jobs/%{job}/log?offset=1.5
--- error_code: 400
--- json
{"status": "ERROR", "result": "The query parameter 'offset' was malformed:\n'1.5' is not a number of bytes"}


=== TEST 11: a place and a number of lines
--- request
GET /jobs/%{job}/log?offset=1&tail=1
--- error_code: 400
--- json
{"status": "ERROR", "result": "The query parameters 'tail' and 'offset' exclude each other"}


=== TEST 12: no such job
--- request
GET /jobs/00000000-0000-4000-8000-000000000000/log
--- error_code: 404
--- json
{"status": "ERROR", "result": "No such job ID 00000000-0000-4000-8000-000000000000"}


=== TEST 13: no such context
--- request
GET /contexts/c2/log
--- error_code: 404
--- json
{"status": "ERROR", "result": "context c2 not found"}
