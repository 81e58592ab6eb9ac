# sparkjob: build, try, test, install.  "make help" lists the targets.

SHELL        := /bin/bash
.SHELLFLAGS  := -o pipefail -c
.DEFAULT_GOAL := all

# SPARK=4 builds and tests all for Spark 4, in a folder of its own
SPARK        ?= 3
OWN_SCALA    := $(if $(filter 4,$(SPARK)),2.13,2.12)
PYSPARK      := $(if $(filter 4,$(SPARK)),4.2.0,3.5.9)
# SCALA=2.13 adds a driver for it to those in the driver's folder: a set of libraries may need another one
SCALA        ?= $(OWN_SCALA)
BUILD        := build$(if $(filter 4,$(SPARK)),/spark4)
PORT         ?= 8090
PREFIX       ?= /usr
DESTDIR      ?=
CC           ?= gcc
CFLAGS       ?= -O2 -g
MVN          ?= mvn -q -B -ntp

# nginx: the distribution's nginx-dev, or any source tree >= 1.18
NGINX_SRC    ?=
# in nginx's own repository it is in auto/
NGINX_CONF   := $(firstword $(wildcard $(addprefix $(NGINX_SRC)/,configure auto/configure)))
NGINX_DEV    := /usr/share/nginx/src
NGINX_FLAGS  := --with-compat --with-http_ssl_module --with-http_v2_module \
                --with-http_auth_request_module --with-http_stub_status_module \
                --with-http_sub_module

