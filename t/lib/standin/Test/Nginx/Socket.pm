# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

package Test::Nginx::Socket;

# A stand-in for the Test::Nginx::Socket of the test-nginx project, for machines
# where that one is not installed: the sections and functions that t/*.t use,
# with the meaning that its documentation gives them.  What a test file says
# must hold under both; when the real module is installed it is the one used.
# TEST_NGINX_USE_HUP, TEST_NGINX_USE_VALGRIND (options for it) and
# TEST_NGINX_LD_PRELOAD are known, too.

use v5.20;
use Test::Base -Base;

use Errno qw(EAGAIN EINTR);
use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Select;
use IO::Socket::INET;
use List::Util qw(shuffle);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    run_tests timeout workers worker_connections master_on log_level
    no_shuffle no_long_string no_root_location server_port server_root
    bail_out add_block_preprocessor add_response_body_check
);

my $Binary   = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $Port     = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
my $Root     = $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs('t/servroot');
my $Timeout  = $ENV{TEST_NGINX_TIMEOUT} || 3;
my $Workers  = 1;
my $Connections = 64;
my $Master   = 'off';
my $LogLevel = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
my $Shuffle  = !$ENV{TEST_NGINX_NO_SHUFFLE};
my $RootLocation = 1;
my $Owner    = $$;
my $Hup      = $ENV{TEST_NGINX_USE_HUP};
my $Valgrind = $ENV{TEST_NGINX_USE_VALGRIND};
my $Daemon   = $Valgrind ? 'off' : 'on';

my (@Preprocessors, @BodyChecks);
my ($Running, $LogOffset) = (0, 0);

$ENV{TEST_NGINX_SERVER_ROOT} = $Root;
$ENV{TEST_NGINX_SERVER_PORT} = $Port;


# ---------------------------------------------------------------- settings

sub timeout (@)                { $Timeout = shift if @_; $Timeout }
sub workers (@)                { $Workers = shift if @_; $Workers }
sub worker_connections (@)     { $Connections = shift if @_; $Connections }
sub log_level (@)              { $LogLevel = shift if @_; $LogLevel }
sub master_on ()               { $Master = 'on' }
sub no_shuffle ()              { $Shuffle = 0 }
sub no_long_string ()          { }
sub no_root_location ()        { $RootLocation = 0 }
sub server_port (@)            { $Port = shift if @_; $Port }
sub server_root ()             { $Root }
sub add_block_preprocessor (&) { unshift @Preprocessors, shift }
sub add_response_body_check ($) { push @BodyChecks, shift }

sub bail_out (@) {
    Test::More::BAIL_OUT(join '', @_);
}


# ---------------------------------------------------------------- the run

sub run_tests () {
    my @blocks = Test::Base::blocks();
    @blocks = shuffle @blocks if $Shuffle;

    for my $block (@blocks) {
        $_->($block) for @Preprocessors;
        $block->set_value('name', $0 . ' ' . $block->name);
        run_block($block) unless defined $block->SKIP;
    }
}

sub run_block ($) {
    my ($block) = @_;
    my $name = $block->name;

    if (defined $block->config && !reload_nginx($block)) {
        stop_nginx();
        my $status = start_nginx($block);

        if (defined $block->must_die) {
            my $code = $block->must_die;
            $code =~ s/\s+//g;
            if ($code =~ /^\d+$/) {
                is($status >> 8, $code, "$name - die with the expected exit code");
            } else {
                isnt($status, 0, "$name - die as expected");
            }
            check_error_log($block);
            stop_nginx() if $status == 0;
            return;
        }

        bail_out("$name - nginx does not start: status $status") if $status;
        $Running = 1;

    } elsif (!$Running) {
        bail_out("$name - the first block has no --- config");
    }

    if (defined $block->init) {
        eval $block->init;
        bail_out("$name - init failed: $@") if $@;
    }

    run_requests($block);
}

sub run_requests ($) {
    my ($block) = @_;
    my @requests = requests($block);
    my $pipelined = defined $block->pipelined_requests;
    my $many = @requests > 1;

    my @raw = $pipelined ? (exchange($block, join '', @requests)) : ();

    for my $i (0 .. $#requests) {
        my $raw = $pipelined ? $raw[0] : exchange($block, $requests[$i]);
        my $res = parse_response($raw, $requests[$i] =~ /^HEAD /);
        $raw[0] = $res->{left};
        check_response($block, $res, $i, $many);
    }

    check_error_log($block);
}


