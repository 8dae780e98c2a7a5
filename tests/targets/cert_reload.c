/* cert_reload.c - a TLS server that loads its certificate anew again and again, under real handshakes, and forgets to free the SSL_CTX
 * that it had before.
 *
 * usage: cert_reload CERTIFICATE KEY RELOADS HANDSHAKES [fixed]
 *
 * CERTIFICATE, KEY: files in PEM. RELOADS: 0 to 100000, after the first load. HANDSHAKES: with each SSL_CTX, 0 to 1000. fixed: it frees the old
 * one. The client is a thread of the same process, which connects over 127.0.0.1. So RELOADS contexts stay alive, or none. Behind each load and its
 * handshakes stands a mark, "reload".
 *
 * With BYTES=FILE in the environment OpenSSL takes its memory from functions of this program, which count what is alive, as requested: a line for each
 * mark. That is for a run without seep, which would see those functions.
 *
 * The books are of all objects of these types, also those that OpenSSL makes for itself: it calls an object's ex_data callbacks
 * when it makes and when it frees one (CRYPTO_get_ex_new_index(3)), so every object is counted by OpenSSL's own word. Written to stdout
 * as one JSON object when main() returns: {"TYPE": {"created": N, "freed": N, "alive": N}, …}. What this program makes and frees by its own calls
 * is counted beside it, and must be the same where it is known: SSL_CTX, SSL, X509.
 *
 * An X509 has its ex_data made anew when something is decoded into it (crypto/x509/x_x509.c, ASN1_OP_D2I_PRE). All of this program
 * are decoded once after they are made: two calls for each. (SSL_CTX_use_certificate_chain_file would make one that is not.)
 */
#include "../../include/seep.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SECONDS_MAX = 55, SOCKET_SECONDS_MAX = 20 };

enum { OF_CTX, OF_SSL, OF_SESSION, OF_X509, OF_STORE, OF_PKEY, OF_BIO, N_TYPES };

static const struct object_type {
    const char *name;
    int class_index, calls_per_object;
} types[N_TYPES] = {
    [OF_CTX] = {"SSL_CTX", CRYPTO_EX_INDEX_SSL_CTX, 1},
    [OF_SSL] = {"SSL", CRYPTO_EX_INDEX_SSL, 1},
    [OF_SESSION] = {"SSL_SESSION", CRYPTO_EX_INDEX_SSL_SESSION, 1},
    [OF_X509] = {"X509", CRYPTO_EX_INDEX_X509, 2},
    [OF_STORE] = {"X509_STORE", CRYPTO_EX_INDEX_X509_STORE, 1},
    [OF_PKEY] = {"EVP_PKEY", CRYPTO_EX_INDEX_EVP_PKEY, 1},
    [OF_BIO] = {"BIO", CRYPTO_EX_INDEX_BIO, 1},
};

static _Atomic long n_new[N_TYPES], n_free[N_TYPES];
static _Atomic long own_contexts[2], own_connections[2]; /* made, freed by calls below */
static _Atomic long own_certificates;                    /* read from files, and of peers */

static const char *certificate, *key;
static SSL_CTX *server_context;
static struct sockaddr_in address = {.sin_family = AF_INET};
static long n_handshakes;

/* ---- what OpenSSL has, in bytes ---- */

enum { HEAD_BYTES = 16 };

static _Atomic long alive_bytes;

static void *count_malloc(size_t n, const char *file, int line) {
    (void)file, (void)line;
    char *block = n ? malloc(n + HEAD_BYTES) : NULL;
    if (!block) {
        return NULL;
    }
    memcpy(block, &n, sizeof n);
    alive_bytes += (long)n;
    return block + HEAD_BYTES;
}

static void count_free_block(void *pointer, const char *file, int line) {
    (void)file, (void)line;
    if (pointer) {
        size_t n;
        memcpy(&n, (char *)pointer - HEAD_BYTES, sizeof n);
        alive_bytes -= (long)n;
        free((char *)pointer - HEAD_BYTES);
    }
}

static void *count_realloc(void *pointer, size_t n, const char *file, int line) {
    void *block = n ? count_malloc(n, file, line) : NULL;
    if (block && pointer) {
        size_t before;
        memcpy(&before, (char *)pointer - HEAD_BYTES, sizeof before);
        memcpy(block, pointer, before < n ? before : n);
    }
    if (block || n == 0) {
        count_free_block(pointer, file, line);
    }
    return block;
}

/* ---- ---- */

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void must(int is_good, const char *what) {
    if (!is_good) {
        fprintf(stderr, "cert_reload: %s\n", what);
        exit(2);
    }
}

static void count_new(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long type, void *unused) {
    (void)parent, (void)pointer, (void)data, (void)index, (void)unused;
    n_new[type]++;
}

static void count_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long type, void *unused) {
    (void)parent, (void)pointer, (void)data, (void)index, (void)unused;
    n_free[type]++;
}

static void book_context(const SSL_CTX *context) {
    must(context != NULL, "SSL_CTX_new");
    own_contexts[0]++;
}