LIBS         := ev jansson sqlite3 uuid ssl crypto curl expat
WARN         := -Wall -Wextra -Werror
L_SRC        := $(wildcard driver-launcher/src/*.c)
L_HDR        := $(wildcard driver-launcher/src/*.h driver-launcher/include/*.h)
L_CFLAGS     := -std=gnu11 -D_GNU_SOURCE -pthread $(WARN) \
                -Idriver-launcher/include -Idriver-launcher/src
L_LIBS       := $(LIBS:%=-l%) -pthread
C_SRC        := $(wildcard driver-launcher/cli/*.c)
C_HDR        := $(wildcard driver-launcher/cli/*.h)
C_CFLAGS     := -std=gnu11 -D_GNU_SOURCE $(WARN) -Idriver-launcher/cli
C_LIBS       := -lcurl -ljansson
M_SRC        := config $(wildcard ngx_http_sparkjob_module/*.[ch]) \
                $(wildcard driver-launcher/include/*.h)
D_DIR        := driver-launcher/driver
D_SRC        := $(shell find $(D_DIR) \( -name target -o -path $(D_DIR)/python \) -prune -o -type f -print 2>/dev/null)
P_DIR        := $(D_DIR)/python
P_SRC        := $(wildcard $(P_DIR)/*.py $(P_DIR)/*/*.py $(P_DIR)/examples/*/*.py)
P_VERSION    := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' $(P_DIR)/sparkjobserver/__init__.py)

MODULE       := $(BUILD)/ngx_http_sparkjob_module.so
LAUNCHER     := $(BUILD)/sparkjob-launcher
CLI          := $(BUILD)/sparkjob
DRIVER       := $(BUILD)/driver/sparkjob-driver_$(SCALA).jar
EXAMPLES     := $(BUILD)/sparkjob-examples$(if $(filter-out $(OWN_SCALA),$(SCALA)),_$(SCALA)).jar
WHEEL        := $(BUILD)/driver/sparkjobserver-$(P_VERSION)-py3-none-any.whl
K_DIR        := driver-launcher/kernel
K_SRC        := $(wildcard $(K_DIR)/*.py $(K_DIR)/sparkjob_kernel/*.py)
K_VERSION    := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' $(K_DIR)/sparkjob_kernel/__init__.py)
KERNEL       := $(BUILD)/sparkjob_kernel-$(K_VERSION)-py3-none-any.whl

export BUILD PORT


.PHONY: FORCE all help deps module launcher faults cli driver python kernel spark static demo stop test unit pyunit \
        prove modes api jvm e2e hadoop clusters libraries clients fault shim losses matrix lockcheck asan clang bench bench-quick counts start-profile soak scaling install clean

all: module launcher cli driver python     ## build everything

help:                                      ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## */\1\t/p' $(MAKEFILE_LIST) | expand -t 12

deps:                                      ## install the packages that are missing
	@.ci/deps


# the module

CONFIGURE     = $(NGINX_CONF:$(NGINX_SRC)/%=./%)
# keeps in a file of the build folder what configure says, and shows the end of it when that fails
TOLD          = >$(CURDIR)/$(BUILD)/$(1) 2>&1 || { tail -n 5 $(CURDIR)/$(BUILD)/$(1); exit 1; }

module: $(MODULE)                          ## the nginx module (NGINX_SRC=<tree> for another nginx)

# the module has to be built again when it is for another nginx
$(BUILD)/nginx.is: FORCE
	@mkdir -p $(BUILD)
	@test -z "$(NGINX_SRC)" || test -x "$(NGINX_CONF)" \
	    || { echo "NGINX_SRC=$(NGINX_SRC) is no nginx source tree (it has no configure)"; exit 1; }
	@echo "$(or $(NGINX_SRC),nginx-dev)" | cmp -s - $@ || echo "$(or $(NGINX_SRC),nginx-dev)" >$@

FORCE:

$(MODULE): $(M_SRC) $(BUILD)/nginx.is | deps
	@echo "== building the nginx module against $(or $(NGINX_SRC),nginx-dev)"
	@mkdir -p $(BUILD)
ifeq ($(NGINX_SRC),)
	@. $(NGINX_DEV)/conf_flags && cd $(NGINX_DEV) \
	    && ./configure "$${NGX_CONF_FLAGS[@]}" $(MODULE_FLAGS) --builddir=$(CURDIR)/$(BUILD)/nginx \
	        --add-dynamic-module=$(CURDIR) $(call TOLD,configure.log) \
	    && $(MAKE) -s -f $(CURDIR)/$(BUILD)/nginx/Makefile modules
else
	@cd $(NGINX_SRC) && $(CONFIGURE) $(NGINX_FLAGS) --builddir=$(CURDIR)/$(BUILD)/nginx \
	        --add-dynamic-module=$(CURDIR) $(call TOLD,configure.log) \
	    && $(MAKE) -s -f $(CURDIR)/$(BUILD)/nginx/Makefile modules
endif
	@cp $(BUILD)/nginx/ngx_http_sparkjob_module.so $@.new && mv $@.new $@ # a running nginx keeps its own

static:                                    ## an nginx with the module inside (NGINX_SRC=<tree>)
	@test -x "$(NGINX_CONF)" || { echo "make static needs NGINX_SRC=<nginx source tree>"; exit 1; }
	@mkdir -p $(BUILD)
	@cd $(NGINX_SRC) && $(CONFIGURE) $(NGINX_FLAGS) $(STATIC_FLAGS) \
	        --builddir=$(CURDIR)/$(BUILD)/static --add-module=$(CURDIR) \
	        $(call TOLD,configure-static.log) \
	    && $(MAKE) -s -f $(CURDIR)/$(BUILD)/static/Makefile
	@echo "== $(BUILD)/static/nginx has the module inside"


# the launcher

launcher: $(LAUNCHER)                      ## the launcher daemon
	@:

$(LAUNCHER): $(L_SRC:driver-launcher/src/%.c=$(BUILD)/launcher/%.o)
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(L_LIBS)

$(BUILD)/launcher/%.o: driver-launcher/src/%.c $(L_HDR) | deps
	@mkdir -p $(@D)
	@echo "cc  $<"
	@$(CC) $(CFLAGS) $(L_CFLAGS) -c -o $@ $<


# the command

cli: $(CLI)                                ## sparkjob, the command
	@:

$(CLI): $(C_SRC:driver-launcher/cli/%.c=$(BUILD)/cli/%.o)
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(C_LIBS)

$(BUILD)/cli/%.o: driver-launcher/cli/%.c $(C_HDR) | deps
	@mkdir -p $(@D)
	@echo "cc  $<"
	@$(CC) $(CFLAGS) $(C_CFLAGS) -c -o $@ $<

# with fault points (driver-launcher/include/sparkjob_fault.h), for the fault matrix

faults:                                    ## module and launcher once more, with fault points
	@$(MAKE) -s module launcher CC="$(CC) -DSPARKJOB_FAULTS" BUILD=$(BUILD)/faults

clang:                                     ## launcher and command once more, by clang
	@$(MAKE) -s launcher cli CC=clang BUILD=$(BUILD)/clang


# the JVM side

PLAIN        := 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g; /^$$/d'
TARGET       := target$(if $(filter 2.13,$(SCALA)),/scala-2.13)

driver: $(DRIVER)                          ## driver, job API and examples (SCALA=2.13 adds those for it)

$(DRIVER): $(D_SRC) | deps
	@echo "== building the JVM side with Maven (Scala $(SCALA); the first time it fetches Spark's jars)"
	@cd $(D_DIR) && $(MVN) $(if $(filter 2.13,$(SCALA)),-Pscala-2.13) -DskipTests package $(PLAIN)
	@mkdir -p $(BUILD)/driver/lib_$(SCALA)
	@rm -f $(BUILD)/driver/lib_$(SCALA)/*.jar
	@cp $(D_DIR)/runtime/$(TARGET)/lib/*.jar $(BUILD)/driver/lib_$(SCALA)/
	@cp $(D_DIR)/api/$(TARGET)/sparkjob-job-api.jar $(BUILD)/driver/sparkjob-job-api_$(SCALA).jar
	@cp $(D_DIR)/examples/$(TARGET)/sparkjob-examples.jar $(EXAMPLES)
	@cp $(D_DIR)/runtime/$(TARGET)/sparkjob-driver.jar $@

# the Python side

python: $(WHEEL)                           ## the Python package and its examples (wheel, egg, plain .py)

# built in a copy, since setuptools writes beside its sources
$(WHEEL): $(P_SRC) | deps
	@echo "== building the Python package"
	@rm -rf $(BUILD)/python $(BUILD)/driver/sparkjobserver-*.whl && mkdir -p $(BUILD)/python $(BUILD)/driver
	@cp -r $(P_DIR)/setup.py $(P_DIR)/sparkjobserver $(P_DIR)/examples $(BUILD)/python/
	@export SOURCE_DATE_EPOCH=1767225600 && setup="/usr/bin/python3 setup.py -q" && cd $(BUILD)/python/examples \
	    && { $$setup bdist_wheel -d . && $$setup bdist_egg -d . && cd .. && $$setup bdist_wheel -d .; } \
	        >$(CURDIR)/$(BUILD)/python/log 2>&1 || { cat $(CURDIR)/$(BUILD)/python/log; exit 1; }
	@cp $(BUILD)/python/examples/*.whl $(BUILD)/sparkjob-python-examples.whl
	@cp $(BUILD)/python/examples/*.egg $(BUILD)/sparkjob-python-examples.egg
	@cp $(P_DIR)/examples/example_jobs/word_count.py $(BUILD)/word_count.py
	@cp $(BUILD)/python/*.whl $@

kernel: $(KERNEL)                          ## the Jupyter kernel (wheel)

$(KERNEL): $(K_SRC) | deps
	@echo "== building the Jupyter kernel"
	@rm -rf $(BUILD)/kernel-wheel $(BUILD)/sparkjob_kernel-*.whl && mkdir -p $(BUILD)/kernel-wheel
	@cp -r $(K_DIR)/setup.py $(K_DIR)/sparkjob_kernel $(BUILD)/kernel-wheel/
	@export SOURCE_DATE_EPOCH=1767225600 && cd $(BUILD)/kernel-wheel && /usr/bin/python3 setup.py -q bdist_wheel -d . \
	    >log 2>&1 || { cat log; exit 1; }
	@cp $(BUILD)/kernel-wheel/*.whl $@

# a Jupyter that has it, for tests: beside Jupyters of others, which want other versions
$(BUILD)/kernel/bin/jupyter: t/clients/kernel.txt $(KERNEL)
	@echo "== fetching Jupyter"
	@/usr/bin/python3 -m venv $(BUILD)/kernel
	@$(BUILD)/kernel/bin/pip install -q -r t/clients/kernel.txt
	@$(BUILD)/kernel/bin/pip install -q --no-deps --force-reinstall $(KERNEL)
	@$(BUILD)/kernel/bin/python -m sparkjob_kernel install >/dev/null && touch $@

# Spark itself: SPARK_HOME, or PySpark's package, which is a whole Spark

ifdef SPARK_HOME
spark:
	@ls "$(SPARK_HOME)"/jars/spark-core_*.jar >/dev/null 2>&1 \
	    || { echo "SPARK_HOME=$(SPARK_HOME) holds no Spark (no jars/spark-core_*.jar)"; exit 1; }
else
export SPARK_HOME := $(CURDIR)/$(BUILD)/spark
spark: $(BUILD)/spark/jars                 ## Spark by pip into the build folder, unless SPARK_HOME is set
endif

$(BUILD)/spark/jars: | deps
	@echo "== fetching Spark (pyspark $(PYSPARK), 320 MB)"
	@mkdir -p $(BUILD) && /usr/bin/python3 -m venv $(BUILD)/venv
	@$(BUILD)/venv/bin/pip install --progress-bar on pyspark==$(PYSPARK) \
	    || { echo "Could not fetch pyspark $(PYSPARK) from the Python package index: is there a network?" \
	              "Or set SPARK_HOME to a Spark 3.5 of your own."; exit 1; }
	@ln -sfn $$(cd $(BUILD)/venv/lib/python3*/site-packages/pyspark && pwd) $(BUILD)/spark


