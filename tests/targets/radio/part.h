/* part.h - the C part of radio. */
#ifndef RADIO_PART_H
#define RADIO_PART_H

#include <openssl/ssl.h>

/* Connect to that port of 127.0.0.1. Returns a descriptor, or -1. */
int part_dial(int port);

/* A handshake over a connection of its own, one request, the answer. Returns the answer's bytes, or -1. */
int part_fetch(SSL *ssl, int port);

/* The same with an SSL of its own; three copies of the peer's certificate (X509) are lost. */
int leak_in_c(SSL_CTX *context, int port);

/* How many X509 leak_in_c() has lost. */
long leaked_in_c(void);

#endif
