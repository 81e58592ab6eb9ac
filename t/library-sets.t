use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use JSON::PP;

# Library sets as resources; the driver is a script, so there is no JVM that looks at them.

my $dir = test_dir();
mkdir "$dir/spark";
mkdir "$dir/spark/jars";
mkdir "$dir/conf";
mkdir "$dir/no-spark";
mkdir "$dir/no-spark/jars";
for my $jar ("$dir/extra.jar", "$dir/spark/jars/scala-library-2.12.18.jar") {
    open my $file, '>', $jar or die $!;
    close $file;
}

launcher('main',
    dao => 'sqlite',
    library_sets => {given => {environment => {WHICH => 'given'}}},
    clusters => {some => {master => 'local', library_set => 'given'}},
);
run_tests();

sub environ {
    return http('POST', "/jobs?cp=jar&mainClass=environ&sync=true&context=$_[0]")->{json}{result};
}

upload('jar');

my $spec = {
    spark_home => "$dir/spark", java => '/bin/true', extra_jars => ["$dir/extra.jar", 'binary:jar'], order => 'hadoop-first',
    hadoop_jars => ["$dir/spark/jars"], hadoop_conf => "$dir/conf", environment => {WHICH => 'mine', MY_TOKEN => 'hidden'},
    options => ['-Dx=1', '-Dsome.password=hidden'],
};
my $answer = http('POST', '/library-sets/mine', encode_json($spec));
is($answer->{status}, 201, 'a library set is made');
is($answer->{json}{spec}{environment}{MY_TOKEN}, '*********', 'secrets are not shown');
is_deeply($answer->{json}{spec}{options}, ['-Dx=1', '-Dsome.password=*********'], 'nor those in options');
is_deeply([map { [$_->{name}, $_->{fixed} ? 1 : 0] } @{http('GET', '/library-sets')->{json}}],
          [['default', 1], ['given', 1], ['mine', 0]], 'all are listed, that of driver.* is one of them');
is_deeply(http('GET', '/library-sets/given')->{json}{usedBy}, ['cluster some'], 'a cluster uses one');

# Who puts back what was shown keeps the secrets.

is(http('PUT', '/library-sets/mine', encode_json($answer->{json}{spec}))->{status}, 200, 'what was shown is put back');
$answer = http('POST', '/library-sets/new', '{"environment": {"MY_TOKEN": "*********"}}');
is($answer->{json}{result}{message}, 'environment: expected the value of MY_TOKEN, got what stands for one that is not shown',
   'where none is kept it is no value');

# A context takes it, and what others have stays as it is.

context('before');
my @before = drivers();
context('with?library-set=mine');
is(environ('with')->{MY_TOKEN}, 'hidden', 'a context has its environment, all of it');
is(environ('with')->{SPARK_HOME}, "$dir/spark", 'and its Spark');
is(environ('with')->{HADOOP_CONF_DIR}, "$dir/conf", 'and its Hadoop configuration');
is(environ('before')->{WHICH}, undef, 'others do not');

$answer = http('PUT', '/library-sets/mine', '{}');
is($answer->{status}, 409, 'it does not change while it is used');
is($answer->{json}{result}, 'library set mine is used by with', 'and by whom is told');
is(http('DELETE', '/library-sets/mine')->{status}, 409, 'nor does it go');
is(http('DELETE', '/library-sets/given')->{status}, 409, 'nor does one of the configuration');
is(http('DELETE', '/library-sets/default')->{status}, 409, 'or what it is without a set');
$answer = http('DELETE', '/binaries/jar');
is($answer->{status}, 403, 'a binary of a set stays');
like($answer->{json}{result}, qr/library set mine/, 'and which set is told');

