use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

# Clusters: what a context has by the name of one.

my $dir = test_dir();

launcher('main',
    context_settings => {'spark.ui.enabled' => 'false', 'spark.executor.memory' => '1g'},
    clusters => {
        near => {master => 'spark://near:7077', settings => {'spark.executor.memory' => '2g'}, hadoop_conf => "$dir/near"},
        far => {master => 'yarn', deploy_mode => 'client', library_set => 'other', principal => 'me@REALM', keytab => '/k'},
    },
    library_sets => {
        other => {environment => {WHICH => 'other'}, hadoop_conf => "$dir/other", options => ['-Dother=1']},
        third => {environment => {WHICH => 'third'}},
    },
    contexts => {there => {cluster => 'far'}, gone => {cluster => 'nowhere'}},
    driver => {environment => {WHICH => 'default', ALL => '1'}},
);
run_tests();

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
is(job('one', 'environ')->{HADOOP_CONF_DIR}, "$dir/near", 'the driver finds its Hadoop configuration');

context('two?cluster=far');
is_deeply(shown('two'), {cluster => 'far', library => 'other', master => 'yarn'}, 'a cluster may have a library set');
my $environ = job('two', 'environ');
is($environ->{WHICH}, 'other', 'whose environment the driver has');
is($environ->{ALL}, '1', 'over that of the configuration');
is($environ->{YARN_CONF_DIR}, "$dir/other", "and its Hadoop configuration, where the cluster has none");
$told = job('two', 'context');
is($told->{settings}{'spark.kerberos.principal'}, 'me@REALM', 'it logs in');
is($told->{settings}{'spark.kerberos.keytab'}, '/k', 'by its keytab');
is($told->{options}[-1], '-Dother=1', 'and is told the options that it was started with');

context('three?cluster=far&library-set=third');
is_deeply(shown('three'), {cluster => 'far', library => 'third', master => 'yarn'}, 'which a context may choose itself');
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

# Those of the configuration.

wait_for('the predefined one runs', sub { (http('GET', '/contexts/there')->{json}{state} // '') eq 'RUNNING' });
is_deeply(shown('there'), {cluster => 'far', library => 'other', master => 'yarn'}, 'a predefined context has a cluster');
$answer = http('GET', '/contexts/gone')->{json};
is($answer->{state}, 'ERROR', 'one of a cluster that is not there does not run');
like($answer->{reason}, qr/there is no cluster "nowhere"/, 'which is told');

__DATA__

=== TEST 1: a server
--- config
    location / {
        sparkjob main;
    }
--- request
GET /healthz
--- error_code: 200
