# seep - see `make help`.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
V ?= 0
WERROR ?= 0
SAN ?=

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
SEEP_LIBS := -ldw -lelf -liberty -lyajl -lz

.PHONY: all
all: $(BUILD)/seep $(BUILD)/libseep.so $(BUILD)/seep-collect

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
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(SAN),,-static) -o $@ $(COLLECT_OBJ) -lz

$(BUILD)/seep: $(SEEP_OBJ)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(SEEP_OBJ) $(SEEP_LIBS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/obj/*/*/*/*.d)
