/* blame.c - see blame.h. Each address is asked for its name once, however many nodes of the call tree have it. */
#include "blame.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "hash_mix.h"
#include "openssl_rules.h"
#include "tags.h"
#include "text.h"
#include "trace_format.h"

/* What the function at an address is to blame. */
enum node_kind {
    NODE_NOWHERE, /* in no module */
    NODE_LIBC,
    NODE_SKIPPED, /* in a module of the table */
    NODE_UNNAMED,
    NODE_OTHER,
    NODE_WRAPPER,
    NODE_TEMPLATE,
    NODE_CRYPTO,
    NODE_OPENSSL,
};

enum { NO_STACK = UINT32_MAX };

struct address {
    uint64_t ip;
    uint32_t module;
    enum node_kind kind;
    bool is_operator_new;
    bool is_in_crypto; /* in CRYPTO_malloc or the like, or has called it */
};

/* What a function is, by its symbol: one pointer for each symbol of a file. */
struct known {
    const char *symbol;
    enum function_kind kind;
};

struct blame {
    const struct profile *profile;
    struct symbolizer *symbolizer;
    const struct blame_rules *rules;
    uint8_t *modules; /* by index: enum module_kind */
    bool *is_system;  /* by index */
    uint32_t *nodes;  /* by stack: index of its address + 1, 0 = not looked at yet */
    struct address *addresses;
    size_t n_addresses, cap_addresses;
    uint32_t *address_slots; /* open addressing: index + 1 */
    size_t n_address_slots;
    struct known *known; /* open addressing */
    size_t n_known, n_known_slots;
};

static bool is_below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* An executable, or a file in the folder of one. A loader that was run by name is none: it stands among the system's libraries. */
static bool is_beside_executable(const struct blame *b, const char *path) {
    size_t n_folder = (size_t)(text_base_name(path) - path);
    for (size_t i = 0; i < b->profile->n_processes; i++) {
        const char *executable = b->profile->processes[i].executable;
        if (executable && n_folder && strncmp(executable, path, n_folder) == 0 && !strchr(executable + n_folder, '/') &&
            blame_module_kind(b->rules, executable) == MODULE_OTHER) {
            return true;
        }
    }
    return false;
}

static bool is_system_library(const struct blame *b, const char *path) {
    static const char *const folders[] = {"/lib",     "/lib32",     "/lib64",     "/libx32",
                                          "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (is_below(path, folders[i])) {
            return !is_beside_executable(b, path);
        }
    }
    return false;
}

struct blame *blame_open(const struct profile *profile, struct symbolizer *symbolizer, const struct blame_rules *rules) {
    struct blame *b = xcalloc(1, sizeof *b);
    *b = (struct blame){.profile = profile,
                        .symbolizer = symbolizer,
                        .rules = rules,
                        .nodes = xcalloc(profile->n_stacks, sizeof *b->nodes),
                        .modules = xcalloc(profile->n_modules, 1),
                        .is_system = xcalloc(profile->n_modules, sizeof *b->is_system)};
    for (size_t i = 0; i < profile->n_modules; i++) {
        const char *path = profile->modules[i].path ? profile->modules[i].path : "";
        b->modules[i] = (uint8_t)blame_module_kind(rules, path);
        b->is_system[i] = is_system_library(b, path);
    }
    return b;
}

void blame_close(struct blame *b) {
    free(b->modules);
    free(b->is_system);
    free(b->nodes);
    free(b->addresses);
    free(b->address_slots);
    free(b->known);
    free(b);
}

static struct known *find_known(struct known *known, size_t n_slots, const char *symbol) {
    size_t i = hash_mix((uintptr_t)symbol, 0) & (n_slots - 1);
    while (known[i].symbol && known[i].symbol != symbol) {
        i = (i + 1) & (n_slots - 1);
    }
    return &known[i];
}

static void grow_known(struct blame *b) {
    size_t n_slots = b->n_known_slots ? b->n_known_slots * 2 : 1024;
    struct known *known = xcalloc(n_slots, sizeof *known);
    for (size_t i = 0; i < b->n_known_slots; i++) {
        if (b->known[i].symbol) {
            *find_known(known, n_slots, b->known[i].symbol) = b->known[i];
        }
    }
    free(b->known);
    b->known = known;
    b->n_known_slots = n_slots;
}

static enum function_kind kind_of(struct blame *b, const struct frame *frame) {
    if (!frame->symbol) {
        return frame->function ? blame_function_kind(b->rules, frame->function, NULL) : FUNCTION_OTHER;
    }
    if (b->n_known * 2 >= b->n_known_slots) {
        grow_known(b);
    }
    struct known *known = find_known(b->known, b->n_known_slots, frame->symbol);
    if (!known->symbol) {
        *known =
            (struct known){.symbol = frame->symbol, .kind = blame_function_kind(b->rules, frame->function, frame->symbol)};
        b->n_known++;
    }
    return known->kind;
}

