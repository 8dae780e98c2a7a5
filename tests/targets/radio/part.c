/* part.c - the C part of radio (main.rs): sockets for the other two, and certificates that nobody frees. */
#include "part.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SECONDS_MAX = 20 };

static long n_leaked;

int part_dial(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = SECONDS_MAX};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Ask the server for its page. Returns how many bytes it has, or -1. */
static int fetch(SSL *ssl) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char page[4096];
    int n, n_page = 0;
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, sizeof request - 1) <= 0) {
        return -1;
    }
    while ((n = SSL_read(ssl, page, sizeof page)) > 0) {
        n_page += n;
    }
    SSL_shutdown(ssl);
    return n_page;
}

int part_fetch(SSL *ssl, int port) {
    int fd = part_dial(port);
    if (fd < 0 || SSL_set_fd(ssl, fd) != 1) {
        return -1;
    }
    int n_page = fetch(ssl);
    close(fd);
    return n_page;
}

__attribute__((noinline)) int leak_in_c(SSL_CTX *context, int port) {
    SSL *ssl = SSL_new(context);
    int n_page = part_fetch(ssl, port);
    X509 *peer = SSL_get1_peer_certificate(ssl);
    for (int i = 0; i < 3; i++) {
        n_leaked += X509_dup(peer) != NULL; /* here it is lost */
    }
    X509_free(peer);
    SSL_free(ssl);
    return n_page;
}

long leaked_in_c(void) {
    return n_leaked;
}
