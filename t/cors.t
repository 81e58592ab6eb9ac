use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: a preflight is answered by what conf/nginx-cors.conf says
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
map $http_origin $allowed { https://app.example.com $http_origin; }
--- config
location / {
    add_header Access-Control-Allow-Origin $allowed always;
    add_header Access-Control-Expose-Headers "Location, Link, Retry-After" always;
    add_header Vary Origin always;

    if ($request_method = OPTIONS) {
        add_header Access-Control-Allow-Origin $allowed always;
        add_header Access-Control-Allow-Methods "GET, POST, PUT, DELETE" always;
        add_header Access-Control-Allow-Headers "Content-Type, Authorization, Idempotency-Key, Last-Event-ID" always;
        return 204;
    }

    sparkjob main;
}
--- request
OPTIONS /jobs
--- more_headers
Origin: https://app.example.com
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, POST, PUT, DELETE


=== TEST 2: answers may be read by that origin
--- request
GET /contexts
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- json
[]


=== TEST 3: so may errors
--- request
GET /jobs/none
--- more_headers
Origin: https://app.example.com
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
--- json
{"status": "ERROR", "result": "No such job ID none"}


=== TEST 4: and not by another one
--- request
GET /contexts
--- more_headers
Origin: https://evil.example.com
--- response_headers
! Access-Control-Allow-Origin
--- json
[]