# ---------------------------------------------------------------- nginx

sub expand (@) {
    my ($text) = @_;
    return '' if !defined $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}
              {$ENV{$1} // bail_out("No environment $1 defined.")}ge;
    return $text;
}

sub write_config ($) {
    my ($block) = @_;
    my $user = $> == 0 ? 'user root;' : '';
    my ($main, $http, $config) =
        map { expand($_) } $block->main_config, $block->http_config,
                           $block->config;
    my $location = $RootLocation
        ? "location / { root $Root/html; index index.html; }" : '';
    my $temp = join "\n    ",
        map { "${_}_temp_path $Root/${_}_temp;" }
        grep { $http !~ /\b${_}_temp_path\b/ }
        qw(client_body proxy fastcgi scgi uwsgi);

    write_file("$Root/conf/nginx.conf", <<"_EOC_");
worker_processes $Workers;
daemon $Daemon;
master_process $Master;
error_log $Root/logs/error.log $LogLevel;
pid $Root/logs/nginx.pid;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
$user
$main
http {
    access_log $Root/logs/access.log;
    $temp
    default_type text/plain;
    keepalive_timeout 68;
$http
    server {
        listen $Port;
        server_name localhost;
        client_max_body_size 30M;
$config
        $location
    }
}
events {
    accept_mutex off;
    worker_connections $Connections;
}
_EOC_
}

sub write_file ($$) {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or bail_out("cannot write $path: $!");
    print $out $text;
    close $out or bail_out("cannot write $path: $!");
}