static enum node_kind node_of_function(enum function_kind kind) {
    switch (kind) {
    case FUNCTION_WRAPPER:
        return NODE_WRAPPER;
    case FUNCTION_TEMPLATE:
        return NODE_TEMPLATE;
    case FUNCTION_CRYPTO:
        return NODE_CRYPTO;
    case FUNCTION_OPENSSL:
        return NODE_OPENSSL;
    default:
        return NODE_OTHER;
    }
}

static bool is_operator_new(const char *function) {
    return function && strncmp(function, "operator new", 12) == 0 && (function[12] == '(' || function[12] == '[');
}

static struct address look_at(struct blame *b, uint64_t ip, uint32_t module) {
    struct frame frame = symbolize_function(b->symbolizer, module, ip);
    struct address address = {.ip = ip, .module = module, .is_operator_new = is_operator_new(frame.function)};
    address.is_in_crypto = openssl_meaning(frame.function) == OPENSSL_FRAME_WRAPPER ||
                           openssl_meaning(symbolize_callee(b->symbolizer, module, ip)) == OPENSSL_FRAME_WRAPPER;
    switch (module ? b->modules[module - 1] : MODULE_OTHER) {
    case MODULE_SKIPPED:
        address.kind = NODE_SKIPPED;
        break;
    case MODULE_LIBC:
        address.kind = NODE_LIBC;
        break;
    default:
        address.kind = module == 0 ? NODE_NOWHERE : !frame.function ? NODE_UNNAMED : node_of_function(kind_of(b, &frame));
    }
    return address;
}

static size_t address_slot(const struct blame *b, uint64_t ip, uint32_t module) {
    size_t slot = hash_mix(ip, module) & (b->n_address_slots - 1);
    for (; b->address_slots[slot]; slot = (slot + 1) & (b->n_address_slots - 1)) {
        const struct address *address = &b->addresses[b->address_slots[slot] - 1];
        if (address->ip == ip && address->module == module) {
            break;
        }
    }
    return slot;
}

static void grow_address_slots(struct blame *b) {
    b->n_address_slots = b->n_address_slots ? b->n_address_slots * 2 : 1024;
    free(b->address_slots);
    b->address_slots = xcalloc(b->n_address_slots, sizeof *b->address_slots);
    for (size_t i = 0; i < b->n_addresses; i++) {
        b->address_slots[address_slot(b, b->addresses[i].ip, b->addresses[i].module)] = (uint32_t)i + 1;
    }
}

/* What is at a node of the call tree that is a frame. */
static const struct address *address_at(struct blame *b, uint32_t i) {
    if (!b->nodes[i]) {
        const struct stack *stack = &b->profile->stacks[i];
        if (b->n_addresses * 2 >= b->n_address_slots) {
            grow_address_slots(b);
        }
        size_t slot = address_slot(b, stack->ip, stack->module);
        if (!b->address_slots[slot]) {
            b->addresses = xgrow(b->addresses, b->n_addresses, &b->cap_addresses, sizeof *b->addresses);
            b->addresses[b->n_addresses++] = look_at(b, stack->ip, stack->module);
            b->address_slots[slot] = (uint32_t)b->n_addresses;
        }
        b->nodes[i] = b->address_slots[slot];
    }
    return &b->addresses[b->nodes[i] - 1];
}

/* The caller of a frame; NO_STACK = there is none. */
static uint32_t caller_of(const struct profile *p, uint32_t i) {
    uint32_t parent = p->stacks[i].parent;
    return parent < i && stack_is_frame(&p->stacks[parent]) ? parent : NO_STACK;
}

/* What is known of the frames passed so far. */
struct walk {
    uint32_t wrapper; /* the outermost function that is one; NO_STACK = none */
    uint32_t skipped; /* the outermost frame in a module of the table */
    uint32_t openssl; /* module that OpenSSL is linked into; 0 = none */
    bool is_owner;
};

static bool is_wrapper_node(const struct walk *walk, const struct address *address) {
    return address->kind == NODE_WRAPPER || address->kind == NODE_CRYPTO ||
           (address->kind == NODE_OPENSSL && address->module == walk->openssl);
}

/* Whether a function is called by a wrapper of the same module: directly or by others without a name, if it has none itself; where OpenSSL is linked
 * into that module, by any others, since its internal functions have names of all kinds. */
static bool is_helper(struct blame *b, const struct walk *walk, uint32_t i) {
    uint32_t module = b->profile->stacks[i].module;
    bool is_inside = module && module == walk->openssl;
    for (uint32_t at = i; at != NO_STACK; at = caller_of(b->profile, at)) {
        const struct address *address = address_at(b, at);
        if (address->module != module || is_wrapper_node(walk, address)) {
            return address->module == module;
        }
        if (!is_inside && address->kind != NODE_UNNAMED) {
            return false;
        }
    }
    return false;
}

