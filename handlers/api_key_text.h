/* api_key_text.h - what an API key looks like.
 *
 * "wsk_", 43 random letters and digits (256 bits), and 6 of a checksum, by which keys that were
 * mistyped, cut off or made up are told from real ones without the database, and leaked ones are
 * found in texts. Pure but for randomness; nothing suspends. */
#ifndef WAYSTONE_HANDLERS_API_KEY_TEXT_H
#define WAYSTONE_HANDLERS_API_KEY_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#define API_KEY_START "wsk_"
#define API_KEY_LENGTH 53
#define API_KEY_PREFIX_LENGTH 10 /* shown to its owner for ever: enough to know it by */
#define API_KEY_HASH_BYTES 32

/* A new key, NUL-terminated. */
void api_key_make(char ret[API_KEY_LENGTH + 1]);

bool api_key_is_well_formed(const char *text);

/* What is stored of it: SHA-256. Slower hashes are for what people think up. */
void api_key_hash(const char *key, uint8_t ret[API_KEY_HASH_BYTES]);

#endif
