use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: a server without binaries answers an object, not null or an array
--- config
location / { sparkjob main; }
--- request
GET /binaries
--- json
{}


=== TEST 2: a jar is accepted
--- request eval
"POST /binaries/app\nPK\x03\x04 first"
--- more_headers
Content-Type: application/java-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 3: the list shows type and time of upload, in UTC with milliseconds
--- request
GET /binaries
--- json
{"app": {"binary-type": "Jar", "upload-time": "~^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$"}}


=== TEST 4: one binary is shown under its name
--- request
GET /binaries/app
--- json
{"app-name": "app", "binary-type": "Jar", "upload-time": "<time>"}
--- save
first upload-time


=== TEST 5: an egg keeps its type
--- request eval
"POST /binaries/egg\nPK\x03\x04 egg"
--- more_headers
Content-Type: application/python-egg
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 6: a wheel keeps its type
--- request eval
"POST /binaries/wheel\nPK\x03\x04 wheel"
--- more_headers
Content-Type: application/python-wheel
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 7: old clients send eggs as application/python-archive
--- request eval
"POST /binaries/egg2\nPK\x03\x04 egg"
--- more_headers
Content-Type: application/python-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 8: and as python-archive
--- request eval
"POST /binaries/egg3\nPK\x03\x04 egg"
--- more_headers
Content-Type: python-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 9: a media type has parameters and is compared without case
--- request eval
"POST /binaries/app2\nPK\x03\x04 x"
--- more_headers
Content-Type: Application/Java-Archive; charset=binary
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 10: all of them are listed, each with its type
--- request
GET /binaries
--- json
{"app":   {"binary-type": "Jar",   "upload-time": "<time>"},
 "app2":  {"binary-type": "Jar",   "upload-time": "<time>"},
 "egg":   {"binary-type": "Egg",   "upload-time": "<time>"},
 "egg2":  {"binary-type": "Egg",   "upload-time": "<time>"},
 "egg3":  {"binary-type": "Egg",   "upload-time": "<time>"},
 "wheel": {"binary-type": "Wheel", "upload-time": "<time>"}}


=== TEST 11: an unknown media type is refused, and named
--- request eval
"POST /binaries/app\nPK\x03\x04 x"
--- more_headers
Content-Type: text/plain
--- error_code: 415
--- json
{"status": "ERROR", "result": "Unsupported binary type text/plain"}


=== TEST 12: a longer type that begins like a known one is unknown
--- request eval
"POST /binaries/app\nPK\x03\x04 x"
--- more_headers
Content-Type: application/java-archives
--- error_code: 415
--- json
{"status": "ERROR", "result": "Unsupported binary type application/java-archives"}


=== TEST 13: a missing media type is refused
--- request eval
"POST /binaries/app\nPK\x03\x04 x"
--- error_code: 415
--- json
{"status": "ERROR", "result": "~^Unsupported binary type"}


=== TEST 14: what is no zip is refused
--- request
POST /binaries/app
This is not a jar at all.
--- more_headers
Content-Type: application/java-archive
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format"}


=== TEST 15: the magic alone is no zip
--- request eval
"POST /binaries/app\nPK\x03\x04"
--- more_headers
Content-Type: application/java-archive
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format"}


=== TEST 16: an empty body is no zip
--- request
POST /binaries/app
--- more_headers
Content-Type: application/java-archive
Content-Length: 0
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format"}


=== TEST 17: neither is a body that is missing
--- request
POST /binaries/app
--- more_headers
Content-Type: application/java-archive
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format"}


=== TEST 18: a refused upload leaves the former version alone
--- request
GET /binaries/app
--- json
{"app-name": "app", "binary-type": "Jar", "upload-time": "%{first}"}


=== TEST 19: a second upload is a new version
--- request eval
"POST /binaries/app\nPK\x03\x04 second"
--- more_headers
Content-Type: application/java-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 20: the newest version is shown, once
--- request
GET /binaries/app
--- json
{"app-name": "app", "binary-type": "Jar", "upload-time": "~^(?!%{first})"}


