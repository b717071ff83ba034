#include "tests/conformance/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define VALID_S (24L * 3600)

static void must(bool done)
{
    if (!done)
        abort();
}

static void take_pem(BIO *bio, struct buffer *out)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);

    buffer_append(out, data, (size_t)length);
    BIO_free(bio);
}

static void add_extension(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

void make_certificate(struct buffer *certificate, struct buffer *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    X509_NAME *name;
    BIO *bio = BIO_new(BIO_s_mem());

    must(pair != NULL && made != NULL && bio != NULL);
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), VALID_S);
    X509_set_pubkey(made, pair);
    name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(made, name);
    add_extension(made, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    add_extension(made, NID_basic_constraints, "critical,CA:TRUE");
    must(X509_sign(made, pair, EVP_sha256()) > 0 && PEM_write_bio_X509(bio, made) == 1);
    take_pem(bio, certificate);
    bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL) == 1);
    take_pem(bio, key);
    X509_free(made);
    EVP_PKEY_free(pair);
}

const char *file_in_memory(struct bytes content)
{
    static char paths[4][32];
    static size_t used;
    int fd = memfd_create("pem", 0);

    must(fd >= 0 && used < 4 && write(fd, content.data, content.length) == (ssize_t)content.length);
    snprintf(paths[used], sizeof(paths[used]), "/proc/self/fd/%d", fd);
    return paths[used++];
}
