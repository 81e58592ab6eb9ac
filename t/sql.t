use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher(max_jobs_per_context => 8);
run_tests();

# A query may be longer than what nginx keeps in memory, and a frame.

my $long = 'SELECT ' . join(', ', map { "'caf\xc3\xa9 \"$_\"'" } 1 .. 12000);
my $answer = http('POST', '/sql?context=c&sync=true', $long);
is($answer->{status}, 200, 'a long query is taken');
my $query = $answer->{json}{result}[0]{query};
utf8::encode($query);
ok($query eq $long, 'and gets to the driver as it is');

$answer = http('POST', '/sql?context=c&sync=true', 'x' x 1048577);
is($answer->{status}, 413, 'one that is too long is refused');
like($answer->{json}{result}, qr/^The query has 1048577 bytes, more than 1048576/, 'and told why');

$answer = http('POST', '/sql?context=c&sync=true', "SELECT '\xff'");
is($answer->{status}, 400, 'as is one that is no text');
like($answer->{json}{result}, qr/UTF-8/, 'and told why');

# The header Accept chooses where no parameter does.

sub type_for {
    my ($accept, $more) = @_;
    my $answer = http('POST', '/sql?context=c&sync=true' . ($more // ''), 'q', Accept => $accept);
    return $answer->{headers}{'content-type'};
}

my $csv = 'text/csv; charset=utf-8';
my $arrow = 'application/vnd.apache.arrow.stream';
is(type_for('text/csv'), $csv, 'CSV');
is(type_for($arrow), $arrow, 'Arrow');
is(type_for('*/*'), 'application/json', 'anything is JSON');
is(type_for('image/png'), 'application/json', 'as is what there is not');
is(type_for('text/csv, */*'), 'application/json', 'what is liked as much as JSON, too');
is(type_for('application/json;q=0.5, Text/CSV ; q=0.9,*/*;q=0.1'), $csv, 'what is liked most');
is(type_for('text/csv;q=0'), 'application/json', 'nothing that is not wanted');
is(type_for('text/csv', '&format=arrow'), $arrow, 'the parameter comes first');

# It is a job, with all that jobs have.

my $job = http('POST', '/sql?context=c&format=csv', 'sleep {"ms": 60000}')->{json};
is(http('GET', "/jobs/$job->{jobId}/result")->{status}, 409, 'it has no result before its end');
$answer = http('DELETE', "/jobs/$job->{jobId}");
is($answer->{json}{status}, 'KILLED', 'it can be killed');
$answer = http('GET', "/jobs/$job->{jobId}/result");
is($answer->{status}, 409, 'and has no result then');
json_like($answer->{body}, '{"status": "KILLED", "result": {"message": "~killed", "errorClass": "<string>",
    "stack": "<string>"}}', 'but its error');

my %key = ('Idempotency-Key' => 'one');
my $first = http('POST', '/sql?context=c', 'q', %key)->{json}{jobId};
is(http('POST', '/sql?context=c', 'q', %key)->{json}{jobId}, $first, 'sent twice it is one job');
is(http('POST', '/sql?context=c', 'r', %key)->{status}, 422, 'but not with another query');
is(http('POST', '/sql?context=c&format=csv', 'q', %key)->{status}, 422, 'or another format');
isnt(http('POST', '/jobs?context=c&cp=app&mainClass=noop', 'q', %key)->{json}{jobId}, $first, 'or route');

# A large result comes in parts where that is asked for.

$answer = http('POST', '/sql?context=c&sync=true&format=csv', 'y' x 200000);
is(length $answer->{body}, 200007, 'a large result');
$answer = http('GET', "/jobs/$answer->{headers}{'sparkjob-job'}/result", '', Range => 'bytes=0-4');
is($answer->{status}, 206, 'a part of it');
is($answer->{body}, 'query', 'which is the one that was asked for');

__DATA__

=== TEST 1: rows as JSON, in the answer of a job
--- config
location / { sparkjob main; }
location /spark/ { sparkjob main; }
--- init
main::upload('app');
main::context('c');
--- request
POST /sql?context=c&sync=true
SELECT "a\b"	-- x
--- json
{"jobId": "<id>", "result": [{"query": "SELECT \"a\\b\"\t-- x", "schema": false}]}
--- response_headers
Content-Type: application/json
--- save
job jobId


=== TEST 2: the job says what it was
--- request
GET /jobs/%{job}
--- json
{"jobId": "%{job}", "classPath": "sparkjob.sql", "context": "c", "status": "FINISHED",
 "result": [{"query": "SELECT \"a\\b\"\t-- x", "schema": false}], "...": 1}


=== TEST 3: and its configuration has the query
--- request
GET /jobs/%{job}/config
--- json
{"query": "SELECT \"a\\b\"\t-- x", "schema": false}


=== TEST 4: the result without anything around it
--- request
GET /jobs/%{job}/result
--- json
[{"query": "SELECT \"a\\b\"\t-- x", "schema": false}]


=== TEST 5: with the schema
--- request
POST /sql?context=c&sync=true&schema=true
q
--- json
{"jobId": "<id>", "result": [{"query": "q", "schema": true}]}


=== TEST 6: asynchronous
--- request
POST /sql?context=c
q
--- error_code: 202
--- json
{"jobId": "<id>", "status": "STARTED", "classPath": "sparkjob.sql", "...": 1}


=== TEST 7: CSV is the answer itself
--- request
POST /sql?context=c&sync=true&format=csv
q
--- response_body
query
q
--- response_headers
Content-Type: text/csv; charset=utf-8


=== TEST 8: Arrow, too
--- request
POST /sql?context=c&sync=true&format=arrow
q
--- response_body_like: ^\xff\xff\xff\xff\0\0\0\0$
--- response_headers
Content-Type: application/vnd.apache.arrow.stream
! Accept-Charset


=== TEST 9: the report of what is no JSON says where the result is
--- request
POST /sql?context=c&format=csv
q
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 10: below the prefix of the location
--- init
main::wait_job(main::saved('job'), 'FINISHED');
--- request
GET /spark/jobs/%{job}
--- json
{"status": "FINISHED", "classPath": "sparkjob.sql.csv",
 "result": {"location": "/spark/jobs/%{job}/result", "contentType": "text/csv"}, "...": 1}


=== TEST 11: there it is
--- request
GET /jobs/%{job}/result
--- response_body
query
q
--- response_headers
Content-Type: text/csv; charset=utf-8


=== TEST 12: HEAD tells its size
--- request
HEAD /jobs/%{job}/result
--- response_body
--- response_headers
Content-Length: 8
Content-Type: text/csv; charset=utf-8


=== TEST 13: what Spark cannot parse is refused, with its message
--- request
POST /sql?context=c
SELEC 1
--- error_code: 400
--- json
{"status": "VALIDATION FAILED", "result": {"message": "~SELEC", "errorClass": "~ParseException$", "stack": "<string>"}}


=== TEST 14: what fails while it runs is the job's error, also where no JSON was asked for
--- request
POST /sql?context=c&sync=true&format=csv
throw {"message": "division by zero"}
--- json
{"jobId": "<id>", "status": "ERROR", "result": {"message": "division by zero", "...": 1}}


=== TEST 15: no query
--- request eval
["POST /sql?context=c", "POST /sql?context=c\n \t\n "]
--- error_code eval
[400, 400]
--- json eval
['{"status": "ERROR", "result": "The body has no query"}', '{"status": "ERROR", "result": "The body has no query"}']


=== TEST 16: an unknown format
--- request
POST /sql?context=c&format=xml
q
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'format' was malformed:\n'xml' is none of 'json', 'csv' and 'arrow'"}


=== TEST 17: a schema is for JSON
--- request
POST /sql?context=c&format=csv&schema=true
q
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'schema' is for the format json, not for csv"}


=== TEST 18: a context that there is not
--- request
POST /sql?context=none
q
--- error_code: 404
--- json
{"status": "ERROR", "result": "context none not found"}


=== TEST 19: ad hoc
--- request
POST /sql?sync=true
q
--- json
{"jobId": "<id>", "result": [{"query": "q", "schema": false}]}


=== TEST 20: GET of the route
--- request
GET /sql
--- error_code: 405
--- json
{"status": "ERROR", "result": "<string>"}


=== TEST 21: the result of a job that there is not
--- request
GET /jobs/00000000-0000-4000-8000-000000000000/result
--- error_code: 404
--- json
{"status": "ERROR", "result": "~^No such job ID"}


=== TEST 22: the result of any job
--- request
POST /jobs?cp=app&mainClass=value&context=c&sync=true
{"value": {"a": [1]}}
--- json
{"jobId": "<id>", "result": {"a": [1]}}
--- save
job jobId


=== TEST 23: is JSON
--- request
GET /jobs/%{job}/result
--- json
{"a": [1]}
--- response_headers
Content-Type: application/json
