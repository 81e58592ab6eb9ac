# The check at the end of every test, proved able to fail: a launcher that does
# everything wrong must be found out, point by point.

use v5.20;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $lib = dirname(abs_path(__FILE__)) . '/lib';
my $dir = tempdir('sparkjob-c-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub write_file {
    my ($path, $text, $mode) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out;
    chmod $mode // 0644, $path;
}

write_file("$dir/launcher", <<'_EOC_', 0755);
#!/usr/bin/env python3
import json, os, signal, socket, subprocess, sys, time
config = json.load(open(sys.argv[2]))
good = os.environ.get("GOOD")
path = config["channel"]["socket"]

def end(*_):
    if good:
        os.unlink(path)
    os._exit(0 if good else 3)

signal.signal(signal.SIGTERM, end)
if not good:
    with open(config["log"]["file"], "w") as log:
        print("2000/01/01 00:00:00 [alert] 1#1: a fault", file=log)
    print("==1==ERROR: AddressSanitizer: heap-use-after-free", flush=True)
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    dead = subprocess.Popen(["true"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    work = os.path.join(config["data_dir"], "tmp")
    os.makedirs(work)
    open(os.path.join(work, "left"), "w").close()
    held = open(os.path.join(config["data_dir"], "held"), "w")
    os.unlink(held.name)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(5)
while True:
    time.sleep(1)
_EOC_

write_file("$dir/run.t", <<'_EOC_');
use SparkjobTest;
use Test::More;
launcher();
pass('started');
done_testing() if 0;
_EOC_

sub outcome {
    my (%env) = @_;
    local @ENV{keys %env} = values %env;
    local $ENV{SPARKJOB_LAUNCHER} = "$dir/launcher";
    my @inc = map { "-I$_" } grep { !ref } @INC;
    open my $out, '-|', "cd $dir && $^X -I$lib @inc -MTest::More=no_plan"
                        . " $dir/run.t 2>$dir/err" or die;
    my %tests;
    /^(not )?ok \d+ - (.*)/ and $tests{$2} = $1 ? 0 : 1 while <$out>;
    close $out;
    return (\%tests, $?);
}

my ($tests, $status) = outcome(GOOD => 1);
is_deeply([grep { !$tests->{$_} } sort keys %$tests], [],
          'a launcher that does nothing wrong passes');
is($status, 0, 'and so does its test');
cmp_ok(scalar keys %$tests, '>=', 6, 'which was looked at');

($tests, $status) = outcome(SPARKJOB_SLOW => 0.2);     # what it waits for will never come
for (
    'launcher main has no zombies',
    'launcher main holds no deleted file',
    'launcher main ends cleanly',
    'no process is left',
    'no file is left',
    'no fault in main.log',
    'no fault in main.out',
) {
    is($tests->{$_}, 0, "found out: $_");
}
isnt($status, 0, 'and the test fails');

my @left = glob '/tmp/sparkjob-t-*/main/held';
is_deeply(\@left, [], 'nothing of it is left');

done_testing();
