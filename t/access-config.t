use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

launcher();
run_tests();

__DATA__

=== TEST 1: every directive at every level where it may stand
--- http_config
sparkjob_zone main 1m unix:$TEST_NGINX_SPARKJOB_MAIN;
sparkjob_user $http_x_user;
sparkjob_owner on;
sparkjob_audit $TEST_NGINX_SPARKJOB_DIR/audit.txt;
sparkjob_allow read,submit,contexts,binaries,admin ann;
--- config
sparkjob_owner off;
sparkjob_audit off;
sparkjob_allow read ann "bob b" ~^c ~*^d$ $http_x_read ${http_x_read};
location / {
    sparkjob main;
    sparkjob_owner on;
    sparkjob_audit $TEST_NGINX_SPARKJOB_DIR/audit.txt;
    sparkjob_allow $http_x_roles all;
    sparkjob_allow submit $http_x_submit;
}
location /nested/ {
    location /nested/in/ { sparkjob main; }
}
--- more_headers
X-User: bob b
--- request
GET /nested/in/contexts
--- json
[]


=== TEST 2: a role that there is not
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow reader ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*unknown role "reader" in "reader"}]


=== TEST 3: one among others
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read,write ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*unknown role "write" in "read,write"}]


=== TEST 4: a role with no name
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read, ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*unknown role "" in "read,"}]


=== TEST 5: roles in capital letters
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow READ ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*unknown role "READ"}]


=== TEST 6: a role for nobody
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow read; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*invalid number of arguments in "sparkjob_allow"}]


=== TEST 7: a user with no name
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read ''; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*a user has no name}]


=== TEST 8: all, and others
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read all ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"all" has others beside it}]


=== TEST 9: others, and all
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read ann all; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"all" has others beside it}]


=== TEST 10: an expression that is none
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read '~('; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*pcre2?_compile}]


=== TEST 11: an expression that is empty
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_user $remote_user; sparkjob_allow read '~*'; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"~\*" has no regular expression}]


=== TEST 12: a condition that would always hold
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow read 'x$remote_user'; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"x\$remote_user" is not one variable alone}]


=== TEST 13: text behind a variable
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow read '$remote_user.'; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"\$remote_user\." is not one variable alone}]


=== TEST 14: two variables
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow '$remote_user$arg_x' all; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*is not one variable alone}]


=== TEST 15: a dollar alone
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow $ all; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"\$" is not one variable alone}]


=== TEST 16: a variable that there is not
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow $nope all; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*unknown "nope" variable}]


=== TEST 17: users, but none of requests
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow read all; sparkjob_allow admin ann; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"sparkjob_allow" names "ann" in .*:\d+, but location "/x" has no "sparkjob_user"}]


=== TEST 18: an expression for users, but none of requests
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_allow admin '~^a'; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"sparkjob_allow" names "~\^a"}]


=== TEST 19: owners, but no users
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_owner on; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"sparkjob_owner" is on in location "/x", which has no "sparkjob_user"}]


=== TEST 20: an owner that is neither on nor off
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_owner me; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*invalid value "me" in "sparkjob_owner"}]


=== TEST 21: two audit files
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_audit a.log; sparkjob_audit b.log; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"sparkjob_audit" directive is duplicate}]


=== TEST 22: an audit file with no name
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_audit ''; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"" is not the name of a file}]


=== TEST 23: an audit file with variables
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_audit '/tmp/$host.log'; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*"/tmp/\$host.log" is not the name of a file}]


=== TEST 24: an audit file in a folder that there is not
--- http_config
sparkjob_zone main 1m unix:/tmp/x.sock;
--- config
location /x/ { sparkjob main; sparkjob_audit /nonexistent/audit.log; }
--- must_die
--- suppress_stderr
--- error_log eval
["[emerg]", qr{\[emerg\].*open\(\) "/nonexistent/audit.log" failed}]