/* Whether a function is one that the program has given to OpenSSL, to allocate by, or called by it. */
static bool serves_openssl(struct blame *b, uint32_t i) {
    uint32_t at = caller_of(b->profile, i);
    for (unsigned n = 0; n < OPENSSL_OWN_FRAMES_MAX && at != NO_STACK; n++) {
        if (address_at(b, at)->is_in_crypto) {
            return true;
        }
        at = caller_of(b->profile, at);
    }
    return false;
}

static void propose(struct blame_path *path, uint32_t stack, enum blame_choice choice) {
    path->candidates = xgrow(path->candidates, path->n, &path->cap, sizeof *path->candidates);
    path->candidates[path->n++] = (struct blame_candidate){.stack = stack, .choice = choice};
}

/* Whether the search ends at a frame; if not, what it says is noted. */
static bool is_answer(struct blame *b, struct walk *walk, uint32_t i, struct blame_path *path) {
    const struct address address = *address_at(b, i);
    bool is_left_out = walk->is_owner && address.module && b->is_system[address.module - 1];
    bool is_passed = is_wrapper_node(walk, &address) || address.kind == NODE_SKIPPED || address.kind == NODE_TEMPLATE;
    if (address.kind == NODE_LIBC) {
        return false;
    }
    if (!is_passed) {
        return !is_left_out && !is_helper(b, walk, i) && !serves_openssl(b, i);
    }
    if (address.kind == NODE_TEMPLATE && !is_left_out) {
        propose(path, i, BLAME_IF_ANY);
    }
    walk->openssl = address.kind == NODE_CRYPTO ? address.module : walk->openssl;
    *(address.kind == NODE_SKIPPED ? &walk->skipped : &walk->wrapper) = i;
    return false;
}

void blame_find(struct blame *b, uint32_t leaf, bool is_owner, struct blame_path *path) {
    struct walk walk = {.wrapper = NO_STACK, .skipped = NO_STACK, .is_owner = is_owner};
    path->n = 0;
    for (uint32_t i = leaf; i != NO_STACK && address_at(b, i)->kind != NODE_NOWHERE; i = caller_of(b->profile, i)) {
        if (is_answer(b, &walk, i, path)) {
            propose(path, i, BLAME_FIRST);
            return;
        }
    }
    if (is_owner) {
        blame_find(b, leaf, false, path); /* once: no deeper */
    } else if (walk.wrapper != NO_STACK) {
        propose(path, walk.wrapper, BLAME_OUTERMOST);
    } else if (walk.skipped != NO_STACK) {
        propose(path, walk.skipped, BLAME_OUTERMOST);
    } else {
        propose(path, leaf, BLAME_INNERMOST);
    }
}

/* Whether an inlined function is one that is passed over. */
static bool is_inlined_wrapper(struct blame *b, const struct frame *frame) {
    bool is_mangled = frame->symbol && frame->symbol[0] == '_' && (frame->symbol[1] == 'Z' || frame->symbol[1] == 'R');
    if (!is_mangled && frame->file && blame_is_template_file(frame->file)) {
        return true;
    }
    enum function_kind kind = frame->function ? kind_of(b, frame) : FUNCTION_WRAPPER;
    return kind == FUNCTION_WRAPPER || kind == FUNCTION_TEMPLATE || kind == FUNCTION_CRYPTO;
}

bool blame_choose(struct blame *b, const struct location *location, enum blame_choice choice, uint32_t *frame) {
    uint32_t last = location->n_frames - 1;
    *frame = choice == BLAME_INNERMOST ? 0 : last;
    if (choice == BLAME_INNERMOST || choice == BLAME_OUTERMOST) {
        return true;
    }
    for (uint32_t i = 0; i < last; i++) {
        if (!is_inlined_wrapper(b, &location->frames[i])) {
            *frame = i;
            return true;
        }
    }
    return choice == BLAME_FIRST;
}

struct blame_frame blame_resolve(struct blame *b, uint32_t leaf, bool is_owner) {
    struct blame_path path = {0};
    struct blame_frame found = {.stack = leaf};
    blame_find(b, leaf, is_owner, &path);
    for (size_t i = 0; i < path.n; i++) {
        const struct stack *stack = &b->profile->stacks[path.candidates[i].stack];
        found.stack = path.candidates[i].stack;
        if (blame_choose(b, symbolize(b->symbolizer, stack->module, stack->ip), path.candidates[i].choice, &found.frame)) {
            break;
        }
    }
    free(path.candidates);
    return found;
}

uint32_t blame_leaf(struct blame *b, uint32_t stack) {
    stack = stack_leaf(b->profile->stacks, stack);
    while (stack_is_frame(&b->profile->stacks[stack]) && address_at(b, stack)->is_operator_new) {
        uint32_t caller = caller_of(b->profile, stack);
        if (caller == NO_STACK) {
            break;
        }
        stack = caller;
    }
    return stack;
}
