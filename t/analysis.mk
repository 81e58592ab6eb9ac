# What looks for faults that no test names: analysers, sanitizers, valgrind, fuzzers; and what the tests do not reach.

.PHONY: analyze tsan valgrind fuzz fuzz-build coverage coverage-report

PYTEST       := /usr/bin/python3 -m pytest -q -p no:cacheprovider


# gcc and clang read every path of the C; whatever they find has to be mended, or explained in t/analysis.known

ANALYZE      := $(BUILD)/analyze
# what the optimiser removes gcc does not see; with higher limits it follows lists and hash tables within each other for ever
ANALYZE_GCC  := -O0 -fanalyzer --param=analyzer-bb-explosion-factor=2
%/gcc/launcher/sjl_context.o %/gcc/launcher/sjl_data.o %/gcc/launcher/sjl_job_queue.o: override CFLAGS += --param=analyzer-bb-explosion-factor=1

analyze: export DEPS := analyze
analyze: | deps                            ## gcc -fanalyzer and clang's analyser (scan-build) over all C
	@rm -rf $(ANALYZE) && mkdir -p $(ANALYZE)
	@$(MAKE) -s module launcher cli BUILD=$(ANALYZE)/gcc CC="prlimit --cpu=300 gcc" CFLAGS="$(ANALYZE_GCC)" WARN="-Wall -Wextra" \
	    MODULE_FLAGS='--with-cc-opt="$(ANALYZE_GCC) -Wno-error"' >$(ANALYZE)/gcc.log 2>&1 || { tail $(ANALYZE)/gcc.log; exit 1; }
	@scan-build -o $(ANALYZE)/report --exclude /usr --use-cc=clang \
	    $(MAKE) -s module launcher cli BUILD=$(ANALYZE)/clang >$(ANALYZE)/clang.log 2>&1 || { tail $(ANALYZE)/clang.log; exit 1; }
	@t/analyze $(ANALYZE)/gcc.log $(ANALYZE)/clang.log


# the launcher's threads; unit tests of all, and what kills and hangs

TSAN         := $(BUILD)/tsan
TSAN_TESTS   ?= t/fault/test_chaos.py t/fault/test_queue.py t/fault/test_data.py t/fault/test_retention.py \
                t/fault/test_callbacks.py t/fault/test_logs.py
TSAN_ENV     := TSAN_OPTIONS=halt_on_error=0:exitcode=66:die_after_fork=0 SPARKJOB_CLI=$(CURDIR)/$(TSAN)/sparkjob \
                SPARKJOB_LAUNCHER=$(CURDIR)/$(TSAN)/sparkjob-launcher

tsan: export DEPS := asan
tsan: module driver spark                  ## the launcher's threads under ThreadSanitizer
	@$(MAKE) -s launcher cli BUILD=$(TSAN) CC=clang CFLAGS="-O1 -g -fsanitize=thread" LDFLAGS=-fsanitize=thread
	@$(TSAN_ENV) $(MAKE) -s unit BUILD=$(TSAN) CC=clang CFLAGS="-O1 -g -fsanitize=thread" LDFLAGS=-fsanitize=thread
	@$(TSAN_ENV) prove $(PROVE_LIB) t/jobs-async.t t/binaries.t t/binaries-used.t t/data.t t/large.t t/queue.t
	@$(TSAN_ENV) $(PYTEST) $(TSAN_TESTS)


# memory of the launcher as it is built for users; Debian 12's valgrind has no pidfd_open(), so nothing that starts drivers

MEMCHECK     := $(BUILD)/memcheck
VALGRIND     := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --child-silent-after-fork=yes --vgdb=no
VALGRIND_T   ?= t/data.t t/binaries.t
VALGRIND_U    = $(filter-out %/test_util %/test_restart,$(UNIT))