=== TEST 21: the same bytes again are a new version, too
--- request eval
"POST /binaries/app\nPK\x03\x04 second"
--- more_headers
Content-Type: application/java-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 22: a chunked upload is accepted
--- raw_request eval
"POST /binaries/chunked HTTP/1.1\r
Host: localhost\r
Connection: close\r
Transfer-Encoding: chunked\r
Content-Type: application/java-archive\r
\r
2\r
PK\r
4\r
\x03\x04ab\r
0\r
\r
"
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 23: a name is decoded once
--- request eval
"POST /binaries/my%20app%2525\nPK\x03\x04 x"
--- more_headers
Content-Type: application/java-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 24: and found again by the same path
--- request
GET /binaries/my%20app%2525
--- json
{"app-name": "my app%25", "binary-type": "Jar", "upload-time": "<time>"}


=== TEST 25: a name is escaped in JSON
--- request eval
"POST /binaries/a%22b%5Cc%C3%A9\nPK\x03\x04 x"
--- more_headers
Content-Type: application/java-archive
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 26: so that the answer stays JSON
--- request
GET /binaries/a%22b%5Cc%C3%A9
--- json eval
'{"app-name": "a\"b\\\\c\u00e9", "binary-type": "Jar", "upload-time": "<time>"}'


=== TEST 27: an unknown binary has the capital C of the API
--- request
GET /binaries/nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "Can't find binary with name nope"}


=== TEST 28: and the small one when it is to be deleted
--- request
DELETE /binaries/nope
--- error_code: 404
--- json
{"status": "ERROR", "result": "can't find binary with name nope"}


=== TEST 29: a binary is deleted with all versions
--- request
DELETE /binaries/app
--- json
{"status": "SUCCESS"}


=== TEST 30: an older version does not come back
--- request
GET /binaries/app
--- error_code: 404
--- json
{"status": "ERROR", "result": "Can't find binary with name app"}


=== TEST 31: nor in the list
--- request
GET /binaries
--- response_body_unlike: "app"
--- json
{"app2": "<any>", "...": 1}


=== TEST 32: a binary of a new nginx comes from the launcher's truth
--- config
location / { sparkjob main; }
--- init
main::wait_for('the zone is filled',
               sub { main::http('GET', '/binaries/egg')->{status} == 200 });
--- request
GET /binaries/egg
--- json
{"app-name": "egg", "binary-type": "Egg", "upload-time": "<time>"}


=== TEST 33: a source of Python
--- request eval
"POST /binaries/source\ndef f():\n    return '\xc3\xa4'\n"
--- more_headers
Content-Type: text/x-python; charset=utf-8
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 34: keeps its type
--- request
GET /binaries/source
--- json
{"app-name": "source", "binary-type": "Python", "upload-time": "<time>"}


=== TEST 35: one in another encoding
--- request eval
"POST /binaries/latin\nname = '\xe4'\n"
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format: a source of Python has to be text in UTF-8"}


=== TEST 36: an archive is none
--- request eval
"POST /binaries/zip\nPK\x03\x04 egg"
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format: a source of Python has to be text in UTF-8"}


=== TEST 37: nor is nothing
--- request
POST /binaries/nothing
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format: it is empty"}


=== TEST 38: a character that two pieces of a large file share
--- request eval
"POST /binaries/large\n#" . "\xe2\x82\xac" x 100000 . "\n"
--- more_headers
Content-Type: text/x-python
--- error_code: 201
--- json
{"status": "SUCCESS"}


=== TEST 39: one that is cut within a character
--- request eval
"POST /binaries/cut\n#" . "\xe2\x82\xac" x 100000 . "\xe2\x82"
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "Binary is not of the right format: a source of Python has to be text in UTF-8"}


=== TEST 40: my.dots cannot be a module
--- request
POST /binaries/my.dots
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "the name of a source of Python has to be one of a module, not \"my.dots\""}


=== TEST 41: my py cannot be a module
--- request
POST /binaries/my%20py
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "the name of a source of Python has to be one of a module, not \"my py\""}


=== TEST 42: 1st cannot be a module
--- request
POST /binaries/1st
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "the name of a source of Python has to be one of a module, not \"1st\""}


=== TEST 43: class cannot be a module
--- request
POST /binaries/class
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "the name of a source of Python has to be one of a module, not \"class\""}


=== TEST 44: my-py cannot be a module
--- request
POST /binaries/my-py
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 400
--- json
{"status": "ERROR", "result": "the name of a source of Python has to be one of a module, not \"my-py\""}


=== TEST 45: a word that only begins like a keyword can
--- request
POST /binaries/class_2
print(1)
--- more_headers
Content-Type: text/x-python
--- error_code: 201
--- json
{"status": "SUCCESS"}
