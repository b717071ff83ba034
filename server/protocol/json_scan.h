/* json_scan.h - a look at JSON text before it is parsed.
 *
 * yajl builds trees of any depth, lets comments pass and hands strings over without their
 * length; this finds what must not come that far. Linear, no memory. Pure. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_SCAN_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_SCAN_H

#include <stddef.h>

/* NULL, or a sentence that says what is wrong. */
const char *json_scan(const char *text, size_t length);

#endif
