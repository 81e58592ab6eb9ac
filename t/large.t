use SparkjobTest;
use Test::Nginx::Socket 'no_plan';
use IO::Uncompress::Gunzip qw(gunzip);

launcher();
run_tests();

# Bodies around the size from which a descriptor goes along instead of bytes.

for my $size (65535, 65536, 65537, 300_000) {
    my $body = join '', map { chr(97 + $_ % 26) } 1 .. $size;
    for my $location ('', '/files', '/tiny') {
        my $answer = http('POST', "$location/jobs?cp=app&mainClass=echo&context=c1&sync=true",
                          $body);
        is($answer->{status}, 200, "a body of $size bytes by $location/");
        ok($answer->{json}{result} eq $body, 'comes back byte for byte');
    }
}

# A small body that nginx holds in a file.

my $small = 'x' x 3000;
is(http('POST', '/files/jobs?cp=app&mainClass=echo&context=c1&sync=true', $small)
   ->{json}{result}, $small, 'a small body in a file');

# Results around the size from which they are files; the string has two quotes.

for my $size (65533, 65534, 65535, 400_000) {
    my $answer = http('POST', '/jobs?cp=app&mainClass=big&context=c1&sync=true',
                      qq({"bytes": $size}));
    is(length $answer->{json}{result}, $size, "a result of $size bytes, waited for");
    my $id = $answer->{json}{jobId};

    my $report = http('GET', "/jobs/$id");
    is(length $report->{json}{result}, $size, 'in the report');
    is($report->{json}{status}, 'FINISHED', 'which has its other members');
    is($report->{headers}{'content-length'} // length $report->{body},
       length $report->{body}, 'with the right length');

    my $head = http('HEAD', "/jobs/$id");
    is($head->{body}, '', 'HEAD sends none of it');
    is($head->{headers}{'content-length'} // 'none',
       $report->{headers}{'content-length'} // 'none', 'but tells the same length');

    my $packed = http('GET', "/gzip/jobs/$id", '', 'Accept-Encoding' => 'gzip');
    is($packed->{headers}{'content-encoding'}, 'gzip', 'gzip works on it');
    my $plain;
    my $raw = $packed->{body};
    $raw = unchunk($raw) if ($packed->{headers}{'transfer-encoding'} // '') eq 'chunked';
    gunzip(\$raw => \$plain);
    is(length($plain // ''), length $report->{body}, 'and keeps it whole');
}

sub unchunk {
    my ($raw) = @_;
    my $body = '';
    while ($raw =~ s/\A([0-9A-Fa-f]+)\r\n// && hex $1) {
        $body .= substr $raw, 0, hex $1, '';
        $raw =~ s/\A\r\n//;
    }
    return $body;
}

# A large configuration comes back, too.

my $posted = '{"text": "' . 'y' x 200_000 . '"}';
my $kept = 0;
for (1 .. 30) {
    my $job = http('POST', '/jobs?cp=app&mainClass=noop&context=c1&sync=true', $posted);
    my $config = http('GET', "/jobs/$job->{json}{jobId}/config");
    $kept++ if length($config->{json}{text} // '') == 200_000;
}
is($kept, 30, 'a large configuration can be asked for as soon as its job has ended');

# Several at once, so that descriptors and streams could be mixed up.

my @mixed = map { http_start('POST', '/jobs?cp=app&mainClass=echo&context=c1&sync=true',
                             $_ x 150_000) } 'a' .. 'h';
my @letters = map { my $r = http_finish($_)->{json}{result} // '?';
                    $r eq substr($r, 0, 1) x 150_000 ? substr $r, 0, 1 : '?' } @mixed;
is(join('', @letters), 'abcdefgh', 'large bodies at once are not mixed up');

# An upload of some megabytes, by memory and by file, and one that is cut off.

my $jar = "PK\3\4" . join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 1_500_000;
for my $location ('', '/files') {
    is(http('POST', "$location/binaries/large", $jar,
            'Content-Type' => 'application/java-archive')->{status}, 201,
       "a jar of 6 MB by $location/");
}
is(http('POST', '/jobs?cp=large&mainClass=noop&context=c1&sync=true')->{json}{result} ? 1 : 0,
   1, 'a job runs from it');

my $cut = http_start('POST', '/binaries/cut', 'PK',
                     'Content-Type' => 'application/java-archive',
                     'Content-Length' => 1_000_000);
close $cut;
is(http('GET', '/binaries/cut')->{status}, 404, 'an upload that is cut off leaves nothing');

__DATA__

=== TEST 1: the server
--- config
location /       { sparkjob main; client_body_buffer_size 1m; }
location /files/ { sparkjob main; client_body_in_file_only clean; }
location /tiny/  { sparkjob main; client_body_buffer_size 1k; }
location /gzip/  { sparkjob main; gzip on; gzip_types application/json; }
--- init
main::upload('app');
main::context('c1?max-jobs-per-context=16');
--- request
GET /contexts
--- json
["c1"]
