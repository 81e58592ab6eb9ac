use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: a binary that a running job uses is not deleted
--- config
location / { sparkjob main; }
--- init
main::upload('app');
main::upload('app2');
main::context('c1');
--- request
POST /jobs?cp=app&mainClass=sleep&context=c1
{"ms": 60000}
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job jobId


=== TEST 2: the refusal names the job
--- request
DELETE /binaries/app
--- error_code: 403
--- json
{"status": "ERROR", "result": "Binary is in use by job(s): %{job}"}


=== TEST 3: the second job uses it, too
--- request
POST /jobs?cp=app2,app&mainClass=sleep&context=c1
{"ms": 60000}
--- error_code: 202
--- json
{"jobId": "<id>", "...": 1}
--- save
job2 jobId


=== TEST 4: the refusal names both jobs
--- request
DELETE /binaries/app
--- error_code: 403
--- json
{"status": "ERROR", "result": "~^Binary is in use by job\\(s\\): (%{job}, %{job2}|%{job2}, %{job})$"}


=== TEST 5: it is still there
--- request
GET /binaries/app
--- json
{"app-name": "app", "...": 1}


=== TEST 6: once the jobs have ended it can be deleted
--- init
main::http('DELETE', '/jobs/%{job}');
main::http('DELETE', '/jobs/%{job2}');
main::wait_job('%{job}', 'KILLED');
main::wait_job('%{job2}', 'KILLED');
--- request
DELETE /binaries/app
--- json
{"status": "SUCCESS"}


=== TEST 7: a job cannot use it any longer
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&sync=true
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName app not found"}
