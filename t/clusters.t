use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use JSON::PP;
use Time::HiRes;

# Clusters: what a context has by the name of one.

my $dir = test_dir();

launcher('main',
    dao => 'sqlite',
    context_settings => {'spark.ui.enabled' => 'false', 'spark.executor.memory' => '1g'},
    clusters => {
        near => {master => 'spark://near:7077', settings => {'spark.executor.memory' => '2g', 'spark.driver.memory' => '300M'}, hadoop_conf => "$dir/near"},
        far => {master => 'spark://far:7077', deploy_mode => 'client', library_set => 'other'},
    },
    library_sets => {
        other => {environment => {WHICH => 'other'}, hadoop_conf => "$dir/other", options => ['-Dother=1']},
        third => {environment => {WHICH => 'third'}},
    },
    contexts => {there => {cluster => 'far'}, gone => {cluster => 'nowhere'}},
    driver => {environment => {WHICH => 'default', ALL => '1'}},
);
run_server();

sub job {
    my ($context, $class) = @_;
    return http('POST', "/jobs?cp=jar&mainClass=$class&sync=true&context=$context")->{json}{result};
}

sub shown {
    my $json = http('GET', "/contexts/$_[0]")->{json};
    return {map { $_ => $json->{$_} } grep { exists $json->{$_} } qw(cluster library master)};
}

upload('jar');

context('plain');
is_deeply(shown('plain'), {library => 'default', master => 'local[*]'}, 'a context without a cluster');
is(job('plain', 'environ')->{WHICH}, 'default', 'has what the configuration says');

context('one?cluster=near');
is_deeply(shown('one'), {cluster => 'near', library => 'default', master => 'spark://near:7077'}, 'a cluster has a master');

my $told = job('one', 'context');
is($told->{settings}{'spark.executor.memory'}, '2g', "a cluster's settings win over the configuration's");
is($told->{settings}{'spark.ui.enabled'}, 'false', 'which are there as well');
is_deeply([sort @{$told->{fixed}}], ['spark.master', 'spark.submit.deployMode'], 'where it is cannot be changed');
is($told->{options}[-1], '-Xmx300m', 'its first driver has the memory that they say');
is(job('one', 'environ')->{HADOOP_CONF_DIR}, "$dir/near", 'the driver finds its Hadoop configuration');

context('two?cluster=far');
is_deeply(shown('two'), {cluster => 'far', library => 'other', master => 'spark://far:7077'}, 'a cluster may have a library set');
my $environ = job('two', 'environ');
is($environ->{WHICH}, 'other', 'whose environment the driver has');
is($environ->{ALL}, '1', 'over that of the configuration');
is($environ->{YARN_CONF_DIR}, "$dir/other", "and its Hadoop configuration, where the cluster has none");
$told = job('two', 'context');
is($told->{options}[-1], '-Dother=1', 'and is told the options that it was started with');

context('three?cluster=far&library-set=third');
is_deeply(shown('three'), {cluster => 'far', library => 'third', master => 'spark://far:7077'}, 'which a context may choose itself');
is(job('three', 'environ')->{WHICH}, 'third', 'then');

# Names in a body are known to the driver only, which another one takes the place of.

context('four', '{"spark": {"context-settings": {"cluster": "near", "library-set": "third"}}}');
is_deeply(shown('four'), {cluster => 'near', library => 'third', master => 'spark://near:7077'}, 'a body may name them');
is(job('four', 'environ')->{WHICH}, 'third', 'the driver is started again by them');

context('five?cluster=far', '{"spark": {"context-settings": {"cluster": null}}}');
is_deeply(shown('five'), {library => 'default', master => 'local[*]'}, 'and take them back');

my $answer = http('POST', '/jobs?cp=jar&mainClass=environ&sync=true', '{"spark": {"context-settings": {"cluster": "far"}}}');
is($answer->{json}{result}{WHICH}, 'other', 'so may the body of a job of its own context');

