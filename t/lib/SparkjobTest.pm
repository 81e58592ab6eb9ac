# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

package SparkjobTest;

# What every t/*.t stands on.  It must be used before Test::Nginx::Socket:
#
#     use SparkjobTest;
#     use Test::Nginx::Socket 'no_plan';
#
#     launcher();               # the real launcher with the scripted driver
#     run_tests();
#
# Everything lives in one temporary folder.  A block that has a --- config runs
# in a new nginx, a block without one in the nginx of the block before it.
# --- http_config is preceded by "sparkjob_zone main ...", unless it has a zone
# of its own, and --- main_config by what loads the module.
#
# Sections beyond those of Test::Nginx::Socket:
#
#     --- json      the body as JSON; strings may be "<any>", "<string>",
#                   "<number>", "<id>", "<time>", "<duration>" or "~regexp",
#                   the key "..." in an object permits further members, the
#                   last element "..." of an array further elements
#     --- save      "name path.to.member": keeps a member of the answer, which
#                   later blocks write as %{name}
#
# The suite runs in other ways, too (make prove-hup and so on): with
# TEST_NGINX_USE_HUP nginx is reloaded between blocks instead of started anew;
# with TEST_NGINX_USE_VALGRIND nginx runs under valgrind, whose every word is a
# fault; SPARKJOB_PRELOAD is a library for nginx and the launcher; SPARKJOB_ZONE
# is the size of all zones; SPARKJOB_SLOW multiplies the time that is waited for
# anything.
#
# When the test ends the launcher is stopped, and nothing may be left: no
# process, no zombie, no deleted file still open, no socket or file of a driver,
# no [alert] or [emerg], no sanitizer's report.

use v5.20;
use strict;
use warnings;

use Test::More ();
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find ();
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my $Lib = dirname(abs_path(__FILE__));
my $Project = dirname(dirname($Lib));
my $Owner = $$;

