/* busy.c - threads that do nothing but build, rewrite and drop small documents: the trace's worst case with threads.
 *
 * A document is a tree of nodes with names and texts of random length, an array of children that grows by realloc, and an
 * index that is made and dropped again. Every fourth document goes to the next thread, which drops it: frees across threads.
 *
 *   busy THREADS DOCUMENTS     (documents of each thread)
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 64, NODES_MAX = 64, FANOUT = 6, HELD = 16 };

struct node {
    char *name, *text;
    struct node **children;
    unsigned n_children, cap_children;
};

struct worker {
    pthread_t thread;
    uint64_t random;
    long n_documents;
    unsigned n_nodes;
    struct node *held[HELD];
    struct worker *next;
    pthread_mutex_t lock; /* protects letter */
    struct node *letter;
} __attribute__((aligned(128)));

#define APART __attribute__((noinline, noclone))

static uint32_t next_random(struct worker *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 11);
}

static APART char *make_string(struct worker *w, unsigned at_most) {
    unsigned n = 1 + next_random(w) % at_most;
    char *s = malloc(n + 1);
    memset(s, 'a' + (int)(n % 26), n);
    s[n] = '\0';
    return s;
}

static APART void add_child(struct node *parent, struct node *child) {
    if (parent->n_children == parent->cap_children) {
        parent->cap_children = parent->cap_children ? 2 * parent->cap_children : 2;
        parent->children = realloc(parent->children, parent->cap_children * sizeof *parent->children);
    }
    parent->children[parent->n_children++] = child;
}

static APART struct node *make_node(struct worker *w, int level) {
    struct node *n = calloc(1, sizeof *n);
    w->n_nodes++;
    n->name = make_string(w, 12);
    if (next_random(w) & 1) {
        n->text = make_string(w, 48);
    }
    for (unsigned i = next_random(w) % FANOUT; level < 5 && i > 0 && w->n_nodes < NODES_MAX; i--) {
        add_child(n, make_node(w, level + 1));
    }
    return n;
}

static APART void drop_node(struct node *n) {
    for (unsigned i = 0; i < n->n_children; i++) {
        drop_node(n->children[i]);
    }
    free(n->children);
    free(n->text);
    free(n->name);
    free(n);
}

static APART void rewrite(struct worker *w, struct node *n) {
    char *joined = malloc(strlen(n->name) + (n->text ? strlen(n->text) : 0) + 2);
    strcpy(joined, n->name);
    strcat(joined, n->text ? n->text : "");
    if (next_random(w) & 3) {
        free(joined);
    } else {
        free(n->text);
        n->text = joined;
    }
    for (unsigned i = 0; i < n->n_children; i++) {
        rewrite(w, n->children[i]);
    }
}

static APART void send_document(struct worker *to, struct node *document) {
    pthread_mutex_lock(&to->lock);
    struct node *old = to->letter;
    to->letter = document;
    pthread_mutex_unlock(&to->lock);
    if (old) {
        drop_node(old);
    }
}

static APART void keep_document(struct worker *w, struct node *document) {
    struct node **slot = &w->held[next_random(w) % HELD];
    if (*slot) {
        drop_node(*slot);
    }
    *slot = document;
}

static void *work(void *arg) {
    struct worker *w = arg;
    for (long i = 0; i < w->n_documents; i++) {
        w->n_nodes = 0;
        struct node *document = make_node(w, 0);
        rewrite(w, document);
        if (i % 4 == 0) {
            send_document(w->next, document);
        } else {
            keep_document(w, document);
        }
    }
    for (int i = 0; i < HELD; i++) {
        if (w->held[i]) {
            drop_node(w->held[i]);
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct worker w[THREADS_MAX];
    int n = argc == 3 ? atoi(argv[1]) : 0;
    if (n < 1 || n > THREADS_MAX) {
        fputs("usage: busy THREADS DOCUMENTS\n", stderr);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        w[i].random = 88172645463325252ull + 7919ull * (unsigned)i;
        w[i].n_documents = atol(argv[2]);
        w[i].next = &w[(i + 1) % n];
        pthread_mutex_init(&w[i].lock, NULL);
    }
    for (int i = 0; i < n; i++) {
        pthread_create(&w[i].thread, NULL, work, &w[i]);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
    }
    return 0;
}
