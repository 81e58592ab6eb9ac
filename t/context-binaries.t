use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

# It is a job of a class that drivers have built in, and has what jobs have.

my ($job) = map { $_->{jobId} } grep { $_->{classPath} eq 'sparkjob.binaries' } @{http('GET', '/jobs?context=c1&status=finished')->{json}};
is(http('GET', "/jobs/$job/result")->{status}, 200, 'adding is a job');

my %key = ('Idempotency-Key' => 'one');
my $first = http('POST', '/contexts/c1/binaries', '{"cp": ["app"]}', %key)->{json}{jobId};
is(http('POST', '/contexts/c1/binaries', '{"cp": ["app"]}', %key)->{json}{jobId}, $first, 'sent twice it is one');
is(http('POST', '/contexts/c1/binaries', '{"cp": ["app2"]}', %key)->{status}, 422, 'but not with another binary');

__DATA__

=== TEST 1: names of binaries and URIs are added to a context
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::upload('app2');
main::context('c1');
--- request
POST /contexts/c1/binaries?cp=app,g:a:1.0
--- json
{"jobId": "<id>", "result": ["app", "g:a:1.0"]}


=== TEST 2: they may stand in the body
--- request
POST /contexts/c1/binaries
{"cp": ["app2", "ivy://g:a:1.0?exclude=a:b,c:d"]}
--- json
{"jobId": "<id>", "result": ["app2", "ivy://g:a:1.0?exclude=a:b,c:d"]}


=== TEST 3: it need not be waited for
--- request
POST /contexts/c1/binaries?cp=app&sync=false
--- error_code: 202
--- json
{"jobId": "<id>", "status": "STARTED", "...": 1}


=== TEST 4: none at all
--- request
POST /contexts/c1/binaries
--- error_code: 400
--- json
{"status": "ERROR", "result": "~cp parameters"}


=== TEST 5: a binary that is not there
--- request
POST /contexts/c1/binaries?cp=nix
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName nix not found"}


=== TEST 6: a context that is not there
--- request
POST /contexts/nix/binaries?cp=app
--- error_code: 404
--- json
{"status": "ERROR", "result": "~nix"}


=== TEST 7: a flag that is none
--- request
POST /contexts/c1/binaries?cp=app&sync=perhaps
--- error_code: 400
--- json
{"status": "ERROR", "result": "~sync"}