my $Dir = File::Temp::tempdir('sparkjob-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $Port = free_port();
my $NginxLog = "$Dir/nginx.log";
# how much longer than on a quiet machine anything may take before it counts as
# never
my $Slow = 6 * ($ENV{SPARKJOB_SLOW} // 1);

my %Launchers;
my %Saved;
my @Expected;       # lines of logs that a test has asked for
my $Json = JSON::PP->new->utf8->allow_nonref->canonical;

$ENV{TEST_NGINX_SERVROOT} = "$Dir/servroot";
$ENV{TEST_NGINX_PORT} = $ENV{TEST_NGINX_SERVER_PORT} = $Port;
$ENV{TEST_NGINX_SPARKJOB_DIR} = $Dir;
$ENV{TEST_NGINX_SPARKJOB_SECOND_PORT} = free_port();
$ENV{TEST_NGINX_TIMEOUT} //= 3 * $Slow;
$ENV{TEST_NGINX_LD_PRELOAD} = $ENV{SPARKJOB_PRELOAD} if $ENV{SPARKJOB_PRELOAD};

my $Valgrind = $ENV{TEST_NGINX_USE_VALGRIND}
               && "--leak-check=full --show-leak-kinds=definite"
                  . " --num-callers=40 --keep-debuginfo=yes --suppressions=$Lib/valgrind.supp"
                  . " --log-file=$Dir/valgrind-%p.log";
$ENV{TEST_NGINX_USE_VALGRIND} = $Valgrind if $Valgrind;

my %Sections = map { $_ => 1 } qw(
    name description SKIP ONLY LAST
    config http_config main_config user_files must_die suppress_stderr init
    request raw_request more_headers pipelined_requests timeout
    error_code error_code_like
    response_body response_body_like response_body_unlike
    response_headers response_headers_like
    raw_response_headers_like error_log no_error_log
    json save
);

sub import {
    my $caller = caller;
    no strict 'refs';
    *{"${caller}::$_"} = \&$_ for qw(
        run_server
        launcher stop_launcher kill_launcher start_launcher launcher_pid
        http http_start http_finish upload context wait_for wait_job expect_log
        saved json_like drivers test_dir http_port master_pid worker_pids
    );

    # a test that is interrupted, or whose reader goes away, cleans up, too
    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

    require Test::Nginx::Socket;
    Test::Nginx::Socket::add_block_preprocessor(\&prepare);
    Test::Nginx::Socket::add_response_body_check(\&check_body);
    Test::Nginx::Socket::no_shuffle();
    Test::Nginx::Socket::no_long_string();
    Test::Nginx::Socket::no_root_location();
    Test::Nginx::Socket::master_on();
    Test::Nginx::Socket::workers(2);
    Test::Nginx::Socket::log_level('notice');
}

sub test_dir  { $Dir }
sub http_port { $Port }
sub saved     { $Saved{$_[0]} }


# A server for what follows, in place of run_tests(): for tests without blocks.

sub run_server {
    Test::Base::default_object()->spec_string(<<'END');
=== TEST 1: a server
--- config
    location / {
        sparkjob main;
    }
--- request
GET /healthz
--- error_code: 200
END
    Test::Nginx::Socket::run_tests();
}


# ---------------------------------------------------------------- launchers

# Starts a launcher, or another one under another name; %more are members of
# its configuration.  Its socket is $TEST_NGINX_SPARKJOB_<NAME>.

sub launcher {
    my ($name, %more) = (@_ % 2 ? @_ : ('main', @_));
    my $socket = "$Dir/$name.sock";
    make_path("$Dir/$name");

    my %config = (
        data_dir => "$Dir/$name",
        channel => {socket => $socket},
        log => {file => "$Dir/$name.log", level => 'debug'},
        dao => $ENV{SPARKJOB_DAO} // 'memory',
        driver => {
            command => ['python3', '-B', "$Lib/scripted_driver.py"],
            start_timeout => 10 * $Slow, stop_timeout => 3, kill_timeout => 2,
            %{delete $more{driver} // {}},
        },
        max_jobs_per_context => 4,
        max_contexts => 16,
        %more,
    );
    open my $out, '>', "$Dir/$name.json" or die "$Dir/$name.json: $!";
    print $out $Json->pretty->encode(\%config);
    close $out;
    $Json->pretty(0);

    $ENV{'TEST_NGINX_SPARKJOB_' . uc $name} = $socket;
    $Launchers{$name} = {name => $name, socket => $socket};
    start_launcher($name);
}

sub start_launcher {
    my $launcher = $Launchers{$_[0] // 'main'};
    my $binary = $ENV{SPARKJOB_LAUNCHER} // "$Project/build/sparkjob-launcher";
    my $base = "$Dir/$launcher->{name}";

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>>', "$base.out";
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        setpgrp;
        $ENV{LD_PRELOAD} = $ENV{SPARKJOB_PRELOAD} if $ENV{SPARKJOB_PRELOAD};
        exec $binary, '-c', "$base.json" or print "cannot run $binary: $!\n";
        POSIX::_exit(127);
    }
    $launcher->{pid} = $pid;

    wait_for("launcher $launcher->{name} listens", sub {
        if (waitpid($pid, WNOHANG) == $pid) {
            delete $launcher->{pid};
            die "the launcher has ended: " . slurp("$base.out");
        }
        IO::Socket::UNIX->new(Peer => $launcher->{socket});
    });
}

sub launcher_pid { $Launchers{$_[0] // 'main'}{pid} }

sub kill_launcher {
    my $launcher = $Launchers{$_[0] // 'main'};
    kill 'KILL', $launcher->{pid};
    waitpid $launcher->{pid}, 0;
    delete $launcher->{pid};
}

# Asks the launcher to end, which stops its drivers; returns its exit status.

sub stop_launcher {
    my $launcher = $Launchers{$_[0] // 'main'};
    my $pid = delete $launcher->{pid} // return 0;
    kill 'TERM', $pid;

    for (1 .. 1500 * $Slow) {
        return $? if waitpid($pid, WNOHANG) == $pid;
        sleep 0.01;
    }
    Test::More::diag("launcher $launcher->{name} does not end when asked to");
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return -1;
}

# Process ids of the drivers below a launcher.

sub drivers {
    my ($name) = (@_, 'main');
    return grep { slurp("/proc/$_/cmdline") =~ /scripted_driver/
                  && slurp("/proc/$_/environ")
                     =~ m{SPARKJOB_SOCKET=\Q$Dir/$name\E\b} } processes();
}

# Process ids of nginx.

sub master_pid {
    my ($pid) = slurp(Test::Nginx::Socket::server_root() . '/logs/nginx.pid')
                =~ /(\d+)/ or die 'nginx has no pid';
    return $pid;
}

sub worker_pids { split ' ', `ps -o pid= --ppid @{[master_pid()]}` }

# A line of a log that would be a fault, but not in this test.

sub expect_log { push @Expected, @_ }


# ---------------------------------------------------------------- requests

# One request, or several at once: http('GET', '/jobs', $body, %headers).

sub http {
    return http_finish(http_start(@_));
}

sub http_start {
    my ($method, $url, $body, %headers) = @_;
    $body //= '';
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => delete $headers{port} // $Port)
        or die "cannot connect: $!";
    $headers{Host} //= 'localhost';
    $headers{'Content-Length'} //= length $body if $body ne '';
    my $head = join '', map { "$_: $headers{$_}\r\n" } sort keys %headers;
    local $SIG{PIPE} = 'IGNORE';    # a refusal may come before the body's end
    print $sock "$method $url HTTP/1.1\r\n"
                . "Connection: close\r\n$head\r\n$body";
    $sock->flush;
    return $sock;
}

sub http_finish {
    my ($sock, $limit) = @_;
    my $raw = '';
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm(($limit // 15) * $Slow);
    my $ok = eval { 1 while sysread $sock, $raw, 65536, length $raw; 1 };
    alarm 0;
    close $sock;
    return {status => 0, body => $raw, headers => {}} if !$ok
        || $raw !~ /\A(HTTP\S* (\d+).*?\r\n)\r\n/s;

    my ($head, $status, $body) = ($1, $2, substr $raw, $+[0]);
    my %headers = map { lc((split /:\s*/, $_, 2)[0]) => (split /:\s*/, $_, 2)[1] }
                  grep { /:/ } split /\r\n/, $head;
    my $json = eval { local $SIG{__DIE__}; $Json->decode($body) };
    return {status => $status, headers => \%headers, body => $body,
            json => $json, head => $head};
}

# Uploads something that looks like a jar.

sub upload {
    my ($name, $content) = @_;
    my $answer = http('POST', "/binaries/$name", $content // "PK\3\4 $name",
                      'Content-Type' => 'application/java-archive');
    die "upload of $name: $answer->{status} $answer->{body}"
        if $answer->{status} != 201;
}

# Creates a context; the name may carry a query.

sub context {
    my ($name, $body) = @_;
    my $answer = http('POST', "/contexts/$name", $body);
    die "context $name: $answer->{status} $answer->{body}"
        if $answer->{status} != 200;
}

# Waits until the code returns a true value, and returns it.

sub wait_for {
    my ($what, $code, $limit) = @_;
    my $end = time + ($limit // 15) * $Slow;
    while (1) {
        my $value = $code->();
        return $value if $value;
        last if time > $end;
        sleep 0.02;
    }
    Test::More::fail("waited in vain: $what");
    return;
}

# Waits until a job has this state; returns its report.

sub wait_job {
    my ($id, $state, $prefix) = @_;
    my $last;
    return wait_for("job $id is $state", sub {
        $last = http('GET', ($prefix // '') . "/jobs/$id")->{json};
        return ref $last eq 'HASH' && ($last->{status} // '') eq $state && $last;
    });
}


# ---------------------------------------------------------------- blocks

sub fill {
    my ($value) = @_;
    return [map { fill($_) } @$value] if ref $value eq 'ARRAY';
    return $value if !defined $value || ref $value;
    return $value =~ s/%\{(\w+)\}/$Saved{$1} \/\/ die "nothing saved as $1\n"/ger;
}

sub prepare {
    my ($block) = @_;
    my $name = $block->name;

    for my $section (keys %$block) {
        next if $section =~ /^_|^(?:seq_num|is_filtered|blocks_object|original_values)$/;
        die "$name: no section \"$section\"\n" if !$Sections{$section};
    }

    if (defined $block->config) {
        $block->set_value(main_config => join "\n", module_config($block),
                                                    $block->main_config // '');
        my $http = $block->http_config // '';
        $http = "sparkjob_zone main 4m unix:$ENV{TEST_NGINX_SPARKJOB_MAIN};\n$http"
            if $http !~ /\bsparkjob_zone\b/ && !defined $block->must_die;
        $http =~ s/^(sparkjob_zone \S+) \d+[km] /$1 $ENV{SPARKJOB_ZONE} /gm
            if $ENV{SPARKJOB_ZONE} && !defined $block->must_die;
        $block->set_value(http_config => $http);
    }

    $block->set_value(raw_response_headers_like =>
                      'Content-Type: application/json(?:; *charset=utf-8)?\r\n')
        if defined $block->json && !ref $block->json
           && !defined $block->raw_response_headers_like
           && !defined $block->pipelined_requests && !ref $block->request;

    for (qw(request raw_request more_headers json init response_body_like
            response_headers response_headers_like))
    {
        $block->set_value($_ => fill($block->$_)) if defined $block->$_;
    }
}

# Our log has the higher level, so that nginx takes it for its standard error,
# which a sanitizer writes to; Test::Nginx removes its own at each start.

sub module_config {
    my ($block) = @_;
    my $module = $ENV{SPARKJOB_MODULE}
                 // "$Project/build/ngx_http_sparkjob_module.so";
    return ($module eq '' ? '' : "load_module $module;",
            defined $block->must_die ? '' : "error_log $NginxLog info;");
}

sub check_body {
    my ($block, $body, $i) = @_;
    my $want = $block->json;
    $want = $want->[$i] if ref $want eq 'ARRAY';
    my $name = $block->name . (ref $block->request ? " (request $i)" : '');

    if (defined $want) {
        json_like($body, $want, "$name - JSON");
    }

    if (defined $block->save && $i == 0) {
        my $value = eval { local $SIG{__DIE__}; $Json->decode($body) };
        for (grep { /\S/ } split /\n/, $block->save) {
            my ($variable, $path) = split;
            my $at = $value;
            for (split /\./, $path) {
                $at = ref $at eq 'HASH' ? $at->{$_}
                    : ref $at eq 'ARRAY' ? $at->[$_] : undef;
            }
            Test::More::ok(defined $at, "$name - the answer has $path")
                or Test::More::diag($body);
            $Saved{$variable} = $at;
        }
    }
}


# ---------------------------------------------------------------- JSON

my $Uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my %Kinds = (
    '<any>'      => sub { 1 },
    '<string>'   => sub { $_[1] =~ /^"/ },
    '<number>'   => sub { $_[1] =~ /^-?\d/ },
    '<id>'       => sub { $_[1] =~ /^"$Uuid"$/ },
    '<time>'     => sub {
        $_[1] =~ /^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[-+]\d\d:\d\d)"$/
    },
    '<duration>' => sub { $_[1] =~ /^"\d+\.\d+(?:E-?\d+)? secs"$/ },
);

# Passes when the text is JSON of the wanted form.

sub json_like {
    my ($text, $want, $name) = @_;
    $want = eval { local $SIG{__DIE__}; $Json->decode($want) }
        // die "$name: bad pattern: $@" if !ref $want;
    my $got = eval { local $SIG{__DIE__}; $Json->decode($text) };
    my $why = $@ ? "not JSON: $@" : differs($got, $want, '');
    Test::More::ok(!$why, $name) or Test::More::diag("$why\n  in: $text");
    return !$why;
}

sub differs {
    my ($got, $want, $at) = @_;
    my $show = $Json->encode($got);

    if (ref $want eq 'HASH') {
        return "$at: not an object: $show" if ref $got ne 'HASH';
        for my $key (sort keys %$want) {
            next if $key eq '...';
            return "$at: no member $key" if !exists $got->{$key};
            my $why = differs($got->{$key}, $want->{$key}, "$at.$key");
            return $why if $why;
        }
        my @more = grep { !exists $want->{$_} } sort keys %$got;
        return @more && !exists $want->{'...'} ? "$at: has @more" : '';
    }

    if (ref $want eq 'ARRAY') {
        return "$at: not an array: $show" if ref $got ne 'ARRAY';
        my @want = @$want;
        my $open = @want && !ref $want[-1] && ($want[-1] // '') eq '...';
        pop @want if $open;
        return "$at: " . @$got . ' elements: ' . $show
            if @$got < @want || @$got > @want && !$open;
        for my $i (0 .. $#want) {
            my $why = differs($got->[$i], $want[$i], "$at.$i");
            return $why if $why;
        }
        return '';
    }

    if (defined $want && exists $Kinds{$want}) {
        return $Kinds{$want}->($got, $show) ? '' : "$at: not $want: $show";
    }
    if (defined $want && $want =~ /^~(.*)/s) {
        my $pattern = $1;
        return defined $got && !ref $got && $got =~ /$pattern/ ? ''
             : "$at: not /$pattern/: $show";
    }
    my $wanted = $Json->encode($want);
    return $show eq $wanted ? '' : "$at: $show instead of $wanted";
}


# ---------------------------------------------------------------- the end

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}

# Of those that the system gives to no client meanwhile.

sub free_port {
    my ($end) = slurp('/proc/sys/net/ipv4/ip_local_port_range') =~ /(\d+)/;
    for (1 .. 100) {
        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', Listen => 1,
            LocalPort => $end > 12000 ? 10000 + int rand $end - 10000 : 0);
        return $sock->sockport if $sock;
    }
    die "no free port: $!";
}

# Processes that inherited our environment, or have a file of our folder open
# (a worker of nginx has cleared its environment).

sub processes {
    return grep {
        my $pid = $_;
        $pid != $$ && (slurp("/proc/$pid/environ") =~ /=\Q$Dir\E\b/
                       || grep { (readlink($_) // '') =~ /^\Q$Dir\E/ }
                          glob "/proc/$pid/fd/*")
    } map { m{/(\d+)$} } glob '/proc/[0-9]*';
}

sub zombies {
    my ($parent) = @_;
    return grep { slurp("/proc/$_/stat") =~ /^\d+ \(.*\) Z $parent /s }
           map { m{/(\d+)$} } glob '/proc/[0-9]*';
}

sub deleted_files {
    my ($pid) = @_;
    return grep { / \(deleted\)$/ && !/valgrind_proc_/ } map { readlink($_) // () }
           glob "/proc/$pid/fd/*";
}

# The code returns what is wrong; some things take a moment to be right.

sub nothing_left {
    my ($what, $code, $tries) = @_;
    my @found;
    for (1 .. $tries // 100 * $Slow) {
        @found = $code->() or last;
        sleep 0.02;
    }
    Test::More::is(join("\n", @found), '', $what);
}

sub faults {
    my ($path) = @_;
    return grep {
        my $line = $_;
        /\[(?:alert|emerg)\]|Sanitizer|runtime error:|Assertion .* failed|Traceback/
            && !grep { $line =~ $_ } @Expected
    } split /\n/, slurp($path);
}

sub leftovers {
    my @found;
    File::Find::find({no_chdir => 1, wanted => sub {
        return if -d;
        push @found, $_ if -S || m{^\Q$Dir\E/\w+/(?:tmp/|contexts/[^/]+/(?:in|out)/)};
    }}, grep { -d } map { "$Dir/$_" } keys %Launchers);
    push @found, grep { -S } map { $_->{socket} } values %Launchers;
    push @found, grep { -f } glob "$Dir/servroot/*_temp/* $Dir/servroot/*_temp/*/*";
    return @found;
}

# Runs after Test::Nginx has stopped nginx and before Test::More counts.

sub finish {
    for my $launcher (grep { $_->{pid} } map { $Launchers{$_} } sort keys %Launchers) {
        my ($name, $pid) = @$launcher{qw(name pid)};
        nothing_left("launcher $name has no zombies", sub { zombies($pid) });
        nothing_left("launcher $name holds no deleted file",
                     sub { deleted_files($pid) });
        Test::More::is(stop_launcher($name), 0, "launcher $name ends cleanly");
    }

    nothing_left('no process is left', sub {
        map { "$_: " . slurp("/proc/$_/cmdline") =~ tr/\0/ /r } processes()
    });
    nothing_left('no file is left', \&leftovers);
    nothing_left("no fault in " . (m{([^/]+)$})[0], do { my $path = $_;
                                                     sub { faults($path) } }, 1)
        for grep { -f } glob "$Dir/*.log $Dir/*.out";
    nothing_left('nothing that valgrind has found', sub {
        grep { /\S/ } map { slurp($_) } glob "$Dir/valgrind-*.log"
    }, 1) if $Valgrind;

    kill 'KILL', processes();
}

END {
    if ($$ == $Owner) {
        local $?;
        $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
        if (%Launchers) {
            finish();
        }
        chdir '/';
    }
}

1;