sub write_user_files ($) {
    my ($block) = @_;
    my $files = $block->user_files // return;
    if (!ref $files) {
        my (undef, @parts) = split /^>>> (\S+)[^\n]*\n/m, $files;
        $files = [];
        push @$files, [splice @parts, 0, 2] while @parts;
    }
    for my $file (@$files) {
        my ($path, $text) = @$file;
        $path = "$Root/html/$path" if $path !~ m{^/};
        make_path($path =~ s{/[^/]*$}{}r);
        write_file($path, expand($text // ''));
    }
}

sub start_nginx ($) {
    my ($block) = @_;
    remove_tree($Root);
    make_path("$Root/conf", "$Root/logs", "$Root/html");
    write_user_files($block);
    write_config($block);
    $LogOffset = 0;

    my $quiet = defined $block->suppress_stderr ? '2>/dev/null' : '';
    my $command = "$Binary -e $Root/logs/error.log -p $Root/"
                  . " -c $Root/conf/nginx.conf >/dev/null $quiet";
    $command = "LD_PRELOAD='$ENV{TEST_NGINX_LD_PRELOAD}' $command"
        if $ENV{TEST_NGINX_LD_PRELOAD};

    my $status = 0;
    if ($Valgrind && !defined $block->must_die) {
        my $pid = fork // bail_out("fork: $!");
        if ($pid == 0) {
            exec "exec valgrind -q $Valgrind $command" or POSIX::_exit(127);
        }
    } else {
        $status = system($command);
    }

    # the daemon writes its pid file a moment after the command has returned
    for (1 .. ($status == 0 ? 100 * $Timeout : 0)) {
        last if nginx_pid();
        sleep 0.01;
    }
    return $status;
}

# Whether nginx runs, and now has the block's configuration.

sub reload_nginx ($) {
    my ($block) = @_;
    my $pid = nginx_pid();
    return 0 if !$Hup || !$Running || defined $block->must_die
                || !$pid || !lives($pid);

    write_user_files($block);
    write_config($block);
    $LogOffset = -s "$Root/logs/error.log";

    my %old = map { $_ => 1 } children($pid);
    kill 'HUP', $pid;

    for (1 .. 100 * $Timeout) {
        my @now = children($pid);
        return 1 if $Workers <= grep { !$old{$_} } @now
                    and !grep { $old{$_} && !leaves($_) } @now;
        sleep 0.01;
    }
    diag $block->name . ' - nginx does not take its new configuration';
    return 0;
}

sub children ($) {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/task/$pid/children" or return;
    return grep { lives($_) } split ' ', <$in> // '';
}

sub leaves ($) {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/cmdline" or return 1;
    return (<$in> // '') =~ /shutting down/;
}

sub nginx_pid () {
    open my $in, '<', "$Root/logs/nginx.pid" or return;
    my ($pid) = (<$in> // '') =~ /^(\d+)/;
    return $pid;
}

# A process that has ended stays a zombie until init looks for it.

sub lives ($) {
    my ($pid) = @_;
    return 0 if !kill 0, $pid;
    open my $in, '<', "/proc/$pid/stat" or return kill 0, $pid;
    return (<$in> // '') !~ /^\d+ \(.*\) Z/s;
}

sub stop_nginx () {
    $Running = 0;
    my $pid = nginx_pid();
    return if !$pid || !lives($pid);

    kill 'QUIT', $pid;
    for (1 .. $Timeout * 100) {
        return if !lives($pid);
        sleep 0.01;
    }
    diag "nginx $pid does not end when asked to";
    kill 'KILL', $pid;
}

END {
    if ($$ == $Owner) {
        local $?;
        stop_nginx();
    }
}


# ---------------------------------------------------------------- requests

sub at (@) {
    my ($value, $i) = @_;
    return ref $value eq 'ARRAY' ? $value->[$i] : $value;
}

sub requests ($) {
    my ($block) = @_;
    return $block->raw_request if defined $block->raw_request;

    my $list = $block->pipelined_requests // $block->request;
    bail_out($block->name . ' - no request') if !defined $list;
    $list = [$list] if ref $list ne 'ARRAY';

    return map {
        my $close = !defined $block->pipelined_requests || $_ == $#$list;
        build_request($block, $list->[$_], at($block->more_headers, $_) // '',
                      $close ? 'close' : 'keep-alive')
    } 0 .. $#$list;
}

sub build_request (@) {
    my ($block, $text, $more, $connection) = @_;
    $text = expand($text);
    $text =~ s/\A(?:\s+|#[^\n]*\n)+//;

    my ($line, $body) = split /\n/, $text, 2;
    my ($method, $url, $version) = split ' ', $line;
    $body = ($body // '') =~ s/\A\s+|\s+\z//gr;

    my @headers = map { s/:\s*/: /r } grep { !/^\s*#/ } split /\n+/, $more;
    push @headers, 'Host: localhost' if !grep { /^Host:/i } @headers;
    push @headers, "Connection: $connection"
        if !grep { /^Connection:/i } @headers;
    push @headers, 'Content-Length: ' . length $body
        if $body ne '' && !grep { /^(?:Content-Length:|Transfer-Encoding: chunked)/i }
                               @headers;

    return join "\r\n", join(' ', $method, $url // '/', $version // 'HTTP/1.1'),
                        @headers, '', $body;
}

# Sends the request and reads until the server closes the connection.

sub exchange ($$) {
    my ($block, $request) = @_;
    my $limit = $block->timeout // $Timeout;
    $limit =~ s/\s+//g;
    $limit = $limit =~ s/ms$// ? $limit / 1000 : $limit =~ s/s$//r;

    my $sock;
    for (1 .. 50) {
        $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                      PeerPort => $Port);
        last if $sock;
        sleep 0.02;
    }
    bail_out($block->name . " - cannot connect to port $Port: $!") if !$sock;

    $sock->blocking(0);
    my $select = IO::Select->new($sock);
    my ($sent, $answer) = (0, '');

    while (1) {
        my $more = $sent < length $request;
        my ($read, $write) =
            IO::Select->select($select, $more ? $select : undef, undef, $limit);

        if (!defined $read) {
            fail('ERROR: client socket timed out - ' . $block->name);
            last;
        }

        if (@$write) {
            my $n = syswrite $sock, $request, 65536, $sent;
            if (defined $n) {
                $sent += $n;
            } elsif ($! != EAGAIN && $! != EINTR) {
                # the server may have answered without reading all
                $sent = length $request;
            }
        }

        if (@$read) {
            my $n = sysread $sock, $answer, 65536, length $answer;
            last if defined $n ? $n == 0 : $! != EAGAIN && $! != EINTR;
        }
    }

    close $sock;
    return $answer;
}


# ---------------------------------------------------------------- responses

sub parse_response ($$) {
    my ($raw, $head) = @_;
    my %res = (code => '', head => '', headers => {}, body => '', left => '');
    return \%res if $raw !~ /\A(HTTP\S* (\d+).*?\r\n)\r\n/s;

    @res{qw(code head body)} = ($2, $1, substr $raw, $+[0]);
    my (undef, @lines) = split /\r\n/, $res{head};
    for (@lines) {
        my ($key, $value) = split /:\s*/, $_, 2;
        push @{$res{headers}{lc $key}}, $value;
    }
    $_ = join ', ', @$_ for values %{$res{headers}};

    if ($head || $res{code} == 304) {
        @res{qw(body left)} = ('', $res{body});

    } elsif (($res{headers}{'transfer-encoding'} // '') eq 'chunked') {
        ($res{body}, $res{left}) = unchunk($res{body});

    } elsif (defined(my $length = $res{headers}{'content-length'})) {
        fail("response body truncated: $length expected, but got "
             . length $res{body}) if length $res{body} < $length;
        if (length $res{body} > $length) {
            $res{left} = substr $res{body}, $length, length $res{body}, '';
        }
    }

    return \%res;
}

sub unchunk ($) {
    my ($raw) = @_;
    my $body = '';
    while ($raw =~ s/\A([0-9A-Fa-f]+)[ \t]*\r\n//) {
        my $size = hex $1;
        $body .= substr $raw, 0, $size, '';
        last if $raw !~ s/\A\r\n//;
        return ($body, $raw) if $size == 0;
    }
    fail('invalid chunked body received');
    return ($body, '');
}

sub each_header ($$) {
    my ($text, $check) = @_;
    for (grep { /\S/ } split /\n+/, $text) {
        my ($unset, $key, $value) = /^\s*(!?)\s*([^\s:]+)\s*:?\s*(.*?)\s*$/;
        $check->($key, $unset ? undef : $value);
    }
}

sub check_response (@) {
    my ($block, $res, $i, $many) = @_;
    my $name = $block->name;
    my $want = sub {
        my ($value) = @_;
        bail_out("$name - many requests need arrays of results")
            if $many && defined $value && ref $value ne 'ARRAY';
        return at($value, $i);
    };

    if (defined(my $pattern = $want->($block->error_code_like))) {
        like($res->{code}, qr/$pattern/sm, "$name - status code ok");
    } else {
        is($res->{code}, $want->($block->error_code) // 200,
           "$name - status code ok");
    }

    if (defined(my $pattern = $want->($block->raw_response_headers_like))) {
        like($res->{head}, qr/$pattern/s, "$name - raw resp headers like");
    }

    if (defined(my $headers = $want->($block->response_headers))) {
        each_header($headers, sub {
            my ($key, $value) = @_;
            my $got = $res->{headers}{lc $key};
            return ok(!defined $got, "$name - header $key not present")
                if !defined $value;
            is($got // '', $value, "$name - header $key ok");
        });
    } elsif (defined(my $like = $want->($block->response_headers_like))) {
        each_header($like, sub {
            my ($key, $value) = @_;
            like($res->{headers}{lc $key} // '', qr/^$value$/,
                 "$name - header $key like ok");
        });
    }

    if (defined(my $body = $want->($block->response_body))) {
        is($res->{body}, expand($body), "$name - response_body");
    } elsif (defined(my $like = $want->($block->response_body_like))) {
        like($res->{body}, qr/$like/s, "$name - response_body_like");
    } elsif (defined(my $unlike = $want->($block->response_body_unlike))) {
        unlike($res->{body}, qr/$unlike/s, "$name - response_body_unlike");
    }

    $_->($block, $res->{body}, $i) for @BodyChecks;
}


# ---------------------------------------------------------------- the log

sub patterns (@) {
    my ($value) = @_;
    return () if !defined $value;
    return @$value if ref $value eq 'ARRAY';
    return grep { $_ ne '' } split /\n+/, $value;
}

sub check_error_log ($) {
    my ($block) = @_;
    my $name = $block->name;
    my @wanted = patterns($block->error_log);
    my @unwanted = patterns($block->no_error_log);

    sleep 0.045 if @wanted || @unwanted;    # what is logged after the answer
    open my $in, '<', "$Root/logs/error.log" or return;
    seek $in, $LogOffset, 0;
    my @lines = <$in>;
    $LogOffset = tell $in;

    my $matches = sub {
        my ($pattern) = @_;
        return grep { ref $pattern ? /$pattern/ : /\Q$pattern\E/ } @lines;
    };

    ok($matches->($_) > 0, "$name - \"$_\" matches a line in error.log")
        for @wanted;
    is(join('', $matches->($_)), '', "$name - \"$_\" matches no line in error.log")
        for @unwanted;

    for my $level (qw([alert] [crit] [emerg])) {
        next if grep { index($_, substr $level, 0, -1) >= 0 } @wanted;
        my @found = $matches->($level) or next;
        diag "$name - $level in error.log: @found";
    }
}

1;
