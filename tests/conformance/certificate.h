/* certificate.h - a self-signed certificate for loopback, made in memory. */
#ifndef WAYSTONE_TESTS_CONFORMANCE_CERTIFICATE_H
#define WAYSTONE_TESTS_CONFORMANCE_CERTIFICATE_H

#include "base/buffer.h"

/* Appends both as PEM; the names are localhost and 127.0.0.1. Aborts when OpenSSL cannot. */
void make_certificate(struct buffer *certificate, struct buffer *key);

/* Path of a file in memory with this content, for as long as the process lives. */
const char *file_in_memory(struct bytes content);

#endif