# try it

demo: all spark                            ## start a server on PORT (8090) and count words with real Spark
	@conf/demo/run

stop:                                      ## end the demo's server and every driver of it
	@conf/demo/stop


# prove it

UNIT         := $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(wildcard t/unit/test_*.c))
# how many tests that wait for most of their time run side by side, and how many that start JVMs
SIDE         ?= 4
SIDE_SPARK   ?= 2
PROVE_LIB     = $(if $(shell perl -MTest::Nginx::Socket -e1 2>/dev/null && echo y),,-It/lib/standin) -It/lib
export SPARKJOB_LAUNCHER ?= $(CURDIR)/$(LAUNCHER)
export SPARKJOB_MODULE   ?= $(CURDIR)/$(MODULE)

test unit pyunit prove modes lockcheck counts api e2e losses matrix fault: export DEPS := test
test: all spark unit pyunit jvm prove modes lockcheck fuzz counts api e2e fault bench-quick ## everything that CI runs (SPARK=4: on Spark 4)

$(BUILD)/unit/%: t/unit/%.c $(filter-out %/main.o,$(L_SRC:driver-launcher/src/%.c=$(BUILD)/launcher/%.o))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(L_CFLAGS) -Wno-unused-parameter $(LDFLAGS) -o $@ $^ $(L_LIBS) -lcmocka

