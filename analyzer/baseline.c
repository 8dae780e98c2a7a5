/* baseline.c - see baseline.h: matching and updating. baseline_file.c reads and writes. */
#include "baseline.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

void baseline_free(struct baseline *b) {
    for (size_t i = 0; i < b->n; i++) {
        free(b->entries[i].comment);
    }
    free(b->entries);
    free(b->head);
    free(b->tail);
    *b = (struct baseline){0};
}

void baseline_match(const struct baseline *b, const struct identity *const *ids, size_t n, uint32_t *match) {
    const struct identity **entries = xcalloc(b->n, sizeof *entries);
    for (size_t i = 0; i < b->n; i++) {
        entries[i] = &b->entries[i].id;
    }
    identity_match(ids, n, entries, b->n, match);
    free(entries);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct baseline_entry *)a)->id.key, ((const struct baseline_entry *)b)->id.key);
}

const struct baseline_entry *baseline_find(const struct baseline *b, const char *key) {
    struct baseline_entry wanted = {.id.key = key};
    return b->n ? bsearch(&wanted, b->entries, b->n, sizeof *b->entries, by_key) : NULL;
}

bool baseline_exceeds(const struct baseline_figures *now, const struct baseline_figures *limit) {
    return now->bytes > limit->bytes || now->blocks > limit->blocks ||
           (limit->has_growth && now->has_growth && now->growth_hundredths > limit->growth_hundredths);
}

static bool lower(uint64_t *limit, uint64_t now) {
    bool is_lower = now < *limit;
    *limit = is_lower ? now : *limit;
    return is_lower;
}

/* Lower what is less now. A growth that was not limited so far is from now on. Returns whether anything was. */
static bool tighten(struct baseline_figures *limit, const struct baseline_figures *now) {
    bool is_lower = lower(&limit->bytes, now->bytes);
    is_lower |= lower(&limit->blocks, now->blocks);
    if (now->has_growth && !limit->has_growth) {
        limit->has_growth = true;
        limit->growth_hundredths = now->growth_hundredths;
        return true;
    }
    return (now->has_growth && lower(&limit->growth_hundredths, now->growth_hundredths)) || is_lower;
}

/* Raise what is more now. */
static void loosen(struct baseline_figures *limit, const struct baseline_figures *now) {
    limit->bytes = now->bytes > limit->bytes ? now->bytes : limit->bytes;
    limit->blocks = now->blocks > limit->blocks ? now->blocks : limit->blocks;
    if (now->has_growth && now->growth_hundredths > limit->growth_hundredths) {
        limit->growth_hundredths = now->growth_hundredths;
    }
}

static void update_entry(struct baseline_entry *entry, const struct baseline_site *site, uint32_t index, bool may_loosen,
                         struct baseline_changes *changes) {
    if (baseline_exceeds(&site->now, &entry->limit)) {
        changes->loosened[changes->n_loosened++] = index;
        if (may_loosen) {
            loosen(&entry->limit, &site->now);
        }
    }
    changes->n_lowered += tighten(&entry->limit, &site->now);
    entry->id = *site->id; /* a helper may have got another name */
}

/* Leave out the entries that no site keeps. */
static void remove_unused(struct baseline *b, const bool *is_used, size_t n_entries, struct baseline_changes *changes) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (i >= n_entries || is_used[i]) {
            b->entries[n++] = b->entries[i];
        } else {
            free(b->entries[i].comment);
            changes->n_removed++;
        }
    }
    b->n = n;
}

void baseline_update(struct baseline *b, const struct baseline_site *sites, size_t n, bool may_loosen,
                     struct baseline_changes *changes) {
    size_t n_entries = b->n;
    const struct identity **ids = xcalloc(n, sizeof *ids);
    uint32_t *match = xcalloc(n, sizeof *match), *site_of = xcalloc(n, sizeof *site_of), n_ids = 0;
    bool *is_used = xcalloc(n_entries, sizeof *is_used);
    *changes = (struct baseline_changes){.loosened = xcalloc(n, sizeof *changes->loosened)};
    may_loosen |= b->is_new;
    for (uint32_t i = 0; i < n; i++) {
        if (sites[i].now.blocks) {
            site_of[n_ids] = i;
            ids[n_ids++] = sites[i].id;
        }
    }
    baseline_match(b, ids, n_ids, match);
    for (uint32_t i = 0; i < n_ids; i++) {
        const struct baseline_site *site = &sites[site_of[i]];
        if (match[i] != IDENTITY_NO_MATCH) {
            is_used[match[i]] = true;
            update_entry(&b->entries[match[i]], site, site_of[i], may_loosen, changes);
            continue;
        }
        changes->loosened[changes->n_loosened++] = site_of[i];
        if (may_loosen) {
            b->entries = xgrow(b->entries, b->n, &b->cap, sizeof *b->entries);
            b->entries[b->n++] = (struct baseline_entry){.id = *site->id, .limit = site->now};
        }
    }
    remove_unused(b, is_used, n_entries, changes);
    if (b->n) {
        qsort(b->entries, b->n, sizeof *b->entries, by_key);
    }
    free(ids);
    free(match);
    free(site_of);
    free(is_used);
}