static void free_context(SSL_CTX *context) {
    SSL_CTX_free(context);
    own_contexts[1] += context != NULL;
}

/* One end of a connection: a handshake, a byte each way, both say goodbye. */
static void talk(SSL_CTX *context, int fd, int is_server) {
    struct timeval limit = {.tv_sec = SOCKET_SECONDS_MAX};
    int on = 1;
    char byte = 'x';
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    SSL *ssl = SSL_new(context);
    must(ssl != NULL, "SSL_new");
    own_connections[0]++;
    must(SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (is_server) {
        must(SSL_accept(ssl) == 1, "SSL_accept");
        must(SSL_read(ssl, &byte, 1) == 1 && SSL_write(ssl, &byte, 1) == 1, "the server's byte");
    } else {
        must(SSL_connect(ssl) == 1, "SSL_connect");
        must(SSL_write(ssl, &byte, 1) == 1 && SSL_read(ssl, &byte, 1) == 1, "the client's byte");
        must(SSL_get_verify_result(ssl) == X509_V_OK, "the certificate");
        own_certificates++;
    }
    SSL_shutdown(ssl);
    SSL_read(ssl, &byte, 1); /* the other's goodbye */
    SSL_free(ssl);
    own_connections[1]++;
    close(fd);
}

static void *client(void *unused) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    book_context(context);
    must(SSL_CTX_load_verify_locations(context, certificate, NULL) == 1, "the client's trusted certificate");
    own_certificates++;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    for (long i = 0; i < n_handshakes; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
            die("cert_reload: connect");
        }
        talk(context, fd, 0);
    }
    free_context(context);
    return unused;
}

__attribute__((noinline)) void reload_certificate(int is_fixed) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    book_context(context);
    must(SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) == 1, "the certificate's file");
    own_certificates++;
    must(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1, "the key's file");
    must(SSL_CTX_check_private_key(context) == 1, "the key is another's");
    if (is_fixed) {
        free_context(server_context);
    }
    server_context = context;
}

static int listen_somewhere(void) {
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) < 0) {
        die("cert_reload: listen");
    }
    return fd;
}

static long number(const char *text, long low, long high) {
    char *end;
    long n = strtol(text, &end, 10);
    must(*text && !*end && n >= low && n <= high, "usage: cert_reload CERTIFICATE KEY RELOADS HANDSHAKES [fixed]");
    return n;
}

static void print_books(void) {
    for (int i = 0; i < N_TYPES; i++) {
        long n = types[i].calls_per_object;
        long freed = n_free[i] - (n - 1) * (n_new[i] / n);
        must(n_new[i] % n == 0, "an object was made in another way than these books know");
        printf("%s\"%s\": {\"created\": %ld, \"freed\": %ld, \"alive\": %ld}", i ? ", " : "{", types[i].name, n_new[i] / n,
               freed, n_new[i] - n_free[i]);
    }
    printf("}\n");
    must(n_new[OF_CTX] == own_contexts[0] && n_free[OF_CTX] == own_contexts[1], "the two books of SSL_CTX differ");
    must(n_new[OF_X509] == 2 * own_certificates, "the two books of X509 differ");
    must(n_new[OF_SSL] == own_connections[0] && n_free[OF_SSL] == own_connections[1], "the two books of SSL differ");
}

int main(int argc, char **argv) {
    must(argc == 5 || (argc == 6 && strcmp(argv[5], "fixed") == 0),
         "usage: cert_reload CERTIFICATE KEY RELOADS HANDSHAKES [fixed]");
    certificate = argv[1];
    key = argv[2];
    long n_reloads = number(argv[3], 0, 100000), n_each = number(argv[4], 0, 1000);
    alarm(SECONDS_MAX);
    FILE *bytes = getenv("BYTES") ? fopen(getenv("BYTES"), "w") : NULL;
    must(!bytes || CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free_block) == 1,
         "CRYPTO_set_mem_functions");
    for (long i = 0; i < N_TYPES; i++) {
        must(CRYPTO_get_ex_new_index(types[i].class_index, i, NULL, count_new, NULL, count_free) >= 0,
             "CRYPTO_get_ex_new_index");
    }
    int fd = listen_somewhere();
    pthread_t thread;
    n_handshakes = (n_reloads + 1) * n_each;
    must(pthread_create(&thread, NULL, client, NULL) == 0, "pthread_create");
    for (long i = 0; i <= n_reloads; i++) {
        reload_certificate(argc == 6);
        for (long k = 0; k < n_each; k++) {
            int connection = accept(fd, NULL, NULL);
            if (connection < 0) {
                die("cert_reload: accept");
            }
            talk(server_context, connection, 1);
        }
        seep_mark("reload");
        if (bytes) {
            fprintf(bytes, "%ld\n", alive_bytes);
        }
    }
    pthread_join(thread, NULL);
    free_context(server_context);
    close(fd);
    print_books();
    return bytes && fclose(bytes) != 0;
}
