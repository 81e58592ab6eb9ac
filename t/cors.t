use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

# Requests that change something, from pages of others. A name that is refused with 400 shows that it was let in.

my $change = '/contexts/1';
for (['no browser'],
     ['a page of this server', 'Origin' => 'http://localhost'],
     ['the same behind TLS', 'Origin' => 'https://LOCALHOST'],
     ['the same behind a proxy with another Host', 'Origin' => 'https://spark.example.com', 'Sec-Fetch-Site' => 'same-origin'],
     ['who has typed it', 'Sec-Fetch-Site' => 'none'],
     ['a page that is listed', 'Origin' => 'https://app.example.com'],
     ['the same, in the words of a new browser', 'Origin' => 'https://app.example.com', 'Sec-Fetch-Site' => 'cross-site']) {
    my ($who, %headers) = @$_;
    is(http('POST', $change, '', %headers)->{json}{result}, 'context name must start with letters', "$who is let in");
}

for (['a page of another site', 'Origin' => 'https://evil.example.com'],
     ['another program on this host', 'Origin' => 'http://localhost:3000'],
     ['a host that ends like this one', 'Origin' => 'http://evillocalhost'],
     ['a page without an origin', 'Origin' => 'null'],
     ['what names none', 'Sec-Fetch-Site' => 'cross-site'],
     ['a subdomain', 'Origin' => 'https://a.example.com', 'Sec-Fetch-Site' => 'same-site'],
     ['who only claims the name', 'Origin' => 'http://localhost', 'Sec-Fetch-Site' => 'cross-site']) {
    my ($who, %headers) = @$_;
    my $answer = http('POST', $change, '', %headers);
    is($answer->{status}, 403, "$who is not");
    like($answer->{json}{result}, qr/^Pages of .* may not change anything/, 'and told so');
}

my %evil = (Origin => 'https://evil.example.com');
is(http('POST', "$change?_method=DELETE", '', %evil)->{status}, 403, 'a form is no way around it');
is(http($_->[0], $_->[1], '', %evil)->{status}, 403, "@$_") for ['DELETE', '/jobs/x'], ['PUT', '/data?reset=reboot'], ['POST', '/jobs'];
is(http('GET', '/contexts', '', %evil, 'Sec-Fetch-Site' => 'cross-site')->{status}, 200, 'what changes nothing is not asked for that');
is(http('POST', "/open$change", '', %evil)->{status}, 400, 'nor is anybody where all origins are let in');

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

    sparkjob_origin $allowed;
    sparkjob main;
}
location /open/ { sparkjob_origin 1; sparkjob main; }
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
