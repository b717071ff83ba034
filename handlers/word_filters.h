/* word_filters.h - the word filters as every loop keeps them.
 *
 * Read once, and again within half a second of a change. Belongs to the loop's thread. */
#ifndef WAYSTONE_HANDLERS_WORD_FILTERS_H
#define WAYSTONE_HANDLERS_WORD_FILTERS_H

#include "handlers/app.h"
#include "handlers/rules/filters.h"

#define WORD_FILTERS_MAX 500

void word_filters_open(struct app *app);
void word_filters_close(struct app *app); /* after the database */

/* Those in force now; valid until the caller suspends. Suspends itself only until this loop has
 * read them for the first time: UNAVAILABLE if it cannot. */
enum status word_filters_get(struct app *app, const struct filter_set **ret) MUST_CHECK;

/* Reads them anew on this loop, after a change was committed. A failure leaves it to the next
 * turn of the loop's own reading. Suspends. */
void word_filters_changed(struct app *app);

#endif
