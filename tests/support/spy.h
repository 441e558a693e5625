/*
 * spy.h - making a struct wp_spy (world.h says what it can do).
 */
#ifndef WP_TESTS_SUPPORT_SPY_H
#define WP_TESTS_SUPPORT_SPY_H

#include "tests/support/world.h"

/* Stand before real, which the caller still has to close. */
void wp_spy_init(struct wp_spy *spy, struct wp_store *real);

#endif /* WP_TESTS_SUPPORT_SPY_H */