$(BUILD)/unit/test_cli: t/unit/test_cli.c $(filter-out %/sjc_main.o,$(C_SRC:driver-launcher/cli/%.c=$(BUILD)/cli/%.o))
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(C_CFLAGS) $(LDFLAGS) -o $@ $^ $(C_LIBS) -lcmocka

unit: $(UNIT)                              ## unit tests of launcher and command (cmocka)
	@set -e; for t in $(UNIT); do echo "== $$t"; VECTORS=t/vectors/frames.json $$t; done

pyunit:                                    ## tests of the Python packages (pytest)
	@/usr/bin/python3 -m pytest -q -p no:cacheprovider $(P_DIR)/tests $(K_DIR)/tests

jvm: $(DRIVER)                             ## tests of the JVM side (Maven Surefire)
	@cd $(D_DIR) && $(MVN:-q=) $(if $(filter 2.13,$(SCALA)),-Pscala-2.13) test $(PLAIN)

prove: module launcher                     ## Test::Nginx suite over the real module and launcher
	@prove -j$(SIDE) $(PROVE_LIB) t/*.t

api: module launcher $(BUILD)/api/bin/st   ## docs/openapi.yaml against routes and server (API="options of st run")
	@/usr/bin/python3 -m pytest -q t/api
	@/usr/bin/python3 t/api/run.py $(API)

$(BUILD)/api/bin/st: t/api/requirements.txt | deps
	@echo "== fetching schemathesis"
	@/usr/bin/python3 -m venv $(BUILD)/api
	@$(BUILD)/api/bin/pip install -q -r t/api/requirements.txt && touch $@

CLASSES      := $(BUILD)/driver/classes.jsa

$(CLASSES): $(DRIVER) | all spark
	@echo "== making the archive of classes that drivers of tests share"
	@/usr/bin/python3 t/lib/class_archive.py

e2e: all spark $(CLASSES)                  ## real Spark, local and standalone; a walk through Livy's API
	@/usr/bin/python3 -m pytest -q -n $(SIDE_SPARK) --dist loadfile t/e2e t/clients/test_walk.py

SHIM         := $(BUILD)/storage_shim.so

shim: $(SHIM)                              ## the failing disk of t/fault/test_storage.py
	@:

$(SHIM): t/lib/storage_shim.c t/lib/storage_vfs.c t/lib/storage_shim.h | deps
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARN) -fPIC -shared -pthread -o $@ $(filter %.c,$^) -lsqlite3

losses: launcher shim                      ## lose the power at 200 changes (SPARKJOB_LOSSES, SPARKJOB_SEED)
	@SPARKJOB_LOSSES=$${SPARKJOB_LOSSES:-200} /usr/bin/python3 -m pytest -q t/fault/test_storage.py -k survives_the_power

# real clusters: Hadoop's daemons from the pinned jars of t/hadoop/pom.xml

HADOOP       := $(BUILD)/hadoop/fetched

hadoop: $(HADOOP)                          ## the jars of HDFS and YARN for tests (t/hadoop/pom.xml)
	@:

$(HADOOP): t/hadoop/pom.xml | deps
	@echo "== fetching Hadoop's daemons with Maven (90 MB)"
	@rm -rf $(BUILD)/hadoop/lib && mkdir -p $(BUILD)/hadoop
	@$(MVN) -f $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(BUILD)/hadoop/lib $(PLAIN)
	@touch $@

clusters: export DEPS := clusters
clusters: all spark hadoop $(CLASSES)      ## real HDFS, YARN and KDC, several clusters at once (T="t/clusters/test_yarn.py -k kill")
	@/usr/bin/python3 -m pytest -q $(or $(T),t/clusters)

# library sets: other Hadoop clients, and Spark 4, beside Spark 3.5

CLIENTS      := $(BUILD)/libraries/fetched

$(CLIENTS): t/libraries/pom.xml | deps
	@echo "== fetching Hadoop's clients with Maven (500 MB)"
	@rm -rf $(BUILD)/libraries && mkdir -p $(BUILD)/libraries
	@$(MVN) -f $< -Dfolder=$(CURDIR)/$(BUILD)/libraries process-resources $(PLAIN)
	@touch $@

$(BUILD)/libraries/bin/moto_server: t/libraries/requirements.txt $(CLIENTS)
	@echo "== fetching a server of S3"
	@/usr/bin/python3 -m venv $(BUILD)/libraries
	@$(BUILD)/libraries/bin/pip install -q -r t/libraries/requirements.txt && touch $@

libraries: export DEPS := test
libraries: all spark hadoop $(BUILD)/libraries/bin/moto_server ## Hadoop 2.10 to 3.4 and Spark 4 on one server (T="-k s3a")
	@$(MAKE) -s driver SCALA=2.13
	@env -u SPARK_HOME $(MAKE) -s spark SPARK=4
	@/usr/bin/python3 -m pytest -q t/libraries $(T)

# clients as people have them: each t/clients/<kind>.txt is a venv of its own, for t/clients/test_<kind>.py

KINDS         = $(patsubst t/clients/%.txt,%,$(wildcard t/clients/*.txt))

$(BUILD)/clients/%/fetched: t/clients/%.txt | deps
	@echo "== fetching clients: $*"
	@/usr/bin/python3 -m venv $(@D)
	@$(@D)/bin/pip install -q -r $< && touch $@

$(BUILD)/clients/kernel/fetched: $(BUILD)/kernel/bin/jupyter
	@mkdir -p $(BUILD)/clients && ln -sfn ../kernel $(BUILD)/clients/kernel && touch $@

clients: export DEPS := clients
clients: all spark $(CLASSES) $(KINDS:%=$(BUILD)/clients/%/fetched) ## clients against a real server and Spark (KINDS=jdbc T="-k beeline")
	@set -e; for kind in $(KINDS); do \
	    $(BUILD)/clients/$$kind/bin/python -m pytest -q -p no:cacheprovider t/clients/test_$$kind.py $(T); done

fault: all faults spark shim $(CLASSES)    ## what is killed, hung or missing
	@/usr/bin/python3 -m pytest -q -n $(SIDE) --dist loadgroup -m "not alone" t/fault
	@/usr/bin/python3 -m pytest -q -m alone t/fault

FAULTS       ?= 2000
SEED         ?= 1
SPARES       ?= 0

matrix: faults                             ## all of the fault matrix, then a random walk (FAULTS=2000 SEED=1 SPARES=0)
	@SPARKJOB_SPARES=$(SPARES) /usr/bin/python3 t/fault/matrix.py --parts 4 --faults $(FAULTS) --seed $(SEED)

# the zone's lock: a module that cannot touch the zone without it (T="t/*.t": the whole suite with that module)

lockcheck: module launcher                 ## prove that the zone is never used without its lock
	@mkdir -p $(BUILD)/lockcheck
	@$(MAKE) -s -C $(or $(NGINX_SRC),$(NGINX_DEV)) -f $(CURDIR)/t/lockcheck/Makefile \
	    OUT=$(CURDIR)/$(BUILD) HERE=$(CURDIR)/t/lockcheck lockcheck
	@/usr/bin/python3 -m pytest -q t/lockcheck
	@SPARKJOB_MODULE=$(CURDIR)/$(BUILD)/lockcheck/module.so prove $(PROVE_LIB) $(or $(T),t/zone.t t/events.t)

# the suite in other ways; T="t/a.t t/b.t" for some files only

MODES        := hup valgrind onebyte tinyzone
SUITE        := $(wildcard t/*.t)
hup_ENV      := TEST_NGINX_USE_HUP=1
valgrind_ENV := TEST_NGINX_USE_VALGRIND=1 SPARKJOB_SLOW=5
onebyte_ENV  := SPARKJOB_PRELOAD=$(CURDIR)/$(BUILD)/onebyte.so SPARKJOB_SLOW=8
tinyzone_ENV := SPARKJOB_ZONE=128k

hup_T        := $(SUITE)
valgrind_T   := $(filter-out t/large.t,$(SUITE))
onebyte_T    := $(filter-out t/large.t t/queue.t t/tls-http2.t,$(SUITE)) # these count on time
tinyzone_T   := $(SUITE)

prove-hup:                                 ## the suite with reloads in place of new starts
prove-valgrind:                            ## with nginx under valgrind
prove-onebyte:                             ## with sockets that take and give one byte at a time
prove-tinyzone:                            ## with zones as small as can be

# Test::Nginx itself ends an nginx under valgrind with its last block, and our tests go on after that
prove-valgrind: PROVE_LIB = -It/lib/standin -It/lib

$(MODES:%=prove-%): prove-%: module launcher $(BUILD)/onebyte.so
	@$($*_ENV) prove $(PROVE_LIB) $(or $(T),$($*_T))

modes: module launcher                     ## all of these, with a file each
	@$(MAKE) -s prove-hup T=t/routing.t
	@$(MAKE) -s prove-valgrind T=t/events.t
	@$(MAKE) -s prove-onebyte T=t/events.t
	@$(MAKE) -s prove-tinyzone T=t/job-list.t

$(BUILD)/onebyte.so: t/lib/onebyte.c | deps
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(WARN) -shared -fPIC -o $@ $< -ldl

# the suite under sanitizers: the module inside an nginx built from the distribution's source package

SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ASAN         := $(BUILD)/asan
ASAN_ENV     := ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
                LSAN_OPTIONS=suppressions=$(CURDIR)/t/lib/lsan.supp:print_suppressions=0 \
                SPARKJOB_LAUNCHER=$(CURDIR)/$(ASAN)/sparkjob-launcher SPARKJOB_MODULE= \
                SPARKJOB_CLI=$(CURDIR)/$(ASAN)/sparkjob \
                TEST_NGINX_BINARY=$(CURDIR)/$(ASAN)/static/nginx

APT_PRIVATE  := -o Dir::Etc::SourceList=$(CURDIR)/$(BUILD)/apt/sources.list -o Dir::Etc::SourceParts=/dev/null \
                -o Dir::State::Lists=$(CURDIR)/$(BUILD)/apt/lists -o APT::Sandbox::User=root

$(BUILD)/nginx-source/configure: | deps
	@echo "== fetching the distribution's nginx source"
	@rm -rf $(BUILD)/nginx-source && mkdir -p $(BUILD)/apt/lists/partial
	@apt-get indextargets --no-release-info --format '$$(REPO_URI) $$(RELEASE) $$(COMPONENT)' 'Created-By: Packages' \
	    | sed 's#/ # #; s#^#deb-src #' | sort -u >$(BUILD)/apt/sources.list
	@cd $(BUILD)/apt && apt-get -qq $(APT_PRIVATE) update \
	    && for v in $$(apt-cache $(APT_PRIVATE) showsrc nginx | sed -n 's/^Version: //p' | sort -rVu); do \
	        apt-get -qq $(APT_PRIVATE) source --download-only nginx=$$v && break; \
	    done && dpkg-source --no-check -x nginx_$${v#*:}.dsc ../nginx-source >/dev/null # a mirror may lag behind its index

asan: export DEPS := asan
asan: $(BUILD)/nginx-source/configure module driver spark shim ## the suite under ASan and UBSan
	@$(MAKE) -s launcher cli unit BUILD=$(ASAN) CFLAGS="-O1 -g $(SANITIZE)" LDFLAGS="$(SANITIZE)"
	@$(MAKE) -s static BUILD=$(ASAN) NGINX_SRC=$(CURDIR)/$(BUILD)/nginx-source STATIC_FLAGS='--with-debug \
	    --with-cc-opt="-O1 -g $(SANITIZE) -fno-sanitize=nonnull-attribute -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0" \
	    --with-ld-opt="$(SANITIZE)"'
	@$(ASAN_ENV) prove $(PROVE_LIB) t/*.t
	@$(ASAN_ENV) /usr/bin/python3 -m pytest -q t/fault t/e2e/test_cli.py

comma        := ,
include t/analysis.mk

# LINES is also the height of a terminal: only one given to make counts
BENCH         = /usr/bin/python3 t/bench/bench.py $(if $(findstring command,$(origin LINES)),--lines "$(LINES)") \
                $(if $(ROUNDS),--rounds $(ROUNDS))

bench: export DEPS := bench
bench: all spark                           ## speed and memory, as ratios in one run (LINES=a,b ROUNDS=5)
	@$(BENCH)

bench-quick: export DEPS := bench
bench-quick: all spark counts              ## some lines, shorter, and the instructions that they take
	@$(BENCH) --quick

# what does not depend on the machine: instructions of our own functions, against those in t/bench/counts.kept
$(BUILD)/codec: t/bench/codec.c $(filter-out %/main.o,$(L_SRC:driver-launcher/src/%.c=$(BUILD)/launcher/%.o))
	@$(CC) $(CFLAGS) $(L_CFLAGS) $(LDFLAGS) -o $@ $^ $(L_LIBS)

counts: module launcher $(BUILD)/codec     ## instructions for a request and a frame, against what is kept (KEEP=1)
	@/usr/bin/python3 -m pytest -q -p no:cacheprovider t/bench
	@/usr/bin/python3 t/bench/counts.py $(if $(KEEP),--keep)

scaling: export DEPS := bench
scaling: module launcher                   ## what workers, launcher and database share
	@mkdir -p $(BUILD)/lockcheck
	@$(MAKE) -s -C $(or $(NGINX_SRC),$(NGINX_DEV)) -f $(CURDIR)/t/lockcheck/Makefile \
	    OUT=$(CURDIR)/$(BUILD) HERE=$(CURDIR)/t/lockcheck $(CURDIR)/$(BUILD)/lockcheck/locktime.so
	@/usr/bin/python3 t/bench/scaling.py

start-profile: export DEPS := bench
start-profile: all spark                   ## where a driver's start goes until its context is ready
	@/usr/bin/python3 t/bench/start.py $(if $(ROUNDS),--rounds $(ROUNDS))

soak: all spark                            ## what grows: JOBS=100000 CONTEXTS=2 RESTARTS=20 VERSIONS=200
	@JOBS=$(JOBS) CONTEXTS=$(CONTEXTS) RESTARTS=$(RESTARTS) VERSIONS=$(VERSIONS) /usr/bin/python3 t/bench/soak.py


# a distribution's places

LIBDIR       ?= $(PREFIX)/lib
SYSCONFDIR   ?= /etc

install: all                               ## DESTDIR= PREFIX=: module, launcher, command, driver, conf/
	install -D -m 644 $(MODULE) $(DESTDIR)$(LIBDIR)/nginx/modules/ngx_http_sparkjob_module.so
	install -D -m 755 $(LAUNCHER) $(DESTDIR)$(PREFIX)/sbin/sparkjob-launcher
	install -D -m 755 $(CLI) $(DESTDIR)$(PREFIX)/bin/sparkjob
	install -d $(DESTDIR)$(LIBDIR)/sparkjob $(DESTDIR)$(SYSCONFDIR)/sparkjob
	install -m 644 $(BUILD)/driver/*.jar $(BUILD)/sparkjob-examples*.jar $(DESTDIR)$(LIBDIR)/sparkjob/
	install -m 644 $(WHEEL) $(BUILD)/sparkjob-python-examples.whl $(DESTDIR)$(LIBDIR)/sparkjob/
	for lib in $(BUILD)/driver/lib_*; do \
	    install -d $(DESTDIR)$(LIBDIR)/sparkjob/$${lib##*/} \
	    && install -m 644 $$lib/*.jar $(DESTDIR)$(LIBDIR)/sparkjob/$${lib##*/}/ || exit 1; \
	done
	sed 's#/usr/lib/sparkjob#$(LIBDIR)/sparkjob#' conf/launcher.json >$(DESTDIR)$(SYSCONFDIR)/sparkjob/launcher.json.dist
	chmod 644 $(DESTDIR)$(SYSCONFDIR)/sparkjob/launcher.json.dist
	[ -e $(DESTDIR)$(SYSCONFDIR)/sparkjob/launcher.json ] \
	    || install -m 644 $(DESTDIR)$(SYSCONFDIR)/sparkjob/launcher.json.dist $(DESTDIR)$(SYSCONFDIR)/sparkjob/launcher.json
	install -m 644 conf/nginx*.conf $(DESTDIR)$(SYSCONFDIR)/sparkjob/
	install -d $(DESTDIR)$(LIBDIR)/systemd/system
	sed 's#/usr/sbin/#$(PREFIX)/sbin/#' conf/systemd/sparkjob-launcher.service \
	    >$(DESTDIR)$(LIBDIR)/systemd/system/sparkjob-launcher.service
	chmod 644 $(DESTDIR)$(LIBDIR)/systemd/system/sparkjob-launcher.service
	install -m 644 conf/systemd/run-as.conf $(DESTDIR)$(SYSCONFDIR)/sparkjob/systemd-run-as.conf

clean:                                     ## remove what was built
	@conf/demo/stop >/dev/null 2>&1 || true
	@rm -rf $(BUILD)
	@find $(D_DIR) -name target -type d -prune -exec rm -rf {} +