# What is not there.

$answer = http('POST', '/contexts/six?cluster=nowhere');
is($answer->{status}, 400, 'a cluster that is not there is refused');
is($answer->{json}{result}, 'cluster: there is no cluster "nowhere"', 'by its name');
$answer = http('POST', '/contexts/six?library-set=nothing');
is($answer->{status}, 400, 'so is a library set');
is($answer->{json}{result}, 'library-set: there is no library set "nothing"', 'by its name');
$answer = http('POST', '/contexts/six', '{"spark": {"context-settings": {"library-set": "nothing"}}}');
is($answer->{status}, 400, 'also in a body');
like($answer->{json}{result}{message}, qr/there is no library set "nothing"/, 'by its name');

# Sizes and counts that are none, of whatever would take them, are told before anything is started.

my %wrong = (
    'memory-per-node' => [qw(banana -1g 0 1.5g 1x 1k 9999999999g)],
    'spark.executor.memory' => ['2 g', 'g', '99999999999999999999'],
    'launcher.spark.executor.memory' => ['12mib'],
    'spark.driver.memory' => [qw(banana -1g 0 0g 1.5g 512mb)],
    'launcher.spark.driver.memory' => ['lots'],
    'num-cpu-cores' => [qw(banana -1 0 1.5 2147483648 9999999999999999999)],
    'spark.cores.max' => ['4x'],
    'max-jobs-per-context' => ['0'],
    'spark.master' => ['nonsense', 'spark://near'],
    'spark.submit.deployMode' => ['banana', 'Cluster'],
);
for my $name (sort keys %wrong) {
    for my $value (@{$wrong{$name}}) {
        my $begin = Time::HiRes::time();
        $answer = http('POST', "/contexts/odd?$name=" . ($value =~ s/ /%20/r));
        cmp_ok(Time::HiRes::time() - $begin, '<', 10, "$name=$value is answered soon");
        is($answer->{status}, 400, 'it is refused');
        like($answer->{json}{result}, qr/^\Q$name\E: expected (a|the|client) .*, got "\Q$value\E"$/, 'by its name and value');
    }
}
is(http('GET', '/contexts/odd')->{status}, 404, 'no context is made');
$answer = http('POST', '/clusters/odd', '{"master": "local", "settings": {"spark.executor.memory": "banana"}}');
is($answer->{status}, 400, 'a cluster does not take them either');
is($answer->{json}{result}{message}, 'settings: spark.executor.memory: expected a size like 512m or 2g, got "banana"', 'by their names');
for my $memory (qw(700 700m 700MB 1Gb 734003200b)) {
    context("six?memory-per-node=$memory&num-cpu-cores=2");
    http('DELETE', '/contexts/six');
}

# Those of the configuration.