valgrind: export DEPS := analyze
valgrind: module launcher $(VALGRIND_U)         ## unit tests and a part of the suite with the launcher under memcheck
	@set -e; for t in $(VALGRIND_U); do echo "== $$t"; VECTORS=t/vectors/frames.json $(VALGRIND) $$t 2>&1 \
	    | { ! grep -E 'FAILED|^==[0-9]+=='; }; done
	@mkdir -p $(MEMCHECK)
	@printf '#!/bin/sh\nexec $(VALGRIND) $(CURDIR)/$(LAUNCHER) "$$@"\n' >$(MEMCHECK)/sparkjob-launcher
	@chmod +x $(MEMCHECK)/sparkjob-launcher
	@SPARKJOB_LAUNCHER=$(CURDIR)/$(MEMCHECK)/sparkjob-launcher prove $(PROVE_LIB) $(VALGRIND_T)


# fuzzers: what peers, clients and files may hold.  Seeds and inputs that once broke something are in t/fuzz/corpus,
# what was found since is in build/fuzz/corpus, what breaks something in build/fuzz/broken.

FUZZ         := $(BUILD)/fuzz
SECONDS      ?= 60
FUZZ_TARGETS ?= requests channel messages frames config outbound sse
FUZZ_SAN     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_CC      := clang -g -O1 $(FUZZ_SAN) -fsanitize=fuzzer
FUZZ_WRAP    := $(patsubst %,-Wl$(comma)--wrap=%,sjl_process_spawn sjl_process_adopt_pid sjl_process_signal \
                sjl_process_forget sjl_http_post sjl_log_write)
FUZZ_OBJ     := $(patsubst driver-launcher/src/%.c,$(FUZZ)/launcher/%.o,$(filter-out %/main.c,$(L_SRC)))
FUZZ_NGINX   := $(FUZZ)/static
FUZZ_WITHOUT := rewrite gzip proxy fastcgi uwsgi scgi grpc memcached ssi userid autoindex geo map split_clients browser \
                upstream_zone upstream_hash upstream_ip_hash upstream_least_conn upstream_random upstream_keepalive \
                auth_basic mirror empty_gif limit_conn limit_req referer access
FUZZ_SSE     := $(FUZZ)/cli/sjc_sse.o $(FUZZ)/cli/sjc_util.o

fuzz: export DEPS := analyze
fuzz: fuzz-build                           ## all fuzzers, SECONDS= (60) for each, two at a time
	@printf '%s\n' $(FUZZ_TARGETS) | xargs -P2 -n1 t/fuzz/run $(FUZZ) $(SECONDS)

fuzz-build:
	@$(MAKE) -s -j2 $(FUZZ_OBJ) $(FUZZ_SSE) BUILD=$(FUZZ) CC=clang CFLAGS="-g -O1 $(FUZZ_SAN) -fsanitize=fuzzer-no-link"
	@$(MAKE) -s -j2 $(FUZZ_TARGETS:%=$(FUZZ)/%)

# the module in a real nginx: its objects without main(), and without what asks for more
$(FUZZ_NGINX)/nginx: $(M_SRC) $(BUILD)/nginx-source/configure
	@$(MAKE) -s static CC=clang BUILD=$(FUZZ) NGINX_SRC=$(CURDIR)/$(BUILD)/nginx-source STATIC_FLAGS='--with-cc=clang \
	    --with-debug --without-pcre $(FUZZ_WITHOUT:%=--without-http_%_module) \
	    --with-cc-opt="-O1 -g $(FUZZ_SAN) -fsanitize=fuzzer-no-link -fno-sanitize=nonnull-attribute,pointer-overflow \
	        -fsanitize-coverage-allowlist=$(CURDIR)/t/fuzz/module.cover -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0" --with-ld-opt="$(FUZZ_SAN)"' NGINX_FLAGS=

