/* token_model.h - how events become bytes: tokens, and the prediction that both sides of the trace keep in step.
 *
 * A token names what happened to which info:
 *     0          the thread's last free did not happen (undo)
 *     1          free of the thread's last allocation, if nothing else was allocated by that thread since ("temporary")
 *     2 id + 2   allocation of a block of that info       (ids start at 1)
 *     2 id + 3   free of a block of that info
 *
 * Programs repeat themselves, so a token is looked up before it is written: `recent` holds two tokens for each hash of
 * the thread's last three, `follow` one for its last. A hit on recent[0] costs nothing but a count; a miss writes
 *     control byte = hits before it << 2 | how it was found
 *         0 = recent[1]   1 = follow   2 = the info defined next (its first allocation)   3 = literal
 * and the byte 63 << 2 stands for 63 hits without a miss. A literal is a varint in columns of its own: its first byte in one, the
 * rest in another, so that both have codes of their own (6 % of all bytes with busy threads). 0 and 1 are those tokens, others
 * 2 + (zigzag(info - base) << 1 | is_free), where base is the info of the context's newest token that allocates or frees like this
 * one, else of its newest that names an info, else 0: infos are used again in the order in which they were first met. Tables are shared by all threads, contexts are per thread; both
 * restart at a checkpoint. Measured before zlib: 4-9 ns an event to write, 2-4 to read.
 */
#ifndef SEEP_TOKEN_MODEL_H
#define SEEP_TOKEN_MODEL_H

#include <stdint.h>

#include "attributes.h"
#include "varint.h"

enum {
    TOKEN_UNDO = 0,
    TOKEN_FREE_LAST = 1,
    TOKEN_RECENT_BITS = 16, /* 18 would save 3 to 10 % of the bytes and take a reader 1.4 times as long: caches hold less */
    TOKEN_FOLLOW_BITS = 16,
    TOKEN_RECENT_BYTES = 8 << TOKEN_RECENT_BITS,
    TOKEN_FOLLOW_BYTES = 4 << TOKEN_FOLLOW_BITS,
    TOKEN_RUN_MAX = 63,
    TOKEN_INFOS_MAX = 0x7ffffff0, /* so that every token fits 32 bits */
};

enum token_kind {
    TOKEN_KIND_SECOND = 0,
    TOKEN_KIND_FOLLOW = 1,
    TOKEN_KIND_NEW = 2,
    TOKEN_KIND_LITERAL = 3,
};

/* The last three tokens of a thread, newest first; all 0 at a checkpoint. */
struct token_context {
    uint32_t newest, middle, oldest;
};

ALWAYS_INLINE uint32_t token_alloc(uint32_t info) {
    return info * 2 + 2;
}

ALWAYS_INLINE uint32_t token_free(uint32_t info) {
    return info * 2 + 3;
}

/* Which pair of `recent` belongs to a context. How the pairs lie in memory is for either side to choose. Multipliers: odd
 * constants with well-spread bits, as in xxHash32 (its primes 1 to 3). */
ALWAYS_INLINE uint32_t token_recent_index(struct token_context c) {
    uint32_t mix = (c.newest * 0x9E3779B1u) ^ (c.middle * 0x85EBCA77u) ^ (c.oldest * 0xC2B2AE3Du);
    return mix >> (32 - TOKEN_RECENT_BITS);
}

ALWAYS_INLINE uint32_t token_follow_index(struct token_context c) {
    return (c.newest * 0x9E3779B1u) >> (32 - TOKEN_FOLLOW_BITS);
}

ALWAYS_INLINE struct token_context token_push(struct token_context c, uint32_t token) {
    return (struct token_context){.newest = token, .middle = c.newest, .oldest = c.middle};
}

ALWAYS_INLINE uint32_t token_info(uint32_t token) {
    return (token - 2) >> 1; /* of a token above 1 */
}

/* What a literal of a context is relative to. */
ALWAYS_INLINE uint32_t token_base(struct token_context c, uint32_t is_free) {
    const uint32_t tokens[3] = {c.newest, c.middle, c.oldest};
    uint32_t base = 0;
    for (int i = 2; i >= 0; i--) {
        base = tokens[i] > TOKEN_FREE_LAST ? token_info(tokens[i]) : base;
    }
    for (int i = 2; i >= 0; i--) {
        base = tokens[i] > TOKEN_FREE_LAST && (tokens[i] & 1) == is_free ? token_info(tokens[i]) : base;
    }
    return base;
}

ALWAYS_INLINE uint64_t token_to_literal(struct token_context c, uint32_t token) {
    if (token <= TOKEN_FREE_LAST) {
        return token;
    }
    uint32_t is_free = token & 1;
    int64_t step = (int64_t)token_info(token) - (int64_t)token_base(c, is_free);
    return 2 + (zigzag_encode(step) << 1 | is_free);
}

/* The reverse. Returns a token, or a number beyond every token if the literal names no info. */
ALWAYS_INLINE uint64_t token_from_literal(struct token_context c, uint64_t literal) {
    if (literal <= TOKEN_FREE_LAST) {
        return literal;
    }
    uint32_t is_free = (literal - 2) & 1;
    uint64_t info = token_base(c, is_free) + (uint64_t)zigzag_decode((literal - 2) >> 1);
    return info - 1 < TOKEN_INFOS_MAX ? info * 2 + 2 + is_free : UINT64_MAX;
}

/* What both sides do after a miss: the pair moves up, and unless it was recent[1] the follower is replaced. */
ALWAYS_INLINE void token_learn(uint32_t *first, uint32_t *second, uint32_t *follow, enum token_kind kind, uint32_t token) {
    if (kind != TOKEN_KIND_SECOND) {
        *follow = token;
    }
    *second = *first;
    *first = token;
}

#endif