wait_for('the predefined one runs', sub { (http('GET', '/contexts/there')->{json}{state} // '') eq 'RUNNING' });
is_deeply(shown('there'), {cluster => 'far', library => 'other', master => 'spark://far:7077'}, 'a predefined context has a cluster');
$answer = http('GET', '/contexts/gone')->{json};
is($answer->{state}, 'ERROR', 'one of a cluster that is not there does not run');
like($answer->{reason}, qr/there is no cluster "nowhere"/, 'which is told');

# Those that are asked for.

my $made = {master => 'spark://late:7077', settings => {'spark.cores.max' => '2', 'spark.hadoop.fs.s3a.secret.key' => 'hidden'}};
$answer = http('POST', '/clusters/late', JSON::PP::encode_json($made));
is($answer->{status}, 201, 'a cluster is made');
is($answer->{json}{spec}{master}, 'spark://late:7077', 'and shown');
is($answer->{json}{spec}{settings}{'spark.hadoop.fs.s3a.secret.key'}, '*********', 'but for secrets');
ok(!$answer->{json}{fixed}, 'it is not of the configuration');
is(http('POST', '/clusters/late', JSON::PP::encode_json($made))->{status}, 400, 'a name is given once');
is(http('POST', '/clusters/near', JSON::PP::encode_json($made))->{json}{result}, 'cluster near exists',
   'also one of the configuration');
is_deeply([map { $_->{name} } @{http('GET', '/clusters')->{json}}], [qw(far late near)], 'all are listed, by name');
json_like(http('GET', '/clusters/near')->{body},
          '{"name": "near", "fixed": true, "usedBy": ["one", "four"], "spec": {"master": "spark://near:7077", "...": 1}, "...": 1}',
          'those of the configuration as well');

my $shown = $answer = http('GET', '/clusters/late')->{json}{spec};
is(http('PUT', '/clusters/late', JSON::PP::encode_json({%$shown, deploy_mode => 'client'}))->{status}, 200,
   'what was shown is put back, with a change');
$shown->{settings}{'spark.my.token'} = '*********';
$answer = http('PUT', '/clusters/late', JSON::PP::encode_json($shown));
is($answer->{status}, 400, 'what stands for no secret that is kept is no value');
is($answer->{json}{result}{message},
   'settings: expected the value of spark.my.token, got what stands for one that is not shown', 'and is named');

context('seven?cluster=late');
is(job('seven', 'context')->{settings}{'spark.cores.max'}, '2', 'a context has what it says');
is(job('seven', 'context')->{settings}{'spark.hadoop.fs.s3a.secret.key'}, 'hidden', 'secrets that were put back as shown are kept');
$answer = http('PUT', '/clusters/late', '{"master": "local"}');
is($answer->{status}, 409, 'it is not changed while it is used');
is($answer->{json}{result}, 'cluster late is used by seven', 'and by whom is told');
is(http('DELETE', '/clusters/late')->{status}, 409, 'nor deleted');
http('DELETE', '/contexts/seven');
$answer = http('PUT', '/clusters/late', '{"master": "local", "library_set": "third"}');
is($answer->{status}, 200, 'but after that');
is($answer->{json}{spec}{master}, 'local', 'it is another one');
context('seven?cluster=late');
is_deeply(shown('seven'), {cluster => 'late', library => 'third', master => 'local'}, 'for contexts from then on');

# So does one that is to have it, and waits for the old one of its name to end.

context('eight?script.stop=slow:2000');
is(http('PUT', '/contexts/eight?cluster=late&async=true', '')->{status}, 202, 'a context is to be replaced');
$answer = http('DELETE', '/clusters/late');
is($answer->{status}, 409, 'a cluster stays for contexts that wait');
is($answer->{json}{result}, 'cluster late is used by seven, eight', 'and for whom is told');
is(http('DELETE', '/library-sets/third')->{status}, 409, 'so does its library set');
wait_for('the new one runs', sub { (shown('eight')->{cluster} // '') eq 'late' && http('GET', '/contexts/eight')->{json}{state} eq 'RUNNING' });
is_deeply(http('GET', '/clusters/late')->{json}{usedBy}, ['seven', 'eight'], 'and is used by it once');
http('DELETE', '/contexts/eight');

for (['PUT', 'near', 409, 'of the configuration'], ['DELETE', 'near', 409, 'of the configuration'],
     ['PUT', 'none', 404, 'that is not there'], ['DELETE', 'none', 404, 'that is not there'], ['GET', 'none', 404, 'that is not there'])
{
    my ($method, $name, $status, $which) = @$_;
    is(http($method, "/clusters/$name", $method eq 'PUT' ? '{"master": "local"}' : '')->{status}, $status, "$method of one $which");
}

for (['', 'no JSON'], ['[]', 'the body is no JSON object'], ['{}', 'master: expected the URL of a master, got nothing'],
     ['{"master": ""}', 'master: expected a string that is not empty, got ""'],
     ['{"master": "spark://a:1\n2"}', 'master: expected a string without control characters, got "spark://a:1'],
     ['{"master": "' . 'a' x 60000 . '"}', 'master: expected a string of at most 4096 bytes, got "aaa'],
     ['{"master": "local", "rest": "file:///etc/passwd"}', 'rest: expected a URL that begins with http:// or https://, got "file:'],
     ['{"master": "local", "web": "http://a,gopher://b"}', 'web: expected a URL that begins with http:// or https://, got "http:'], ['{"master": "local", "master": "b"}', 'a member is there twice'],
     (map {["{\"master\": \"$_\"}", 'master: expected the URL of a master, like local[2], spark://host:7077, yarn or k8s://https://host:6443, got "' . $_ . '"']}
      'banana', 'local[x]', 'local[2', 'local[2,]', 'localhost', 'spark://', 'spark://near', 'spark://near:', 'spark://near:0', 'spark://near:65536', 'spark://:7077',
      'spark://near:7077,far', 'spark://near:7077/', 'yarn-client', 'k8s://', '://x'),
     ['{"master": "local", "settings": {"spark.master": "yarn"}}', 'settings: spark.master: expected in the member "master"'],
     ['{"master": "yarn", "settings": {"spark.submit.deployMode": "cluster"}}', 'settings: spark.submit.deployMode: expected in the member "deploy_mode"'],
     ['{"master": "local", "settings": {"library-set": "other"}}', 'settings: library-set: expected in the member "library_set"'],
     ['{"master": "local", "hadoop_conf": "."}', 'hadoop_conf: expected a path that begins with "/", got "."'],
     ['{"master": "local", "hadoop_conf": "/bin/ls"}', 'hadoop_conf: expected the path of a folder, got "/bin/ls"'],
     ['{"master": "local", "x": 1}', 'x: no such member'],
     ['{"master": "local", "deploy_mode": "both"}', 'deploy_mode: expected "client" or "cluster", got "both"'],
     (map {["{\"master\": \"$_\", \"deploy_mode\": \"cluster\"}", 'deploy_mode: drivers cannot be started by the master "' . $_ . '"']}
      'local[2]', 'mesos://near:5050'),
     ['{"master": "local", "settings": {"n": 1}}', 'settings: expected an object with strings'],
     ['{"master": "local", "hadoop_conf": "/nowhere"}', 'hadoop_conf: expected the path of a folder, got "/nowhere"'],
     ['{"master": "local", "library_set": "nothing"}', 'library_set: there is no library set "nothing"'])
{
    my ($body, $words) = @$_;
    $answer = http('POST', '/clusters/wrong', $body);
    is($answer->{status}, 400, "refused: $words");
    like($answer->{json}{result}{message}, qr/\Q$words/, 'in these words');
}
for my $master ('local[*]', 'local[4, 2]', 'local-cluster[2,1,1024]', 'spark://near:7077,[::1]:7078', 'k8s://https://near:6443', 'mesos://near:5050', 'other://near') {
    is(http('POST', '/clusters/right', JSON::PP::encode_json({master => $master}))->{status}, 201, "$master is a master");
    http('DELETE', '/clusters/right');
}
is(http('POST', '/clusters/1st', '{"master": "local"}')->{status}, 400, 'a name starts with a letter');

# They are rows: another launcher finds them, and the contexts that have them.

kill_launcher();
start_launcher();
$answer = wait_for('the launcher is back', sub { my $json = http('GET', '/clusters/late')->{json}; ref $json eq 'HASH' && $json->{name} && $json });
is($answer->{spec}{master}, 'local', 'the next launcher has the cluster');
ok(job('seven', 'pid'), 'and the context that is on it');
is_deeply(shown('seven'), {cluster => 'late', library => 'third', master => 'local'}, 'as it was');
is(http('DELETE', '/clusters/late')->{status}, 409, 'which uses it as before');
http('DELETE', '/contexts/seven');
is(http('DELETE', '/clusters/late')->{status}, 200, 'until it ends');
is(http('GET', '/clusters/late')->{status}, 404, 'then it is gone');
