use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

# Names of files, from the list.

sub files { @{http('GET', '/data')->{json}} }
sub encoded { $_[0] =~ s{/}{%2F}gr }

my $large = 'x' x 200_000;
my $stored = http('POST', '/data/large', $large)->{json}{result}{filename};
ok(-f $stored, 'a large file is where its name says');
is(-s $stored, 200_000, 'with all of its bytes');
is((stat $stored)[2] & 077, 0, 'and for nobody else');

my $second = http('POST', '/data/large', 'y')->{json}{result}{filename};
isnt($second, $stored, 'another upload of that prefix is another file');
is_deeply([(files())[-2, -1]], [$stored, $second], 'the list has both, the oldest first');

my $refused = http('DELETE', '/data/' . encoded("$stored.none"));
is($refused->{status}, 400, 'what is not there cannot be deleted');
json_like($refused->{body}, qq({"status": "ERROR", "result": "Unable to delete data file '$stored.none'."}),
          'and is named');

my $deleted = http('DELETE', '/data/' . encoded($stored));
is($deleted->{status}, 200, 'a file is deleted by its encoded path');
is($deleted->{body}, 'OK', 'the answer is the original one');
like($deleted->{headers}{'content-type'}, qr{^application/json}, 'which calls itself JSON');
ok(!-e $stored, 'the file is gone');

is(http('DELETE', "/data$second")->{body}, 'OK', 'a path of plain segments will do');
ok(!-e $second, 'and deletes the file');
is(http('DELETE', "/data$second")->{status}, 400, 'but once');
is(http('DELETE', '/data/' . encoded('/etc/passwd'))->{status}, 400, 'no other file can be deleted');
ok(-e '/etc/passwd', 'for sure');

# A reset.

http('POST', "/data/r$_", 'z') for 1 .. 3;
my @files = files();
is(http('PUT', '/data?reset=reboot')->{json}{result}, 'Data reset', 'a reset is answered when it is done');
is_deeply([files()], [], 'nothing is listed then');
is(scalar(grep { -e } @files), 0, 'and nothing is left');
http('POST', '/data/again', 'z');
is(http('PUT', '/data?reset=reboot&sync=false')->{json}{result}, 'Data reset requested',
   'one can be asked for, too');
ok(wait_for('the list is empty', sub { !files() }), 'and comes');

__DATA__

=== TEST 1: a server without data files answers an array
--- config
location / { sparkjob main; client_max_body_size 1m; }
--- request
GET /data
--- json
[]


=== TEST 2: an upload answers the file's name, without a status
--- request
POST /data/words
a b c
--- more_headers
Content-Type: text/plain
--- json
{"result": {"filename": "~^/.*/words-\\d{4}-\\d\\d-\\d\\dT.*\\.dat$"}}
--- save
file result.filename


=== TEST 3: which is in the list
--- request
GET /data
--- json
["%{file}"]


=== TEST 4: a file without bytes is one, too
--- request
POST /data/empty
--- json
{"result": {"filename": "~/empty-"}}


=== TEST 5: a prefix is no path
--- request
POST /data/a%2Fb
x
--- error_code: 400
--- json
{"status": "ERROR", "result": "~."}


=== TEST 6: a name that cannot be a path
--- request
DELETE /data/words
--- error_code: 400
--- json
{"status": "ERROR", "result": "Unable to delete data file 'words'."}


=== TEST 7: an upload needs a prefix
--- request
POST /data
x
--- error_code: 405
--- response_headers
Allow: GET, HEAD, PUT
--- json
{"status": "ERROR", "result": "~supported methods"}


=== TEST 8: files are not read here
--- request
GET /data/words
--- error_code: 405
--- response_headers
Allow: POST, DELETE
--- json
{"status": "ERROR", "result": "~supported methods"}


=== TEST 9: a reset of something else
--- request
PUT /data?reset=other
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'other' is not 'reboot'"}


=== TEST 10: a reset of nothing
--- request
PUT /data
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'reset'"}


=== TEST 11: a sync that is no boolean
--- request
PUT /data?reset=reboot&sync=maybe
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'sync'"}


=== TEST 12: a file that is too large for nginx
--- request eval
"POST /data/big\n" . 'x' x 1100000
--- error_code: 413
--- json
{"status": "ERROR", "result": "~."}


=== TEST 13: a prefix that is too long
--- request eval
'POST /data/' . 'p' x 256 . "\nx"
--- error_code: 400
--- json
{"status": "ERROR", "result": "~too long"}


=== TEST 14: a method in the query
--- request
POST /data?_method=PUT&reset=reboot
--- json
{"status": "SUCCESS", "result": "Data reset"}
