use SparkjobTest;
use Test::Nginx::Socket 'no_plan';

use JSON::PP;

# Clusters with a keytab: drivers get tickets, by a kinit that does what a file says; t/clusters/test_kerberos.py has a real KDC.

my $dir = test_dir();
my $keytab = file('keytab', "\5\2", 0600);
my $how = file('how', '');

file('kinit', <<"END", 0700);
#!/bin/sh
read how <$how
echo "\$KRB5_CONFIG \$*" >>$dir/asked
while [ "\$how" = hold ]; do sleep 0.1; read how <$how; done
case \$how in
    hang) exec sleep 60 ;;
    ?*) echo "kinit: \$how" >&2; exit 1 ;;
esac
wc -l <$dir/asked >"\$5"
END

my $secure = {master => 'local', principal => 'me@REALM', keytab => $keytab};
launcher('main',
    dao => 'sqlite',
    clusters => {secure => $secure, plain => {master => 'local'}},
    library_sets => {set => {}},
    driver => {environment => {KRB5_CONFIG => '/its/krb5.conf'}, kerberos => {kinit => "$dir/kinit", renewal => 1}},
);
run_server();

sub file {
    my ($name, $text, $mode) = @_;
    open my $out, '>', "$dir/$name.new" or die "$dir/$name: $!";
    print $out $text;
    close $out;
    chmod $mode // 0600, "$dir/$name.new";
    rename "$dir/$name.new", "$dir/$name";
    return "$dir/$name";
}

sub text {
    open my $in, '<', $_[0] or return '';
    local $/;
    return scalar <$in>;
}

# Changes members of the configuration, and has a launcher that runs read it.

sub configure {
    my (%members) = @_;
    my $config = JSON::PP::decode_json(text("$dir/main.json"));
    file('main.json', JSON::PP::encode_json({%$config, %members}));
    kill 'HUP', launcher_pid() if launcher_pid();
}

# Begins a context, whose kinit goes on when it is told how.

sub held {
    my ($path) = @_;
    my $asked = text("$dir/asked");
    file('how', "hold\n");
    my $answer = http_start('POST', $path);
    wait_for('its kinit runs', sub { text("$dir/asked") ne $asked });
    return $answer;
}

sub job {
    my ($context, $class) = @_;
    return http('POST', "/jobs?cp=jar&mainClass=$class&sync=true&context=$context")->{json}{result};
}

upload('jar');

# One that nobody answers is waited for beside the others.

file('how', "hang\n");
my $hung = http_start('POST', '/contexts/hung?cluster=secure');
wait_for('its kinit runs', sub { text("$dir/asked") });
file('how', '');

context('one?cluster=secure');
like((split /\n/, text("$dir/asked"))[1], qr{^\S+:/its/krb5\.conf -k -t \Q$keytab\E -c \S+ me\@REALM$}, 'kinit is told all that it needs');
my $environ = job('one', 'environ');
my $tickets = $environ->{KRB5CCNAME};
is($environ->{KRB5PRINCIPAL}, 'me@REALM', 'a driver is told whose tickets it has');
like(text($tickets), qr/^\d+$/, 'and where');
is((stat $tickets)[2] & 07777, 0600, 'they are closed to others');
unlike(JSON::PP::encode_json($environ), qr/\Q$keytab/, 'no word of the keytab is in its environment');
my $told = job('one', 'context');
unlike(JSON::PP::encode_json($told), qr/\Q$keytab/, 'nor in its settings');
is_deeply([grep { /kerberos|yarn/ } sort @{$told->{fixed}}],
          [(map { "spark.kerberos.$_" } qw(keytab principal renewal.credentials)), map { "spark.yarn.$_" } qw(keytab principal)],
          'where a request can set no other one');
is($told->{settings}{'spark.kerberos.renewal.credentials'}, 'ccache', 'Spark takes the tickets');

context('two?cluster=plain');
ok(!exists job('two', 'environ')->{KRB5CCNAME}, 'a cluster without a keytab has none');

# They are replaced.

my $before = text($tickets);
wait_for('there are new tickets', sub { text($tickets) ne $before });
file('how', "Cannot contact any KDC for realm 'REALM' while getting initial credentials\n");
wait_for('the log tells of what fails', sub { text("$dir/main.log") =~ /context one \S+: .*Cannot contact any KDC.*; tried again in/ });
like(text($tickets), qr/^\d+$/, 'the old ones stay then');

