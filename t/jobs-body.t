use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: binaries and class may stand in the body
--- config
location / { sparkjob main; }
--- init
main::upload($_) for qw(app lib);
main::context('c1');
--- request
POST /jobs?context=c1&sync=true
{"cp": ["app"], "mainClass": "value", "value": 3}
--- json
{"jobId": "<id>", "result": 3}


=== TEST 2: the class alone
--- request
POST /jobs?cp=app&context=c1&sync=true
{"mainClass": "value", "value": 4}
--- json
{"jobId": "<id>", "result": 4}


=== TEST 3: the binaries alone
--- request
POST /jobs?mainClass=cp&context=c1&sync=true
{"cp": ["app", "lib"]}
--- json
{"jobId": "<id>", "result": ["app", "lib"]}


=== TEST 4: the report names the class that was found
--- request
POST /jobs?context=c1
{"cp": ["app"], "mainClass": "sleep", "ms": 50}
--- error_code: 202
--- json
{"jobId": "<id>", "classPath": "sleep", "status": "STARTED", "...": 1}


=== TEST 5: the query wins over the body
--- request
POST /jobs?cp=app&mainClass=value&context=c1&sync=true
{"cp": ["nope"], "mainClass": "nope", "value": 5}
--- json
{"jobId": "<id>", "result": 5}


=== TEST 6: a body without a class
--- request
POST /jobs?cp=app&context=c1
{"value": 1}
--- error_code: 400
--- json
{"status": "ERROR", "result": "Cannot parse config: mainClass parameter is missing!"}


=== TEST 7: a binary that is not there, in the body
--- request
POST /jobs?context=c1
{"cp": ["nope"], "mainClass": "value"}
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName nope not found"}


=== TEST 8: what a job depends on, in the query
--- request
POST /jobs?cp=app&mainClass=cp&context=c1&sync=true&dependent-jar-uris=lib,http://repo.example/x.jar
--- json
{"jobId": "<id>", "result": ["app", "lib", "http://repo.example/x.jar"]}


=== TEST 9: a URI on the class path
--- request
POST /jobs?cp=app,https://repo.example/a.jar&mainClass=cp&context=c1&sync=true
--- json
{"jobId": "<id>", "result": ["app", "https://repo.example/a.jar"]}


=== TEST 10: Maven coordinates
--- request
POST /jobs?cp=app,org.example:lib:1.0&mainClass=cp&context=c1&sync=true
--- json
{"jobId": "<id>", "result": ["app", "org.example:lib:1.0"]}


=== TEST 11: a dependency that is not there
--- request
POST /jobs?cp=app&mainClass=cp&context=c1&dependent-jar-uris=nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "appName nope not found"}


=== TEST 12: a dependency with a control character
--- request
POST /jobs?cp=app&mainClass=cp&context=c1&dependent-jar-uris=a%00b
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'?dependent-jar-uris"}


=== TEST 13: a callback needs http
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=ftp://host/x
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl' was malformed:\\n'ftp://host/x' is not an http or https URL with a host"}


=== TEST 14: and a host
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=http:///x
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl'"}


=== TEST 15: not a port alone
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=https://:80/
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl'"}


=== TEST 16: nor one that is none
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=https://host:99999/
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl'"}


=== TEST 17: nor an address without its end
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=http://[::1/
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl'"}


=== TEST 18: nor a blank
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=http://host/a%20b
--- error_code: 400
--- json
{"status": "ERROR", "result": "~'callbackUrl'"}


=== TEST 19: a long one
--- request eval
'POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=http://host/' . 'x' x 2048
--- error_code: 400
--- json
{"status": "ERROR", "result": "~callbackUrl is too long"}


=== TEST 20: a URI that may not be fetched
--- request
POST /jobs?cp=app&mainClass=baduri&context=c1
--- error_code: 400
--- json
{"status": "JOB LOADING FAILED: Malformed URL",
 "result": {"message": "http://127.0.0.1/x.jar may not be fetched", "...": 1}}


=== TEST 21: a callback to an address that may not be reached is told at once
--- request
POST /jobs?cp=app&mainClass=noop&context=c1&callbackUrl=http://127.1:8080/done
--- error_code: 400
--- json
{"status": "ERROR", "result": "The query parameter 'callbackUrl' was malformed:\n'127.0.0.1:8080' may not be reached, see outbound.hosts of the launcher"}