$(FUZZ)/requests $(FUZZ)/channel: $(FUZZ)/%: t/fuzz/fuzz_%.c t/fuzz/fuzz.c t/fuzz/module.c t/fuzz/fuzz.h t/fuzz/module.h \
        $(FUZZ_NGINX)/nginx
	@objcopy --redefine-sym main=nginx_main $(FUZZ_NGINX)/src/core/nginx.o $@.nginx.o
	@$(FUZZ_CC) -D_GNU_SOURCE $(WARN) -Wno-unused-parameter -Wno-sign-compare -Idriver-launcher/include -I$(FUZZ_NGINX) \
	    $(addprefix -I$(BUILD)/nginx-source/src/,core event os/unix) -o $@ $(filter %.c,$^) $@.nginx.o \
	    $$(find $(FUZZ_NGINX) -name '*.o' ! -path '*/src/core/nginx.o') -Wl,--wrap=ngx_process_events_and_timers \
	    -Wl,--wrap=ngx_log_error_core -Wl,--wrap=clock_gettime -ljansson -luuid -lcrypt -lpthread -ldl

$(FUZZ)/config $(FUZZ)/outbound: $(FUZZ)/%: t/fuzz/fuzz_%.c t/fuzz/fuzz.c t/fuzz/fuzz.h $(FUZZ_OBJ)
	@$(FUZZ_CC) $(L_CFLAGS) -o $@ $(filter %.c %.o,$^) $(L_LIBS)

$(FUZZ)/messages $(FUZZ)/frames: $(FUZZ)/%: t/fuzz/fuzz_%.c t/fuzz/fuzz.c t/fuzz/launcher.c \
        t/fuzz/fuzz.h t/fuzz/launcher.h $(FUZZ_OBJ)
	@$(FUZZ_CC) $(L_CFLAGS) -o $@ $(filter %.c %.o,$^) $(FUZZ_WRAP) $(L_LIBS)

$(FUZZ)/sse: t/fuzz/fuzz_sse.c t/fuzz/fuzz.h $(FUZZ_SSE)
	@$(FUZZ_CC) $(C_CFLAGS) -o $@ $(filter %.c %.o,$^) $(C_LIBS)


# which lines and branches of the C no test reaches, by file in report/index.html; fault points are built in, so that the
# branches they reach count

COVER        := $(BUILD)/coverage
COVER_MAKE    = $(MAKE) -s BUILD=$(COVER) CC="$(CC) -DSPARKJOB_FAULTS" CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage \
                MODULE_FLAGS='--with-cc-opt="-O0 --coverage" --with-ld-opt=--coverage'
COVER_ENV    := SPARKJOB_LAUNCHER=$(CURDIR)/$(COVER)/sparkjob-launcher SPARKJOB_CLI=$(CURDIR)/$(COVER)/sparkjob \
                SPARKJOB_MODULE=$(CURDIR)/$(COVER)/ngx_http_sparkjob_module.so BUILD=$(COVER)
COVER_TESTS  ?= t/fault t/e2e/test_cli.py

coverage: export DEPS := analyze
coverage: all spark shim                   ## lines and branches of the C that unit, prove, fault and the command's tests reach
	@$(COVER_MAKE) module launcher cli
	@for f in driver spark storage_shim.so $(notdir $(wildcard $(BUILD)/*.jar $(BUILD)/*.whl $(BUILD)/*.egg $(BUILD)/*.py)); do \
	    ln -sfn ../$$f $(COVER)/$$f; done; ln -sfn . $(COVER)/faults
	@find $(COVER)/ -name '*.gcda' -delete
	-@$(COVER_MAKE) unit
	-@$(COVER_ENV) prove $(PROVE_LIB) t/*.t
	-@$(COVER_ENV) $(PYTEST) $(COVER_TESTS)
	@$(MAKE) -s coverage-report

# the module was compiled in nginx-dev's folder, where gcov looks for that one's headers
coverage-report:
	@mkdir -p $(COVER)/report && ln -sfn $(NGINX_DEV)/src $(COVER)/nginx/src
	@gcovr -r . --object-directory $(COVER) -f driver-launcher/src/ -f driver-launcher/cli/ -f ngx_http_sparkjob_module/ \
	    --print-summary --exclude-unreachable-branches --sort-percentage --txt $(COVER)/report/lines.txt \
	    --html-details $(COVER)/report/index.html --fail-under-line 90 $(COVER)/nginx $(COVER)/launcher $(COVER)/cli