my $answer = http('POST', '/contexts/three?cluster=secure');
is($answer->{status}, 500, 'a context without a ticket does not begin');
is($answer->{json}{result}{message}, "Kerberos: there is no ticket for me\@REALM: Cannot contact any KDC for realm 'REALM' while getting "
   . 'initial credentials', 'why is told, and no word of the keytab');
is($answer->{json}{result}{errorClass}, 'spark.jobserver.ContextInitializationException', 'as of any that cannot be made');
file('how', "Key table file '$keytab' not found while getting initial credentials\n");
$answer = http('POST', '/contexts/three?cluster=secure');
is($answer->{json}{result}{message}, "Kerberos: there is no ticket for me\@REALM: Key table file '...' not found while getting initial "
   . 'credentials', 'even if kinit has one');

file('how', '');
$before = text($tickets);
wait_for('it is tried again', sub { text($tickets) ne $before });

# So do those of drivers that another launcher has started.

$answer = http_finish($hung, 60);
is($answer->{status}, 500, 'no context begins without an answer of the KDC');
is($answer->{json}{result}{message}, 'Kerberos: there is no ticket for me@REALM: no KDC has answered within 10 s', 'which is told');

kill_launcher();
$before = text($tickets);
start_launcher();
wait_for('there are new ones', sub { text($tickets) ne $before });

is(http('DELETE', '/contexts/one')->{status}, 200, 'a context ends');
wait_for('its tickets are gone', sub { !-e $tickets });

# What a context needs may leave the configuration while it waits.

for ([four => "no\n", 'Kerberos: there is no ticket for me@REALM: no'],
     [five => '', 'Context five could not be started: cluster: there is no cluster "secure"']) {
    my ($name, $text, $why) = @$_;
    my $waits = held("/contexts/$name?cluster=secure&library-set=set");
    configure(clusters => {}, library_sets => {});
    wait_for('the cluster is gone', sub { http('GET', '/clusters/secure')->{status} == 404 });
    file('how', $text);
    is(http_finish($waits, 60)->{json}{result}{message}, $why, "context $name is told so");
    configure(clusters => {secure => $secure}, library_sets => {set => {}});
    wait_for('it is back', sub { http('GET', '/clusters/secure')->{status} == 200 });
}

# One that waits when the launcher ends is left to the next one.

configure(at_exit => 'leave');
my $waits = held('/contexts/six?cluster=secure');
is(stop_launcher(), 0, 'the launcher ends');
file('how', '');
configure(at_exit => 'stop');
start_launcher();
is(http_finish($waits, 60)->{status}, 200, 'which starts it');

# What cannot be a cluster's.

file('open', "\5\2", 0640);
file('text', "no keytab\n");
for ([{principal => 'me@REALM'}, 'keytab: expected the path of a keytab of me@REALM, got nothing'],
     [{keytab => $keytab}, 'principal: expected whose keytab it is, got nothing'],
     [{principal => 'me', keytab => $keytab}, 'principal: expected name@REALM or name/host@REALM, got "me"'],
     [{principal => '-c@R', keytab => $keytab}, 'principal: expected name@REALM or name/host@REALM, got "-c@R"'],
     [{principal => 'me@R', keytab => 'keytab'}, 'keytab: expected an absolute path, got "keytab"'],
     [{principal => 'me@R', keytab => "$dir/none"}, "keytab: \"$dir/none\" cannot be read by the launcher: No such file or directory"],
     [{principal => 'me@R', keytab => $dir}, "keytab: \"$dir\" is no file"],
     [{principal => 'me@R', keytab => "$dir/text"}, "keytab: \"$dir/text\" is no keytab"],
     [{principal => 'me@R', keytab => "$dir/open"},
      "keytab: \"$dir/open\" is open to others than its owner (mode 0640), expected 0600 or 0400"])
{
    my ($spec, $why) = @$_;
    $answer = http('POST', '/clusters/wrong', JSON::PP::encode_json({master => 'local', %$spec}));
    is($answer->{status}, 400, "refused: $why");
    like(JSON::PP->new->allow_nonref->encode($answer->{json}{result}), qr/\Q@{[JSON::PP->new->allow_nonref->encode($why) =~ s{^"|"$}{}gr]}/,
         'and told');
}
is(http('POST', '/clusters/right', JSON::PP::encode_json({master => 'local', principal => 'a/b@R', keytab => $keytab}))->{status}, 201,
   'others are made');
