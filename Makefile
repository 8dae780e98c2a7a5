# seep - see `make help`. V=1 shows the commands, WERROR=1 makes warnings errors, SAN=address,undefined builds with sanitizers;
# give such builds a BUILD of their own.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
V ?= 0
WERROR ?= 0
SAN ?=

# One name for a folder however it is spelt: what each object was made from is noted under that name.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))

ARCH := $(shell uname -m)
Q := $(if $(filter 1,$(V)),,@)

WARN := -Wall -Wextra -Wshadow -Wundef -Wcast-qual -Wwrite-strings -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	$(if $(filter 1,$(WERROR)),-Werror)
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARN) -fno-strict-aliasing -MMD -MP -Iinclude -D_GNU_SOURCE -DSEEP_VERSION='"$(VERSION)"' $(CFLAGS) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)

SHIM_SRC := $(wildcard preload/*.c preload/arch/$(ARCH)/*.c)
COLLECT_SRC := $(wildcard preload/collector/*.c)
SEEP_SRC := $(wildcard analyzer/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SHIM_OBJ := $(call obj,$(SHIM_SRC))
COLLECT_OBJ := $(call obj,$(COLLECT_SRC))
SEEP_OBJ := $(call obj,$(SEEP_SRC))

SHIM_CFLAGS := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-stack-protector -U_FORTIFY_SOURCE -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
	-Ipreload -Ipreload/arch/$(ARCH)
SHIM_LDFLAGS := -shared -Wl,-z,defs,-z,relro,-z,now -Wl,--version-script=$(BUILD)/libseep.map
SEEP_LIBS := -ldw -lelf -liberty -lyajl -lz -lm

.PHONY: all
all: $(BUILD)/seep $(BUILD)/libseep.so $(BUILD)/seep-collect ## build seep, libseep.so and seep-collect (the default)

$(SHIM_OBJ): ALL_CFLAGS += $(SHIM_CFLAGS)
$(COLLECT_OBJ): ALL_CFLAGS += -Ipreload/collector
$(SEEP_OBJ): ALL_CFLAGS += -Ianalyzer

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# The export list comes from the one list of interposed functions.
$(BUILD)/libseep.map: preload/hook_list.h preload/export_map.awk
	@mkdir -p $(@D)
	$(Q)awk -f preload/export_map.awk $< > $@

$(BUILD)/libseep.so: $(SHIM_OBJ) $(BUILD)/libseep.map
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(SHIM_LDFLAGS) -o $@ $(SHIM_OBJ)

# Static, so that it runs in any container image and no LD_PRELOAD reaches it.
$(BUILD)/seep-collect: $(COLLECT_OBJ)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(SAN),,-static) -o $@ $(COLLECT_OBJ) -lz -lm

$(BUILD)/seep: $(SEEP_OBJ)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(SEEP_OBJ) $(SEEP_LIBS)

# Unit tests: each tests/unit/test_X.c is a program, linked with all of seep but its main()s and the interposed functions; a
# tests/unit/X.c with a main() is a program that tests run, any other X.c is linked to all.
UNIT_ALL := $(wildcard tests/unit/*.c)
UNIT_MAIN := $(sort $(UNIT_SRC) $(if $(UNIT_ALL),$(shell grep -ls '^int main\b' $(UNIT_ALL))))
UNIT_OBJ := $(call obj,$(UNIT_ALL))
UNIT_SUPPORT := $(call obj,$(filter-out $(UNIT_MAIN),$(UNIT_ALL)))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_MAIN))
UNIT_ARCHIVED := $(filter-out $(call obj,$(wildcard preload/interpose*.c preload/lifecycle.c) preload/collector/main.c analyzer/main.c), \
	$(SHIM_OBJ) $(COLLECT_OBJ) $(SEEP_OBJ))

$(UNIT_OBJ): ALL_CFLAGS += -Ipreload -Ipreload/arch/$(ARCH) -Ipreload/collector -Ianalyzer

$(BUILD)/libunit.a: $(UNIT_ARCHIVED)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(UNIT_ARCHIVED)

$(UNIT_BIN): $(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_SUPPORT) $(BUILD)/libunit.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(UNIT_SUPPORT) $(BUILD)/libunit.a $(SEEP_LIBS) -lunwind -lpthread

.PHONY: unit
unit: $(UNIT_BIN) ## build the unit tests

# Targets: the small programs that the behaviour cases trace. Always built the same way, whatever SAN and CFLAGS say.
TARGET_SRC := $(filter-out tests/targets/lib_%,$(wildcard tests/targets/*.c tests/targets/*.cc))
TARGET_LIB := $(patsubst tests/targets/%.c,$(BUILD)/targets/%.so,$(wildcard tests/targets/lib_*.c))
TARGET_BIN := $(patsubst %,$(BUILD)/targets/%,$(basename $(notdir $(TARGET_SRC)))) \
	$(patsubst %,$(BUILD)/targets/operator_new-%,jemalloc tcmalloc mimalloc) \
	$(patsubst %,$(BUILD)/targets/openssl_calls-%,symbolic inside hidden) $(BUILD)/targets/cert_reload-inside \
	$(BUILD)/targets/openssl_jumps-inside
TARGET_FLAGS := -O2 -g -Wall -Wextra -Wno-unused-function $(if $(filter 1,$(WERROR)),-Werror) -D_GNU_SOURCE -pthread
CXX ?= g++

$(BUILD)/targets/jemalloc_api $(BUILD)/targets/operator_new-jemalloc: TARGET_LIBS := -ljemalloc
$(BUILD)/targets/tcmalloc_api $(BUILD)/targets/operator_new-tcmalloc: TARGET_LIBS := -ltcmalloc
$(BUILD)/targets/mimalloc_api $(BUILD)/targets/operator_new-mimalloc: TARGET_LIBS := -lmimalloc
$(BUILD)/targets/static_program: TARGET_LIBS := -static
$(BUILD)/targets/blame_libraries: TARGET_LIBS := -l:libglib-2.0.so.0 -l:libcrypto.so.3 -l:libz.so.1
$(BUILD)/targets/cert_reload $(BUILD)/targets/openssl_jumps: TARGET_LIBS := -lssl -lcrypto
$(BUILD)/targets/cert_reload-inside $(BUILD)/targets/openssl_jumps-inside: TARGET_LIBS := -rdynamic -l:libssl.a -l:libcrypto.a
# OpenSSL as it comes: shared; as upstream links it, in a library of its own names; inside a program that exports it, and in one that does not.
$(BUILD)/targets/openssl_calls $(BUILD)/targets/openssl_set $(BUILD)/targets/openssl_versions: TARGET_LIBS := -lcrypto
$(BUILD)/targets/openssl_calls-inside: TARGET_LIBS := -rdynamic -l:libcrypto.a
$(BUILD)/targets/openssl_calls-hidden: TARGET_LIBS := -l:libcrypto.a
$(BUILD)/targets/openssl_calls-symbolic: TARGET_LIBS := $(BUILD)/targets/libcrypto_symbolic.so -Wl,-rpath,'$$ORIGIN'
$(BUILD)/targets/openssl_calls-symbolic: $(BUILD)/targets/libcrypto_symbolic.so
$(BUILD)/targets/libcrypto_symbolic.so:
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,$(@F) -Wl,-Bsymbolic -Wl,--whole-archive -l:libcrypto.a -Wl,--no-whole-archive -o $@ -pthread
$(BUILD)/targets/hidden_allocator $(BUILD)/targets/exported_allocator: TARGET_LIBS := -fno-builtin
$(BUILD)/targets/hidden_allocator $(BUILD)/targets/exported_allocator: tests/targets/lib_bump.c
$(BUILD)/targets/signal_alloc: TARGET_LIBS := $(BUILD)/targets/lib_bump.so -Wl,-rpath,'$$ORIGIN'
$(BUILD)/targets/signal_alloc: $(BUILD)/targets/lib_bump.so

$(BUILD)/targets/lib_%.so: tests/targets/lib_%.c tests/targets/fake_libcrypto.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -fPIC -shared -fno-builtin -Wl,-soname,$(@F) -o $@ $<
$(BUILD)/targets/%: tests/targets/%.c $(wildcard tests/targets/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)
$(BUILD)/targets/%: tests/targets/%.cc $(wildcard tests/targets/*.h)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)
$(BUILD)/targets/cert_reload-%: tests/targets/cert_reload.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)

$(BUILD)/targets/openssl_calls-%: tests/targets/openssl_calls.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)
$(BUILD)/targets/openssl_jumps-%: tests/targets/openssl_jumps.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)
$(BUILD)/targets/operator_new-%: tests/targets/operator_new.cc tests/targets/books.h
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TARGET_FLAGS) -o $@ $< $(TARGET_LIBS)

# Programs with Go and Rust in them. Go keeps what it compiled, its runtime too, in one place for all BUILDs.
GO := env GO111MODULE=off GOENV=off GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=1 CC=gcc GOCACHE=$(CURDIR)/build/go-cache go
RUSTC ?= $(firstword $(wildcard /usr/bin/rustc) rustc)
TARGET_MIXED := $(patsubst %,$(BUILD)/targets/%,go_stress radio radio_v0)

$(BUILD)/targets/go_stress: $(wildcard tests/targets/go_stress/*)
	@mkdir -p $(@D)
	$(Q)cd tests/targets/go_stress && $(GO) build -o $(abspath $@) .
$(BUILD)/targets/radio_go.a: $(wildcard tests/targets/radio/*.[ch] tests/targets/radio/*.go)
	@mkdir -p $(@D)
	$(Q)cd tests/targets/radio && $(GO) build -buildmode=c-archive -o $(abspath $@) .
$(BUILD)/targets/radio $(BUILD)/targets/radio_v0: $(BUILD)/targets/radio_go.a tests/targets/radio/main.rs
	$(Q)$(RUSTC) --edition 2021 --crate-name radio -O $(RADIO_FLAGS) -o $@ tests/targets/radio/main.rs \
		-C link-arg=$< -C link-arg=-lssl -C link-arg=-lcrypto
$(BUILD)/targets/radio: RADIO_FLAGS := -g
$(BUILD)/targets/radio_v0: RADIO_FLAGS := -C symbol-mangling-version=v0

.PHONY: targets
targets: $(TARGET_LIB) $(TARGET_BIN) $(TARGET_MIXED) ## build the programs that the tests trace

# Sanitizer builds, each in a folder of its own: everything but the shim with ASan+UBSan, the concurrent units with TSan, the
# shim with UBSan that traps (it may not bring a runtime into its host).
.PHONY: asan tsan ubsan
asan: ## build seep, seep-collect and the unit tests with ASan and UBSan, in build/asan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address,undefined CFLAGS='-O1 -g -fno-sanitize-recover=all' \
		$(BUILD)/asan/seep $(BUILD)/asan/seep-collect unit
tsan: ## build the unit tests with TSan, in build/tsan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread CFLAGS='-O1 -g' unit
ubsan: ## build libseep.so with UBSan traps, in build/ubsan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan CFLAGS='-O2 -g -fsanitize=undefined -fsanitize-undefined-trap-on-error' all

JOBS ?= 2
.PHONY: check soak demo bench lint
check: all unit targets asan ubsan ## run every test (TESTS='books.* …' for some, JOBS=2 at a time)
	$(Q)BUILD=$(abspath $(BUILD)) tests/run -j $(JOBS) $(TESTS)
soak: all unit targets asan ubsan ## the long repeats: 100 runs of random programs, cuts at every byte, 10,000 flips
	$(Q)BUILD=$(abspath $(BUILD)) tests/run -j $(JOBS) --soak $(if $(TESTS),$(TESTS),'soak.*')
demo: ## trace an nginx TLS server under load and print the report
	$(Q)scripts/demo
bench: all ## cost and exactness beside heaptrack's
	$(Q)scripts/bench
lint: ## formatting, static analysis, exports, options against the manual
	$(Q)BUILD=$(BUILD) scripts/lint

.PHONY: install
install: all ## install below DESTDIR/PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/seep $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/doc/seep
	install -m 755 $(BUILD)/seep scripts/seep-gate $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/libseep.so $(BUILD)/seep-collect $(DESTDIR)$(PREFIX)/lib/seep/
	install -m 644 include/seep.h $(DESTDIR)$(PREFIX)/include/seep.h
	install -m 644 analyzer/seep.1 $(DESTDIR)$(PREFIX)/share/man/man1/seep.1
	install -m 644 README.md LICENSE include/FORMAT.md $(DESTDIR)$(PREFIX)/share/doc/seep/

.PHONY: help
help: ## this list
	@echo "usage: make [TARGET] [VARIABLE=VALUE]..."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12
	@echo
	@echo "  BUILD=$(BUILD) PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) CC=$(CC) V=$(V) WERROR=$(WERROR) SAN=$(SAN) JOBS=$(JOBS)"

.PHONY: clean
clean: ## remove all that was built
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/obj/*/*/*/*.d)