http('DELETE', '/contexts/with');
$answer = http('PUT', '/library-sets/mine', '{"environment": {"WHICH": "changed"}}');
is($answer->{status}, 200, 'it changes after that');
is(http('DELETE', '/binaries/jar')->{status}, 200, 'and the binary may go');
upload('jar');
context('with?library-set=mine');
is(environ('with')->{WHICH}, 'changed', 'it is another one for contexts from then on');
is(http('POST', '/clusters/on', '{"master": "local", "library_set": "mine"}')->{status}, 201, 'a cluster may have it');
http('DELETE', '/contexts/with');
is(http('DELETE', '/library-sets/mine')->{json}{result}, 'library set mine is used by cluster on', 'then it does not go');
is(http('PUT', '/library-sets/mine', '{}')->{status}, 200, 'but may change');
is(http('DELETE', '/clusters/on')->{status}, 200, 'without the cluster');
is(http('DELETE', '/library-sets/mine')->{status}, 200, 'it goes');
is_deeply([grep { kill 0, $_ } @before], \@before, 'no driver was started again by all this');

# What is wrong is told, all of it.

for (['{"spark_home": "/nowhere"}', 'spark_home: expected the path of a folder that holds "jars", got "/nowhere"'],
     ["{\"spark_home\": \"$dir/no-spark\"}", "spark_home: expected a Spark, but there is no scala-library jar in \"jars\" of \"$dir/no-spark\""],
     ['{"spark_home": "."}', 'spark_home: expected the path of a folder that holds "jars", got "."'],
     ['{"extra_jars": ["."]}', 'extra_jars: expected a jar, a folder of jars or "binary:" with a binary\'s name, got "."'],
     ['{"extra_jars": ["/dev/zero"]}', 'extra_jars: expected a jar, a folder of jars or "binary:" with a binary\'s name, got "/dev/zero"'],
     ['{"java": "./java"}', 'java: expected the folder of a Java, or its program, got "./java"'],
     ['{"hadoop_conf": "etc"}', 'hadoop_conf: expected a path that begins with "/", got "etc"'],
     ['{"hadoop_conf": "/bin/ls"}', 'hadoop_conf: expected the path of a folder, got "/bin/ls"'],
     ['{"java": "/nowhere/java"}', 'java: expected the folder of a Java, or its program, got "/nowhere/java"'],
     ['{"extra_jars": ["binary:none"]}', 'extra_jars: expected a jar, a folder of jars'],
     ['{"hadoop_jars": ["/nowhere.jar"]}', 'got "/nowhere.jar"'],
     ['{"hadoop_conf": "/nowhere"}', 'hadoop_conf: expected the path of a folder'],
     ['{"order": "any"}', 'order: expected "spark-first" or "hadoop-first", got "any"'],
     ['{"options": "-Dx"}', 'options: expected an array of strings'],
     ['{"environment": {"A": 1}}', 'environment: expected an object with strings'],
     ['{"environment": {"A=B": "1"}}', 'environment: expected names that are not empty and have no "=", got {"A=B":"1"}'],
     ['{"environment": {"": "1"}}', 'environment: expected names that are not empty'],
     ['{"scala": 2}', 'scala: expected a string that is not empty, got 2'],
     ['{"jars": []}', 'jars: no such member'])
{
    my ($body, $words) = @$_;
    $answer = http('POST', '/library-sets/wrong', $body);
    is($answer->{status}, 400, "refused: $words");
    like($answer->{json}{result}{message}, qr/\Q$words/, 'in these words');
}
$answer = http('POST', '/library-sets/wrong', '{"spark_home": "/a", "hadoop_conf": "/b"}');
is(scalar @{$answer->{json}{result}{findings}}, 2, 'all that is wrong is told at once');
is(http('POST', '/library-sets/default', '{}')->{json}{result}, 'library set default exists', 'a name is given once');
is(http('PUT', '/library-sets/none', '{}')->{status}, 404, 'what is not there does not change');
is(http('POST', '/library-sets/given/probe')->{status}, 400, 'there is no JVM to look with');
is(http('POST', '/library-sets/none/probe')->{status}, 404, 'and nothing to look at');

__DATA__

=== TEST 1: a server
--- config
    location / {
        sparkjob main;
    }
--- request
GET /healthz
--- error_code: 200


=== TEST 2: a path that is none
--- request
POST /library-sets
--- error_code: 405


=== TEST 3: one that is not there
--- request
GET /library-sets/none
--- error_code: 404
--- json
{"status": "ERROR", "result": "library set none not found"}
