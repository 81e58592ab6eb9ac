use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: a server without jars answers an object
--- config
location / { sparkjob main; }
--- request
GET /jars
--- json
{}


=== TEST 2: old clients upload a jar without a media type
--- request eval
"POST /jars/app\nPK\x03\x04 jar"
--- json
{"status": "SUCCESS", "result": "Jar uploaded"}


=== TEST 3: curl --data-binary sends a form's media type
--- request eval
"POST /jars/app2\nPK\x03\x04 jar"
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- json
{"status": "SUCCESS", "result": "Jar uploaded"}


=== TEST 4: the list has times only
--- request
GET /jars
--- json
{"app": "<time>", "app2": "<time>"}


=== TEST 5: it is the binary of the new API
--- request
GET /binaries/app
--- json
{"app-name": "app", "binary-type": "Jar", "upload-time": "<time>"}


=== TEST 6: what is no jar is refused
--- request
POST /jars/app
This is no jar.
--- error_code: 400
--- json
{"status": "ERROR", "result": "Jar is not of the right format"}


=== TEST 7: an empty body is no jar
--- request
POST /jars/app
--- error_code: 400
--- json
{"status": "ERROR", "result": "Jar is not of the right format"}


=== TEST 8: a job runs from it by the old parameter names
--- init
main::context('c1');
--- request
POST /jobs?appName=app&classPath=cp&context=c1&sync=true
--- json
{"jobId": "<id>", "result": ["app"]}
